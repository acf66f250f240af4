import assert from "node:assert/strict";
import { Incus } from "../../../../components/incus/api";
import { powerOf } from "../../../../ops/drill/power";
import { incusPower } from "../../../../ops/drill/power/incus";
import { OpsError } from "../../../../ops/errors";
import { FakeIncus } from "../../support/incus-fake";
import { fakeCluster, fakeReached, unreachable, type Answer } from "../../support/ops-fixture";
import { FakeEc2, machineIs } from "../../support/ec2";

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

describe("power over machines of EC2", () => {
  const states: string[] = [];
  let refusal: { error: string; message: string } | undefined;
  let ec2: FakeEc2;
  beforeEach(async () => {
    states.splice(0);
    refusal = undefined;
    ec2 = await new FakeEc2(({ Action }) => {
      if (refusal) return refusal;
      if (Action !== "DescribeInstances") return "";
      const state = states.length > 1 ? states.shift() : states[0];
      return state ? machineIs(state) : "<reservationSet/>";
    }).start();
  });
  afterEach(() => ec2.stop());

  /** The cluster's power, and what it ran on the node itself. */
  function makePower(answer: Answer = "") {
    const reached = fakeReached(() => answer);
    reached.cluster.facts.driver = "aws";
    return { power: powerOf(reached), asked: reached.runner.asked };
  }
  const node = { ...fakeCluster().nodes[1]!, name: "postgresql1", zone: "eu-central-1b", instance: "i-0a1b2c3d" };
  const refuses = (promise: Promise<unknown>, message: RegExp) =>
    assert.rejects(promise, (error) => error instanceof OpsError && message.test(error.message));

  it("silences a machine before it takes the power, without a clean shutdown", async () => {
    const { power, asked } = makePower();
    await power.off(node);
    assert.match(asked[0]!.script, /hook output .*; drop; /);
    assert.deepEqual(ec2.actions, ["StopInstances"]);
    const { "InstanceId.1": id, Force, SkipOsShutdown } = ec2.asked[0]!;
    assert.deepEqual([id, Force, SkipOsShutdown], ["i-0a1b2c3d", "true", "true"]);
  });

  it("leaves the power on when the machine cannot be silenced", async () => {
    await refuses(makePower(unreachable).power.off(node), /postgresql1 could not be cut off first: connect to host/);
    assert.deepEqual(ec2.actions, []);
  });

  it("shuts a machine down cleanly", async () => {
    await makePower().power.stop(node);
    assert.deepEqual(ec2.actions, ["StopInstances"]);
    assert.equal(ec2.asked[0]!.Force, undefined);
  });

  it("starts a machine again once it has stopped, and leaves one alone that runs", async function () {
    this.timeout(10_000); // it looks every 2 s
    states.push("stopping", "stopped", "running");
    assert.deepEqual(await makePower().power.on(node), ["it was off"]);
    assert.deepEqual(ec2.actions, ["DescribeInstances", "DescribeInstances", "StartInstances", "DescribeInstances"]);
    assert.deepEqual(await makePower().power.on(node), []);
  });

  it("says what became of a machine that is gone, and of one that the stack does not know", async () => {
    const { power } = makePower();
    await refuses(power.on(node), /postgresql1, i-0a1b2c3d, is gone; `npm run up`/);
    states.push("terminated");
    await refuses(power.on(node), /is terminated; `npm run up`/);
    await refuses(power.on({ ...node, instance: undefined }), /does not know which EC2 instance postgresql1 is/);
  });

  it("says what is not allowed", async () => {
    refusal = { error: "UnauthorizedOperation", message: "You are not authorized." };
    await refuses(makePower().power.stop(node), /^AWS refuses ec2:StopInstances to these credentials: You are not/);
  });

  it("has no pause and no smaller disk, and says why", async () => {
    const { power } = makePower();
    assert.match(power.cannot("freeze")!, /cannot pause/);
    assert.match(power.cannot("restrictDisk")!, /EBS/);
    assert.deepEqual([power.cannot("off"), power.cannot("stop")], [undefined, undefined]);
    await refuses(power.freeze(node), /cannot pause/);
    await refuses(power.restrictDisk(node, 1), /EBS/);
    assert.deepEqual(await power.restoreDisk(node), []);
  });
});
