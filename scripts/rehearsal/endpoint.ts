/** The endpoint of a rehearsed stack, as clients inside its VPC find it. */
import assert from "node:assert/strict";
import { Socket } from "node:net";
import { Client, type ClientConfig } from "pg";
import { loadCluster, type Cluster } from "../../ops/cluster";
import type { FailedLogins } from "../../ops/status/model";
import type { Balancer } from "../../simulator/cloud/balancer";
import { until, type TestStack } from "../../simulator/stack";

const doors = ["writeUrl", "readUrl", "pooledUrl"] as const;

/**
 * Every port of the endpoint leads by the load balancer to where it should, under the endpoint's own name; and each proxy answers
 * the balancer's health checks with yes. Whoever guesses passwords there is known by his own address, not by the balancer's.
 */
export async function endpointServes(stack: TestStack, balancer: Balancer): Promise<void> {
  const { outputs } = await loadCluster(stack.name);
  const { host } = outputs.endpoint!;
  for (const door of doors) {
    const { hostname, port } = new URL(outputs[door]);
    assert.equal(hostname, host, `${door} names the endpoint`);
    const health = await balancer.health(Number(port));
    assert.ok(Object.values(health).length > 0, `${door}: proxies are behind it`);
    for (const [proxy, code] of Object.entries(health)) assert.equal(code, 200, `${door}: ${proxy} says it serves`);
    const guess = await clientOf(outputs, door, balancer, { password: "guessed", stream: () => from(guesser) });
    await assert.rejects(guess.connect(), /password|authentication/i, `${door}: a wrong password`);
    const client = await clientOf(outputs, door, balancer);
    await client.connect();
    const { rows } = await client.query<{ replica: boolean }>("SELECT pg_is_in_recovery() AS replica");
    assert.equal(rows[0]!.replica, door === "readUrl", `${door} leads to a ${rows[0]!.replica ? "replica" : "leader"}`);
    await client.end();
  }
  let shown: FailedLogins | undefined;
  await until(`pgha status to show ${doors.length} failed logins from ${guesser}`, 10, async () => {
    const { stdout } = await stack.pgha("status", "--json");
    shown = (JSON.parse(stdout) as { failedLogins: FailedLogins }).failedLogins;
    return shown.most.some(({ address, count }) => address === guesser && count >= doors.length);
  }).catch((error: Error) => assert.fail(`${error.message}; it shows ${JSON.stringify(shown)}`));
}

/** A client of a port of the endpoint, not connected yet. It holds the server to its name as the URL says. */
export async function clientOf(
  outputs: Cluster["outputs"],
  door: (typeof doors)[number],
  balancer: Balancer,
  more: ClientConfig = {},
): Promise<Client> {
  const { hostname, port, username, password, pathname, searchParams } = new URL(outputs[door]);
  const mode = searchParams.get("sslmode");
  assert.ok(mode === "verify-full" || mode === "verify-ca", `${door} says ${mode}`);
  return new Client({
    host: "127.0.0.1",
    port: await balancer.port(Number(port)),
    user: username,
    password,
    database: pathname.slice(1),
    ssl: {
      ca: outputs.caCertificate,
      servername: hostname,
      ...(mode === "verify-ca" && { checkServerIdentity: () => undefined }),
    },
    connectionTimeoutMillis: 5000,
    ...more,
  });
}

/** Where the guesses come from. What the proxies see of it they have from the load balancer alone. */
const guesser = "127.0.0.77";

/** Connects from an address of this machine's own. */
function from(localAddress: string): Socket {
  const socket = new Socket();
  const connect = socket.connect.bind(socket) as (options: object) => Socket;
  socket.connect = ((port: number, host: string) => connect({ port, host, localAddress })) as typeof socket.connect;
  return socket;
}
