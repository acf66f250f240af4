import assert from "node:assert/strict";
import { Incus } from "../../components/incus/api";
import { incusPower, powerOf } from "../../ops/drill/power";
import { OpsError } from "../../ops/errors";
import { FakeIncus } from "./incus-fake";
import { fakeCluster } from "./ops-fixture";

const stack = { "user.pgha.stack": "pgha-dev" };
const linked = { ...stack, "volatile.eth0.host_name": "veth1" };
const name = "pgha-dev-postgresql1";

describe("power over machines of Incus", () => {
  let fake: FakeIncus;
  beforeEach(async () => (fake = await new FakeIncus().start()));
  afterEach(async () => {
    await fake.stop();
    assert.deepEqual(fake.faults, []);
  });

  const node = fakeCluster().nodes.find((each) => each.name === "postgresql1")!;
  /** The power, with links of the host that are up unless they are in `down`; what happens goes to `fake.requests` too. */
  function makePower(down = new Set<string>()) {
    return incusPower("pgha-dev", new Incus(fake.socket), {
      isUp: (link) => !down.has(link),
      set(link, state) {
        fake.requests.push(`LINK ${link} ${state}`);
        if (state === "up") down.delete(link);
        else down.add(link);
        return Promise.resolve();
      },
    });
  }

  it("pulls the cable before it takes the power, and brings the machine back", async () => {
    fake.instance(name, linked);
    const power = makePower();
    await power.off(node);
    assert.deepEqual(fake.changes, ["LINK veth1 down", `PUT /1.0/instances/${name}/state`]);
    assert.equal(fake.instances.get(name)!.status, "Stopped");
    assert.deepEqual(await power.on(node), ["it was off"]);
    assert.equal(fake.instances.get(name)!.status, "Running");
  });

  it("has a machine stand still, and wakes it", async () => {
    fake.instance(name, linked);
    const power = makePower();
    await power.freeze(node);
    assert.equal(fake.instances.get(name)!.status, "Frozen");
    assert.deepEqual(await power.on(node), ["it was frozen"]);
    assert.equal(fake.instances.get(name)!.status, "Running");
  });

  it("puts the cable back when the power never went", async () => {
    fake.instance(name, linked);
    const power = makePower(new Set(["veth1"]));
    assert.deepEqual(await power.on(node), ["its network was down"]);
    assert.deepEqual(await power.on(node), []);
  });

  it("shuts a machine down cleanly", async () => {
    fake.instance(name, linked);
    await makePower().stop(node);
    assert.deepEqual(fake.changes, [`PUT /1.0/instances/${name}/state`]);
    assert.equal(fake.instances.get(name)!.status, "Stopped");
  });

  for (const size of ["4GiB", undefined]) {
    it(`restores a disk of ${size ?? "no limit"}, once`, async () => {
      fake.instance(name, { ...linked, "user.pgha.drill-disk": size ?? "none" });
      const { devices } = fake.instances.get(name)!;
      devices.root = { type: "disk", path: "/", size: "12345" };
      const power = makePower();
      assert.deepEqual(await power.restoreDisk(node), ["its disk was restricted"]);
      assert.deepEqual(fake.instances.get(name)!.devices.root, { type: "disk", path: "/", ...(size && { size }) });
      // Taken off and put on again: Incus does nothing about a size that reads as before.
      assert.equal(fake.changes.length, 2);
      assert.equal("user.pgha.drill-disk" in fake.instances.get(name)!.config, false);
      assert.deepEqual(await power.restoreDisk(node), []);
    });
  }

  it("leaves machines alone that are not the cluster's", async () => {
    fake.instance(name, { "user.pgha.stack": "pgha-other" });
    await assert.rejects(makePower().off(node), (error: Error) => {
      assert.ok(error instanceof OpsError);
      assert.match(error.message, /no machine pgha-dev-postgresql1/);
      return true;
    });
    assert.deepEqual(fake.changes, []);
  });
});

describe("power over machines of another driver", () => {
  it("is not there, and says so", async () => {
    const cluster = fakeCluster();
    cluster.outputs.cluster.driver = "aws";
    const power = powerOf(cluster);
    assert.match(power.unavailable!, /driver aws/);
    await assert.rejects(power.off(cluster.nodes[0]!), OpsError);
    assert.deepEqual(await power.on(cluster.nodes[0]!), []);
  });
});
