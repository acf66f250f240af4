/** The endpoint of a rehearsed stack, as clients inside its VPC find it. */
import assert from "node:assert/strict";
import { Client } from "pg";
import { loadCluster } from "../../../ops/cluster";
import type { Balancer } from "../../cloud/balancer";

const doors = ["writeUrl", "readUrl", "pooledUrl"] as const;

/**
 * Every port of the endpoint leads by the load balancer to where it should, under the endpoint's own name; and each proxy answers
 * the balancer's health checks with yes.
 */
export async function endpointServes(stack: string, balancer: Balancer): Promise<void> {
  const { outputs } = await loadCluster(stack);
  const { host } = outputs.endpoint!;
  for (const door of doors) {
    const { hostname, port, username, password, pathname } = new URL(outputs[door]);
    assert.equal(hostname, host, `${door} names the endpoint`);
    const health = await balancer.health(Number(port));
    assert.ok(Object.values(health).length > 0, `${door}: proxies are behind it`);
    for (const [proxy, code] of Object.entries(health)) assert.equal(code, 200, `${door}: ${proxy} says it serves`);
    const client = new Client({
      host: "127.0.0.1",
      port: await balancer.port(Number(port)),
      user: username,
      password,
      database: pathname.slice(1),
      ssl: { ca: outputs.caCertificate, servername: host },
      connectionTimeoutMillis: 5000,
    });
    await client.connect();
    const { rows } = await client.query<{ replica: boolean }>("SELECT pg_is_in_recovery() AS replica");
    assert.equal(rows[0]!.replica, door === "readUrl", `${door} leads to a ${rows[0]!.replica ? "replica" : "leader"}`);
    await client.end();
  }
}
