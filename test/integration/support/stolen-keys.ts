import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { ports } from "../../../settings/ports";
import { nodesOf } from "../../../ops/cluster";
import type { Machines } from "../../../simulator/machines";
import { query } from "../../../simulator/sql";
import { run } from "../../../simulator/stack";

const copies = "/run/pgha-stolen";

/**
 * Takes copies of a database node's key and of the operators' SSH key.
 * @param folder where the SSH key is kept
 * @returns tries them on everything that such a key opens; fails unless all of it opens, or none. A node's key is tried on the node
 *   itself, where no firewall is in the way.
 */
export async function stealKeys(machines: Machines, folder: string) {
  const [thief, target] = nodesOf(machines.cluster, "postgresql");
  const [member] = nodesOf(machines.cluster, "etcd");
  await machines.on(thief!.name, `cp -r /etc/pgha/tls ${copies}`);
  const identity = join(folder, "stolen-ssh-key");
  writeFileSync(identity, machines.cluster.outputs.ssh.privateKey, { mode: 0o600 });

  const files = `--cacert /etc/pgha/tls/ca.crt --cert ${copies}/node.crt --key ${copies}/node.key`;
  const postgresql =
    `host=${target!.address} user=rewind_user dbname=postgres sslmode=verify-full sslrootcert=/etc/pgha/tls/ca.crt ` +
    `sslcert=${copies}/node.crt sslkey=${copies}/node.key connect_timeout=3`;
  const commands = {
    etcd: `curl -sS -m 5 ${files} -d '{"key":"AA=="}' https://${member!.address}:${ports.etcdClient}/v3/kv/range | grep -q revision`,
    // 400: it was let in, and has nothing to say.
    Patroni:
      `curl -sS -m 5 -o /dev/null -w '%{http_code}' ${files} -X PATCH -d '{}' ` +
      `https://${target!.address}:${ports.patroni}/config | grep -qE '200|400'`,
    PostgreSQL: `psql -XAtq '${postgresql}' -c 'SELECT 1'`,
  };
  const ssh = ["-F", "none", "-i", identity, "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes"];
  const anyHost = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "ConnectTimeout=5"];

  return async (now: Machines, what: "of use" | "worthless"): Promise<void> => {
    const opens: Record<string, boolean> = {};
    for (const [name, command] of Object.entries(commands)) {
      opens[name] = (await now.on(thief!.name, `${command} && echo taken || true`)).endsWith("taken");
    }
    for (const { name, address } of now.cluster.nodes) {
      opens[`SSH on ${name}`] = (await run("ssh", [...ssh, ...anyHost, `pgha@${address}`, "true"])).code === 0;
    }
    const expected = Object.fromEntries(Object.keys(opens).map((name) => [name, what === "of use"]));
    assert.deepEqual(opens, expected, `stolen keys that should be ${what}`);
    // The owners of the cluster still get in by theirs.
    await query(now.cluster, "pooledUrl", "SELECT 1");
  };
}
