import assert from "node:assert/strict";
import * as fs from "node:fs";
import * as net from "node:net";
import * as path from "node:path";
import { createRequire } from "node:module";
import { instance, instanceProvider } from "../../../../components/incus/instance";
import type { InstanceInputs, InstanceOutputs } from "../../../../components/incus/model";
import { network } from "../../../../components/incus/network";
import { providerText } from "../../../../components/incus/resources";
import { FakeIncus } from "../../support/incus-fake";
import { inputs } from "../../support/incus-inputs";

const NAME = inputs.name;
/** What Pulumi sends in a preview for what is not known yet. */
const unknown = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
/** As the mark on an instance keeps the key. */
const OURS = { "user.pgha.stack": "dev", "user.pgha.host-key": "ssh-ed25519 AAAA" };

describe("incus: instance", () => {
  let fake: FakeIncus;
  let greeted: string[];
  let sshWorks: boolean;
  const socketBefore = process.env.INCUS_SOCKET;
  let provider: typeof instance;
  const made = async (over: Partial<InstanceInputs> = {}) =>
    (await provider.create({ ...inputs, ...over })).outs as InstanceOutputs;

  beforeEach(async () => {
    fake = await new FakeIncus().start();
    process.env.INCUS_SOCKET = fake.socket;
    [greeted, sshWorks] = [[], true];
    provider = instanceProvider(async (address) => {
      greeted.push(address);
      return sshWorks;
    });
  });
  afterEach(async () => {
    if (socketBefore === undefined) delete process.env.INCUS_SOCKET;
    else process.env.INCUS_SOCKET = socketBefore;
    await fake.stop();
    assert.deepEqual(fake.faults, []);
  });

  describe("check", () => {
    const failures = async (over: Partial<InstanceInputs>, olds: Partial<InstanceInputs> = {}) =>
      (await provider.check(olds, { ...inputs, publish: [], ...over })).failures!.map(({ reason }) => reason);

    it("fills in defaults, and finds nothing wrong where all is in place", async () => {
      const { type, running, filtering, publish, config, ...given } = inputs;
      const { inputs: checked, failures } = await provider.check({}, given as InstanceInputs);
      assert.deepEqual(failures, []);
      assert.deepEqual(checked, { ...given, type, running, filtering, publish: [], config: {} });
      assert.ok(running && filtering && publish && config);
    });

    it("asks nothing of Incus for a machine that exists and does not change", async () => {
      await fs.promises.rm(fake.socket);
      assert.deepEqual(await failures({}, inputs), []);
    });

    it("reports every missing thing at once, before anything is made", async () => {
      fake.images.clear();
      fake.pools.clear();
      const holder = net.createServer();
      await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
      const { port } = holder.address() as net.AddressInfo;
      const found = await failures({ publish: [{ listen: `127.0.0.1:${port}`, port: 1 }] });
      // For one that exists only new ports are looked at.
      const publish = [{ listen: `127.0.0.1:${port}`, port: 1 }];
      assert.equal((await failures({ publish }, { ...inputs, publish: [] })).length, 1);
      assert.deepEqual(await failures({ publish }, { ...inputs, publish }), []);
      await new Promise((resolve) => holder.close(resolve));
      assert.equal(found.length, 3);
      assert.match(found[0]!, /no image img: run `npm run setup`/);
      assert.match(found[1]!, /no storage pool pool: run `npm run setup`/);
      assert.match(found[2]!, /already in use.*pgha:ports/);
      assert.deepEqual(fake.changes, []);
    });

    it("refuses a name that something else has", async () => {
      fake.instance(NAME);
      assert.match((await failures({}))[0]!, /pgha did not make/);
      fake.instance(NAME, { ...OURS, "user.pgha.host-key": "ssh-ed25519 OTHER" });
      assert.match((await failures({}))[0]!, /another checkout made it.*incus delete --force pgha-dev-db1/);
      fake.instance(NAME, OURS);
      assert.deepEqual(await failures({}), []);
    });

    it("does not guess whose machine it is while a preview does not know the key", async () => {
      fake.instance(NAME, OURS);
      const hostKey = { privateKey: unknown, publicKey: unknown };
      assert.deepEqual(await failures({ hostKey }), []);
      assert.deepEqual(await failures({ hostKey: unknown as unknown as InstanceInputs["hostKey"] }), []);
      fake.instance(NAME, { "user.pgha.stack": "other" });
      assert.match((await failures({ hostKey }))[0]!, /pgha did not make/);
    });

    it("finds nothing wrong with the old machine when its replacement is checked", async () => {
      const name = "pgha-dev-replaced";
      fake.instance(name, { ...OURS, "user.pgha.host-key": "ssh-ed25519 OLD" });
      assert.equal((await failures({ name })).length, 1);
      // Pulumi checks a replacement as a change first, and then without the old inputs.
      assert.deepEqual(await failures({ name }, { ...inputs, name }), []);
      assert.deepEqual(await failures({ name }), []);
      fake.images.clear();
      assert.match((await failures({ name }))[0]!, /no image/, "it would be missed only after the old one is gone");
    });

    it("leaves the old machine its ports when it gets another name", async () => {
      const holder = net.createServer();
      await new Promise<void>((resolve) => holder.listen(0, "127.0.0.1", resolve));
      const publish = [{ listen: `127.0.0.1:${(holder.address() as net.AddressInfo).port}`, port: 1 }];
      const renamed = { name: "pgha-renamed-db1", publish };
      try {
        assert.match((await failures(renamed))[0]!, /already in use/);
        assert.deepEqual(await failures(renamed, { ...inputs, publish }), []);
        assert.deepEqual(await failures(renamed), []);
      } finally {
        await new Promise((resolve) => holder.close(resolve));
      }
    });

    it("says what to do without a daemon", async () => {
      await fs.promises.rm(fake.socket);
      assert.match((await failures({}))[0]!, /Incus can't be reached.*npm run setup/);
    });

    it("refuses virtual machines, a shrinking disk and marks of its own", async () => {
      assert.match((await failures({ config: { "user.pgha.stack": "x" } }))[0]!, /keeps marks/);
      assert.match((await failures({ type: "virtual-machine" }))[0]!, /only containers/);
      assert.match((await failures({ diskGiB: 3 }, inputs))[0]!, /can't shrink: write 4 or more/);
    });
  });

  describe("diff", () => {
    const outputs = { ...inputs, hostKey: { publicKey: inputs.hostKey.publicKey }, incarnation: "u" };
    const diff = async (over: object) => provider.diff(NAME, outputs, { ...inputs, ...over });

    for (const [what, over] of [
      ["nothing", {}],
      ["user data", { userData: "other" }],
      ["image", { image: "newer" }],
      ["user data that is not known yet", { userData: unknown }],
    ] as const) {
      it(`sees no change in ${what}`, async () => assert.equal((await diff(over)).changes, false));
    }
    for (const over of [
      { cpus: 1 },
      { memoryMiB: 1024 },
      { diskGiB: 9 },
      { publish: [] },
      { running: false },
      { config: {} },
    ]) {
      it(`updates ${Object.keys(over)[0]} in place`, async () => {
        const { changes, replaces } = await diff(over);
        assert.deepEqual([changes, replaces], [true, []]);
      });
    }
    for (const [over, key] of [
      [{ name: "n" }, "name"],
      [{ hostname: "n" }, "hostname"],
      [{ address: "10.88.0.99" }, "address"],
      [{ network: unknown }, "network"],
      [{ pool: "n" }, "pool"],
      [{ hostKey: { privateKey: "p", publicKey: "ssh-ed25519 BBBB" } }, "hostKey"],
      [{ hostKey: unknown }, "hostKey"],
    ] as const) {
      it(`replaces for ${JSON.stringify(over)}, the old machine first`, async () => {
        const { changes, replaces, deleteBeforeReplace } = await diff(over);
        assert.deepEqual([changes, replaces, deleteBeforeReplace], [true, [key], true]);
      });
    }
  });

  describe("create", () => {
    it("makes it, writes the host key, starts it, waits for SSH, and returns no secret", async () => {
      const { id, outs } = await provider.create(inputs);
      const path = `/1.0/instances/${NAME}`;
      assert.deepEqual(fake.changes, [
        "POST /1.0/instances",
        `POST ${path}/metadata/templates`,
        `POST ${path}/metadata/templates`,
        `PATCH ${path}/metadata`,
        `PUT ${path}/state`,
      ]);
      assert.deepEqual(fake.instances.get(NAME)!.files, {
        "/etc/ssh/ssh_host_ed25519_key": "0600 PRIVATE\n",
        "/etc/ssh/ssh_host_ed25519_key.pub": "0644 ssh-ed25519 AAAA\n",
      });
      assert.equal(fake.instances.get(NAME)!.status, "Running");
      assert.deepEqual(greeted, [inputs.address]);
      assert.equal(id, NAME);
      assert.deepEqual(outs, {
        ...inputs,
        hostKey: { publicKey: "ssh-ed25519 AAAA comment" },
        incarnation: `uuid-${NAME}`,
      });
    });

    it("leaves one off that is not to run", async () => {
      await made({ running: false });
      assert.equal(fake.instances.get(NAME)!.status, "Stopped");
      assert.deepEqual(greeted, []);
    });

    it("recreates what an interrupted run left half-made", async () => {
      fake.instance(NAME, { ...OURS, "volatile.uuid": "old" });
      const outs = await made();
      assert.equal(outs.incarnation, `uuid-${NAME}`);
      assert.equal(fake.changes[0], `PUT /1.0/instances/${NAME}/state`);
      assert.equal(fake.changes[1], `DELETE /1.0/instances/${NAME}`);
    });

    it("leaves a half-made one while there is no image to make another of", async () => {
      fake.instance(NAME, OURS);
      fake.images.clear();
      await assert.rejects(made(), /no image img/);
      assert.deepEqual(fake.changes, []);
    });

    it("touches nothing that is not its own", async () => {
      fake.instance(NAME);
      await assert.rejects(made(), /pgha did not make/);
      assert.deepEqual(fake.changes, []);
    });

    it("removes one whose key could not be written", async () => {
      fake.refusals.push({ request: `POST /1.0/instances/${NAME}/metadata/templates`, error: "no space" });
      await assert.rejects(made(), /pgha-dev-db1: its SSH host key could not be written: no space/);
      assert.equal(fake.instances.size, 0);
    });

    it("hands one that does not start to the state, so that destroy removes it", async () => {
      fake.refusals.push({
        request: `PUT /1.0/instances/${NAME}/state`,
        error: "bind: address already in use",
        late: true,
      });
      const error = await rejection(made());
      assert.match(error.message, /could not be started: bind: address already in use.*pgha:ports/);
      assert.equal(error.id, NAME);
      assert.equal(error.properties.hostKey.privateKey, undefined);
      assert.deepEqual(error.reasons, [error.message]);
    });

    it("names the console when SSH does not answer", async () => {
      sshWorks = false;
      const error = await rejection(made());
      assert.match(error.message, /10\.88\.0\.21:22 within 120 s.*incus console --show-log pgha-dev-db1/);
      assert.equal(error.id, NAME);
    });
  });

  describe("read", () => {
    it("sees a stopped machine, and one that is gone", async () => {
      const outs = await made();
      assert.deepEqual((await provider.read(NAME, outs)).props, outs);
      fake.instances.get(NAME)!.status = "Stopped";
      assert.equal((await provider.read(NAME, outs)).props.running, false);
      fake.instances.delete(NAME);
      assert.deepEqual(await provider.read(NAME, outs), { id: "" });
    });

    it("takes another machine of that name for none of ours", async () => {
      const outs = await made();
      fake.instance(NAME);
      assert.deepEqual(await provider.read(NAME, outs), { id: "" });
    });

    it("does not take an unreachable daemon for missing machines", async () => {
      const outs = await made();
      await fs.promises.rm(fake.socket);
      await assert.rejects(provider.read(NAME, outs), /Incus can't be reached/);
    });
  });

  describe("update", () => {
    it("changes a running machine in place and keeps what counts at creation only", async () => {
      const outs = await made();
      const news = { ...inputs, memoryMiB: 700, image: "newer", userData: "newer" };
      const { outs: after } = await provider.update(NAME, outs, news);
      assert.equal(fake.instances.get(NAME)!.config["limits.memory"], "700MiB");
      assert.deepEqual(after, { ...outs, memoryMiB: 700 });
      assert.equal(fake.changes.at(-1), `PUT /1.0/instances/${NAME}`);
    });

    it("filters the card of a machine that a release before made without", async () => {
      const { filtering, ...outs } = await made();
      assert.ok(filtering);
      const { eth0 } = fake.instances.get(NAME)!.devices;
      delete eth0!["security.ipv4_filtering"];
      delete eth0!["security.mac_filtering"];
      const seen = (await provider.read(NAME, outs)).props;
      assert.equal(seen.filtering, false);
      for (const olds of [outs, seen as InstanceOutputs]) {
        const { changes, replaces } = await provider.diff(NAME, olds, inputs);
        assert.deepEqual([changes, replaces], [true, []]);
      }
      assert.deepEqual((await provider.update(NAME, outs, inputs)).outs, { ...outs, filtering });
      const { devices, status } = fake.instances.get(NAME)!;
      assert.deepEqual(
        [devices.eth0!["security.ipv4_filtering"], devices.eth0!["security.mac_filtering"], status],
        ["true", "true", "Running"],
      );
      assert.equal(devices.eth0!["ipv4.address"], inputs.address);
    });

    for (const status of ["Stopped", "Frozen"]) {
      it(`brings back one that is ${status.toLowerCase()}, and waits for it`, async () => {
        const outs = await made();
        fake.instances.get(NAME)!.status = status;
        greeted = [];
        await provider.update(NAME, { ...outs, running: false }, inputs);
        assert.equal(fake.instances.get(NAME)!.status, "Running");
        assert.deepEqual(greeted, [inputs.address]);
      });
    }

    it("stops one, by force when it does not end", async () => {
      const outs = await made();
      const state = `PUT /1.0/instances/${NAME}/state`;
      fake.refusals.push({ request: state, error: "context deadline exceeded", late: true });
      await provider.update(NAME, outs, { ...inputs, running: false });
      assert.equal(fake.instances.get(NAME)!.status, "Stopped");
      assert.deepEqual(fake.changes.slice(-2), [state, state]);
    });

    it("waits its turn while Incus is busy with the machine", async () => {
      const outs = await made();
      const request = `PUT /1.0/instances/${NAME}`;
      fake.refusals.push({ request, error: `Instance is busy running a "start" operation` });
      await provider.update(NAME, outs, { ...inputs, cpus: 1 });
      assert.equal(fake.instances.get(NAME)!.config["limits.cpu"], "1");
    });

    it("says that a refresh is needed for one that is gone", async () => {
      const outs = await made();
      fake.instances.clear();
      await assert.rejects(provider.update(NAME, outs, { ...inputs, cpus: 1 }), /could not be changed.*--refresh/);
    });
  });

  describe("delete", () => {
    it("stops again one that somebody's start, which was under way, has started in between", async () => {
      const outs = await made();
      const one = fake.instances.get(NAME)!;
      one.status = "Stopped";
      const request = `DELETE /1.0/instances/${NAME}`;
      fake.refusals.push({
        request,
        get error() {
          one.status = "Running";
          return "Instance is running";
        },
      });
      await provider.delete(NAME, outs);
      assert.equal(fake.instances.size, 0);
      assert.deepEqual(fake.changes.slice(-3), [request, `PUT /1.0/instances/${NAME}/state`, request]);
    });

    for (const status of ["Running", "Stopped", "Frozen"]) {
      it(`removes one that is ${status.toLowerCase()}`, async () => {
        const outs = await made();
        fake.instances.get(NAME)!.status = status;
        await provider.delete(NAME, outs);
        assert.equal(fake.instances.size, 0);
      });
    }

    it("is content when it is gone, and leaves another machine of that name alone", async () => {
      const outs = await made();
      fake.instances.clear();
      await provider.delete(NAME, outs);
      fake.instance(NAME);
      await provider.delete(NAME, outs);
      assert.equal(fake.instances.size, 1);
    });
  });

  it("puts the same few words into the state on every machine, and they find the code", () => {
    const load = (text: string) => {
      const exported: { handler?: () => unknown } = {};
      const require = createRequire(path.join(process.cwd(), "index.ts"));
      new Function("exports", "require", text)(exported, require);
      return exported.handler!();
    };
    for (const kind of ["instance", "network"] as const) assert.ok(!providerText(kind).includes(process.cwd()));
    assert.equal(load(providerText("instance")), instance);
    assert.equal(load(providerText("network")), network);
  });
});

interface Rejection extends Error {
  id: string;
  properties: InstanceInputs;
  reasons: string[];
}

async function rejection(promise: Promise<unknown>): Promise<Rejection> {
  return promise.then(
    () => assert.fail("no error"),
    (error) => error as Rejection,
  );
}
