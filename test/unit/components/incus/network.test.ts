import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as os from "node:os";
import type { NetworkInputs, NetworkOutputs } from "../../../../components/incus/model";
import { networkProvider } from "../../../../components/incus/network";
import { FakeIncus } from "../../support/incus-fake";

/** A block for documentation: no machine has a route to it. */
const inputs: NetworkInputs = { name: "pgha-dev", cidr: "203.0.113.0/24", stack: "dev" };
const written = {
  "ipv4.address": "203.0.113.1/24",
  "ipv4.nat": "true",
  "ipv4.dhcp": "true",
  "ipv6.address": "none",
  "user.pgha.stack": "dev",
};
const outputs: NetworkOutputs = { ...inputs, gateway: "203.0.113.1", intact: true };

describe("incus: network", () => {
  let fake: FakeIncus;
  let network: ReturnType<typeof networkProvider>;
  const socketBefore = process.env.INCUS_SOCKET;
  const failures = async (over: Partial<NetworkInputs> = {}, olds: Partial<NetworkInputs> = {}) =>
    (await network.check(olds, { ...inputs, ...over })).failures!.map(({ reason }) => reason);

  beforeEach(async () => {
    fake = await new FakeIncus().start();
    process.env.INCUS_SOCKET = fake.socket;
    network = networkProvider();
  });
  afterEach(async () => {
    if (socketBefore === undefined) delete process.env.INCUS_SOCKET;
    else process.env.INCUS_SOCKET = socketBefore;
    await fake.stop();
    assert.deepEqual(fake.faults, []);
  });

  it("is made, read, and removed", async () => {
    assert.deepEqual(await network.create(inputs), { id: "pgha-dev", outs: outputs });
    assert.deepEqual(fake.networks.get("pgha-dev")!.config, written);
    assert.deepEqual(await network.read("pgha-dev", outputs), { id: "pgha-dev", props: outputs });
    await network.delete("pgha-dev", outputs);
    assert.equal(fake.networks.size, 0);
    await network.delete("pgha-dev", outputs);
    assert.deepEqual(await network.read("pgha-dev", outputs), { id: "" });
  });

  it("heals settings that were changed outside, without replacing the machines on it", async () => {
    fake.network("pgha-dev", { ...written, "ipv4.nat": "false", "user.theirs": "kept" });
    const { props } = await network.read("pgha-dev", outputs);
    assert.equal(props.intact, false);
    const { changes, replaces } = await network.diff("pgha-dev", props, inputs);
    assert.deepEqual([changes, replaces], [true, []]);
    assert.deepEqual(await network.update("pgha-dev", props, inputs), { outs: outputs });
    assert.deepEqual(fake.networks.get("pgha-dev")!.config, { ...written, "user.theirs": "kept" });
  });

  it("sees no change in none, and replaces for another block", async () => {
    assert.equal((await network.diff("pgha-dev", outputs, inputs)).changes, false);
    const { replaces, deleteBeforeReplace } = await network.diff("pgha-dev", outputs, {
      ...inputs,
      cidr: "10.9.0.0/24",
    });
    assert.deepEqual([replaces, deleteBeforeReplace], [["cidr"], true]);
  });

  it("takes over one that a broken-off run made", async () => {
    fake.network("pgha-dev", { ...written, "ipv4.address": "203.0.113.65/26" });
    assert.deepEqual(await failures(), []);
    await network.create(inputs);
    assert.deepEqual(fake.networks.get("pgha-dev")!.config, written);
  });

  it("refuses one that is foreign, or that machines of another state use", async () => {
    fake.network("pgha-dev", {});
    assert.match((await failures())[0]!, /pgha did not make/);
    await assert.rejects(network.create(inputs), /pgha did not make/);
    fake.network("pgha-dev", written, [], false);
    assert.match((await failures())[0]!, /pgha did not make/);
    fake.network("pgha-dev", written, ["pgha-dev-a", "pgha-dev-b"]);
    assert.match(
      (await failures())[0]!,
      /incus delete --force pgha-dev-a pgha-dev-b` and `incus network delete pgha-dev/,
    );
    assert.deepEqual(fake.changes, []);
  });

  it("leaves another network of its name alone", async () => {
    fake.network("pgha-dev", { ...written, "user.pgha.stack": "other" });
    assert.deepEqual(await network.read("pgha-dev", outputs), { id: "" });
    await network.delete("pgha-dev", outputs);
    assert.equal(fake.networks.size, 1);
  });

  it("finds nothing wrong with the old network when its replacement is checked", async () => {
    const name = "pgha-old";
    fake.network(name, written, ["pgha-dev-a"]);
    assert.equal((await failures({ name })).length, 1);
    // Pulumi checks a replacement as a change first, and then without the old inputs.
    assert.deepEqual(await failures({ name }, { ...inputs, name, cidr: "198.51.100.0/24" }), []);
    assert.deepEqual(await failures({ name }), []);
  });

  it("names the setting when the block overlaps a route of this machine", async function () {
    const taken = fs.readFileSync("/proc/net/route", "utf8").split("\n").length > 2;
    const own = Object.values(os.networkInterfaces())
      .flat()
      .find((each) => each?.family === "IPv4" && !each.internal);
    if (!taken || !own) this.skip();
    assert.match((await failures({ cidr: `${own.address}/32` }))[0]!, /overlaps .* through .*pgha:network\.cidr/);
    // An existing network overlaps itself: no trouble, and nothing is asked.
    assert.deepEqual(await failures({ cidr: `${own.address}/32` }, { ...inputs, cidr: `${own.address}/32` }), []);
    assert.match((await failures({ cidr: `${own.address}/32` }, inputs))[0]!, /overlaps/);
  });

  it("does not take the route of the network that it replaces for another's", async function () {
    const [name, [own]] = Object.entries(os.networkInterfaces())
      .map(([name, all]) => [name, all!.filter(({ family, internal }) => family === "IPv4" && !internal)] as const)
      .find(([, all]) => all.length > 0) ?? ["", []];
    if (!own) this.skip();
    const renamed = { name: "pgha-renamed", cidr: `${own.address}/32` };
    assert.match((await failures(renamed))[0]!, /overlaps/);
    assert.deepEqual(await failures(renamed, { ...inputs, ...renamed, name }), []);
    assert.deepEqual(await failures(renamed), [], "nor when its replacement is checked as if it were new");
  });

  it("refuses names and blocks that are none", async () => {
    assert.match((await failures({ name: "pgha-a-very-long-name" }))[0]!, /2 to 15/);
    assert.match((await failures({ cidr: "10.0.0.300/24" }))[0]!, /pgha:network\.cidr/);
  });

  it("removes its stack's leftovers with it, and only those", async () => {
    fake.network("pgha-dev", written, ["left", "theirs"]);
    fake.instance("left", { "user.pgha.stack": "dev" });
    fake.instance("theirs", { "user.pgha.stack": "other" });
    await assert.rejects(network.delete("pgha-dev", outputs), /could not be deleted: The network is currently in use/);
    assert.deepEqual([...fake.instances.keys()], ["theirs"]);
    fake.instances.clear();
    await network.delete("pgha-dev", outputs);
    assert.equal(fake.networks.size, 0);
  });
});
