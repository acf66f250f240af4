/** A proxy without new clients waits for those that it has. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { untilClientsAreGone } from "../../../../cloud-init/services/haproxy/drain";
import { bash } from "../../support/bash";

describe("the wait for a proxy's clients", () => {
  /** @param connected for how many looks somebody is connected @returns what was waited, second by second */
  const waits = (connected: number) =>
    bash(`
      looks=0
      sleep() { echo "sleep $1"; }
      ss() { [ "$n" -lt ${connected} ] && echo 0 0 10.0.0.1:5010 10.0.0.9:4711; }
      ${untilClientsAreGone(15, 3)}
    `)
      .stdout.trim()
      .split("\n");

  it("goes on for as long as new ones may come, and then ends with the last", () => {
    assert.deepEqual(waits(0), ["sleep 15"]);
    assert.deepEqual(waits(2), ["sleep 15", "sleep 1", "sleep 1"]);
  });

  it("ends in time, whoever stays", () => {
    assert.deepEqual(waits(1000), ["sleep 15", "sleep 1", "sleep 1", "sleep 1"]);
  });

  it("sees who is connected, as this machine's ss tells it", async () => {
    // Not on the loopback addresses, where HAProxy and PgBouncer speak to one another.
    const filter = /ss [^|]*/.exec(untilClientsAreGone(0, 1))![0];
    const server = createServer().listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    const client = connect(port, "127.0.0.1");
    await once(client, "connect");
    try {
      const at = filter.replace(":5000", `:${port}`);
      assert.equal(bash(at).stdout, "");
      assert.equal(bash(at).code, 0);
      assert.match(bash(at.replace("and not dst 127.0.0.0/8", "")).stdout, new RegExp(`127.0.0.1:${port}`));
    } finally {
      client.destroy();
      server.close();
    }
  });
});
