/** Clients of a rehearsed stack's endpoint: some that stay at one proxy, and some that come and go. */
import assert from "node:assert/strict";
import { setTimeout as pause } from "node:timers/promises";
import type { Client } from "pg";
import { loadCluster, nodeNamed } from "../../ops/cluster";
import { until } from "../../simulator/stack";
import { clientOf } from "./endpoint";
import type { Rehearsal } from "./rehearsal";

/** How many are connected at once: by chance half of them are at either proxy. */
const many = 8;
/** Seconds for which those at the proxy stay after it was taken out of the load balancer. */
const stay = 20;

/**
 * Does something that takes a proxy away, while clients are at it, work until they go by themselves, and others come and go. None of
 * them may see an error.
 */
export async function underClients(rehearsal: Rehearsal, proxy: string, work: () => Promise<void>): Promise<void> {
  const { stack, cloud } = rehearsal;
  const cluster = await loadCluster(stack.name);
  const { address } = nodeNamed(cluster, proxy);
  const { outputs } = cluster;
  const connect = async () => {
    const client = await clientOf(outputs, "writeUrl", cloud.balancer);
    // Told by the query that it breaks, and by nothing else.
    client.on("error", () => undefined);
    await client.connect();
    return client;
  };
  const all = await Promise.all(Array.from({ length: many }, connect));
  const staying = await at(all, address);
  assert.ok(staying.length > 0, `a client is at ${proxy}`);
  const stillServed = () => Promise.all(staying.map((client) => client.query("SELECT 1")));

  let over = false;
  const comers = { served: 0, errors: [] as string[] };
  const come = async () => {
    const client = await connect();
    await client.query("SELECT 1");
    await client.end();
    comers.served++;
  };
  const coming = async () => {
    while (!over) {
      await come().catch((error: Error) => comers.errors.push(error.message));
      await pause(100);
    }
  };
  const port = Number(new URL(outputs.writeUrl).port);
  const leaving = async () => {
    await until(`${proxy} to leave the load balancer`, 300, async () => {
      await stillServed();
      return over || !(address in (await cloud.balancer.health(port)));
    });
    for (let second = 0; second < stay; second++) {
      await stillServed();
      await pause(1000);
    }
    assert.ok(!over, `${proxy} was taken away while clients were at it`);
    await Promise.all(staying.map((client) => client.end()));
  };
  const worked = work().finally(() => (over = true));
  const ends = await Promise.allSettled([worked, leaving(), coming()]);
  await Promise.all(all.map((client) => client.end()));
  for (const end of ends) if (end.status === "rejected") throw end.reason;
  assert.deepEqual(comers.errors, []);
  assert.ok(comers.served > 0);
}

/** Those whose proxy has this address, as the server sees it. */
async function at(clients: Client[], address: string): Promise<Client[]> {
  const seen = await Promise.all(
    clients.map(async (client) => {
      const { rows } = await client.query<{ proxy: string }>("SELECT host(inet_client_addr()) AS proxy");
      return rows[0]!.proxy;
    }),
  );
  return clients.filter((_, index) => seen[index] === address);
}
