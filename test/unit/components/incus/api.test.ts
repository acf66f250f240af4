import assert from "node:assert/strict";
import * as http from "node:http";
import { Incus, IncusError, socketPath } from "../../../../components/incus/api";
import { FakeIncus } from "../../support/incus-fake";

describe("incus: api", () => {
  let fake: FakeIncus;
  let incus: Incus;
  beforeEach(async () => {
    fake = await new FakeIncus().start();
    incus = new Incus(fake.socket);
  });
  afterEach(() => fake.stop());

  it("finds the socket where it is said to be", () => {
    assert.equal(socketPath({ INCUS_SOCKET: "/a/b", INCUS_DIR: "/c" }), "/a/b");
    assert.equal(socketPath({ INCUS_DIR: "/c" }), "/c/unix.socket");
    assert.match(socketPath({}), /^\/(var\/lib|run)\/incus\/unix\.socket$/);
  });

  it("tells what to do when there is no daemon", async () => {
    const error = await failure(() => new Incus("/nowhere/unix.socket").get("/1.0"));
    assert.match(error.message, /no socket at \/nowhere\/unix\.socket\. Run `npm run setup`/);
    assert.equal(error.stack, "", "a user's trouble shows no stack trace");
  });

  it("tells what to do when the user may not talk to it", async function () {
    if (process.getuid?.() === 0) this.skip();
    const error = await failure(() => new Incus("/root/unix.socket").get("/1.0"));
    assert.match(error.message, /adduser \$USER incus-admin/);
  });

  it("says so when something else listens there", async () => {
    const other = http.createServer((_, response) => response.end("<html>hello"));
    const path = `${fake.socket}.other`;
    await new Promise<void>((resolve) => other.listen(path, resolve));
    try {
      const error = await failure(() => new Incus(path).get("/1.0"));
      assert.match(error.message, /does not speak Incus' protocol: <html>hello/);
    } finally {
      other.closeAllConnections();
      await new Promise((resolve) => other.close(resolve));
    }
  });

  it("finds nothing where Incus says 404, and passes other errors on", async () => {
    assert.equal(await incus.find("/1.0/instances/none"), undefined);
    fake.refusals.push({ request: "GET /1.0/instances/none", code: 403, error: "not authorized" });
    const error = await failure(() => incus.find("/1.0/instances/none"));
    assert.equal(error.status, 403);
    assert.equal(error.message, "not authorized");
  });

  it("waits for work in the background and reports its failure", async () => {
    fake.instance("a", {}, "Stopped");
    fake.refusals.push({ request: "DELETE /1.0/instances/a", error: "disk on fire", late: true });
    assert.equal((await failure(() => incus.run("DELETE", "/1.0/instances/a"))).message, "disk on fire");
    await incus.run("DELETE", "/1.0/instances/a");
    assert.equal(fake.instances.size, 0);
  });

  it("edits again when somebody else changed the object in between", async () => {
    fake.network("net", { a: "1" });
    let calls = 0;
    await incus.edit<{ config: Record<string, string> }>("/1.0/networks/net", (current) => {
      if (calls++ === 0) Object.assign(fake.networks.get("net")!, { config: { a: "1", theirs: "2" }, version: 7 });
      return { ...current, config: { ...current.config, ours: "3" } };
    });
    assert.equal(calls, 2);
    assert.deepEqual(fake.networks.get("net")!.config, { a: "1", theirs: "2", ours: "3" });
  });

  it("survives a daemon that closes idle connections", async () => {
    fake.instance("a");
    await incus.get("/1.0/instances/a");
    fake.dropConnections();
    await incus.get("/1.0/instances/a");
  });
});

async function failure(action: () => Promise<unknown>): Promise<IncusError> {
  try {
    await action();
  } catch (error) {
    assert.ok(error instanceof IncusError, String(error));
    return error;
  }
  assert.fail("no error");
}
