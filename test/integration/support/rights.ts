/** Every cell of the table of rights (settings/rights.ts), tried on each role's machine with that machine's own key. */
import assert from "node:assert/strict";
import { roles, type Role } from "../../../settings/roles";
import { rights, type Right } from "../../../settings/rights";
import { nodesOf } from "../../../ops/cluster";
import type { Machines } from "../../../simulator/machines";
import { run, type TestStack } from "../../../simulator/stack";

const tls = "/etc/pgha/tls";
const ownKey = "/run/pgha-test-own.key";
const client = `--cert ${tls}/node.crt --key ${ownKey}`;
const server = `--cert ${tls}/server.crt --key ${ownKey}`;

type Pair = string;
/** Prints "yes" when it was let in; anything else is a refusal, and says how. */
type Attempt = (address: string, pair: Pair) => string;

const curl = (pair: Pair, more: string) => `curl -sS -m 4 --http1.1 --cacert ${tls}/ca.crt ${pair} ${more}`;
/** The status of an answer, or the complaint of curl. What is not a refusal is "yes": 400 and 412 are answers to a request without sense. */
const asked = (pair: Pair, more: string) =>
  `said=$(${curl(pair, `-o /dev/null -w '%{http_code}' ${more}`)} 2>&1); case $said in 200|202|400|412|503) echo yes ;; *) echo "$said" ;; esac`;
const etcdctl = (address: string, pair: Pair, command: string) =>
  `etcdctl --endpoints https://${address}:2379 --cacert ${tls}/ca.crt ${pair} --dial-timeout 2s --command-timeout 3s ${command} >/tmp/said 2>&1 && echo yes || tail -n 1 /tmp/said`;
const psql = (address: string, pair: Pair, user: string, database: string, more = "") => {
  const [cert, key] = pair.split(" ").filter((word) => word.startsWith("/"));
  const login = `host=${address} user=${user} dbname=${database} ${more} connect_timeout=3 sslmode=verify-full sslrootcert=${tls}/ca.crt sslcert=${cert} sslkey=${key}`;
  const sql = more ? "IDENTIFY_SYSTEM" : "SELECT 1";
  return `PGPASSWORD=x psql -wXAtqc '${sql}' "${login}" >/tmp/said 2>&1 && echo yes || tail -n 1 /tmp/said`;
};
const patroni =
  (path: string, body: string, method = "POST"): Attempt =>
  (address, pair) =>
    asked(pair, `-X ${method} -H 'Content-Type: application/json' -d '${body}' https://${address}:8008${path}`);
/** With the only private SSH keys that a node has. */
const ssh: Attempt = (address) =>
  `ssh -o BatchMode=yes -o ConnectTimeout=3 -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -i /etc/ssh/ssh_host_ed25519_key pgha@${address} true >/tmp/said 2>&1 && echo yes || tail -n 1 /tmp/said`;

/** By what an intruder would try it. No attempt that succeeds changes anything. */
const attempts: Record<string, Attempt> = {
  "etcd-read": (address, pair) => etcdctl(address, pair, "get --limit 1 --prefix /"),
  "etcd-write": (address, pair) => etcdctl(address, pair, "put /pgha/test-of-rights x"),
  // A member that is not there: who may ask is told so.
  "etcd-members": (address, pair) =>
    `${etcdctl(address, pair, "member remove 1")}; grep -q 'member not found' /tmp/said && echo yes`,
  "etcd-peer": (address, pair) => asked(pair, `https://${address}:2380/members`),
  // As checks do it: a proxy that shows its certificate is refused.
  "patroni-read": (address) => asked("", `https://${address}:8008/config`),
  "patroni-config": patroni("/config", "{}", "PATCH"),
  "patroni-restart": patroni("/restart", '{"role": "none"}'),
  "patroni-switchover": patroni("/switchover", '{"leader": "nobody"}'),
  "patroni-failsafe": patroni("/failsafe", "{}"),
  superuser: (address, pair) => psql(address, pair, "postgres", "postgres"),
  replicate: (address, pair) => psql(address, pair, "replicator", "postgres", "replication=true"),
  rewind: (address, pair) => psql(address, pair, "rewind_user", "postgres"),
  lookup: (address, pair) => psql(address, pair, "pgbouncer", "postgres"),
  "gate-state": (address, pair) => asked(pair, `https://${address}:8009/`),
  // No number of seconds: who may ask is told so.
  "gate-pause": (address, pair) => asked(pair, `-d '' 'https://${address}:8009/pause?for=x'`),
  console: (address) =>
    `PGPASSWORD=x psql -wXAtqc 'SHOW VERSION' "host=${address} port=6432 user=pgbouncer dbname=pgbouncer connect_timeout=3 sslmode=require" >/tmp/said 2>&1 && echo yes || tail -n 1 /tmp/said`,
  stats: (address) =>
    `said=$(curl -sS -k -m 4 -o /dev/null -w '%{http_code}' https://${address}:7000/ 2>&1); [ "$said" = 200 ] && echo yes || echo "$said"`,
  "ssh-etcd": ssh,
  "ssh-postgresql": ssh,
  "ssh-haproxy": ssh,
};

/** Declares the tests. @param machines gives the cluster once it is up */
export function rightsChecks(stack: TestStack, machines: () => Machines): void {
  describe("with the key of a machine", () => {
    const first = (role: Role) => nodesOf(machines().cluster, role)[0]!;
    /** The machine that is tried: never the one that tries, whose own address may do more. */
    const target = (one: Right, from: Role) => nodesOf(machines().cluster, one.on).at(one.on === from ? 1 : 0)!;
    const lastLine = (text: string) => text.trim().split("\n").at(-1) ?? "";

    /** Tries all of these at a machine in one go. @returns what each came to */
    async function tried(node: string, tries: { one: Right; address: string; pair: Pair }[]): Promise<string[]> {
      // libpq takes no key that a group may read; whoever has one makes a copy.
      const own = `umask 077; cp ${tls}/node.key ${ownKey}; trap 'rm -f ${ownKey}' EXIT\n`;
      const script =
        own + tries.map(({ one, address, pair }) => `(${attempts[one.id]!(address, pair)}); echo @@`).join("\n");
      const { stdout } = await run("incus", ["exec", `${stack.cluster}-${node}`, "--", "bash"], { input: script });
      return stdout.split("@@\n").slice(0, -1).map(lastLine);
    }

    it("every right of the table can be tried", () =>
      assert.deepEqual(Object.keys(attempts).sort(), rights.map(({ id }) => id).sort()));

    for (const role of roles) {
      it(`of ${role}: what the table allows, and nothing else`, async () => {
        const tries = rights.flatMap((one) => {
          const node = target(one, role);
          return node ? [{ one, address: node.address, pair: client }] : [];
        });
        const said = await tried(first(role).name, tries);
        assert.deepEqual(
          tries.map(({ one }, index) => `${one.id}: ${said[index] === "yes" ? "yes" : "refused"}`),
          tries.map(({ one }) => `${one.id}: ${one.allowed.includes(role) ? "yes" : "refused"}`),
          said.join("\n"),
        );
      });

      it(`of ${role}: its certificate for answering is not a login anywhere`, async () => {
        const tries = rights
          .filter(({ held }) => held.startsWith("certificate"))
          .flatMap((one) => {
            const node = target(one, role);
            return node ? [{ one, address: node.address, pair: server }] : [];
          });
        const said = await tried(first(role).name, tries);
        assert.deepEqual(
          tries.filter((_, index) => said[index] === "yes").map(({ one }) => one.id),
          [],
        );
      });

      it(`of ${role}: its certificate for asking answers nobody`, async () => {
        const script = `cd ${tls}
          timeout 8 openssl s_server -accept 127.0.0.1:20443 -cert node.crt -key node.key -www >/dev/null 2>&1 & sleep 0.5
          curl -sS -m 4 --cacert ca.crt --resolve ${first(role).name}:20443:127.0.0.1 https://${first(role).name}:20443/ 2>&1 | head -n 1
          kill %1`;
        const { stdout } = await run("incus", ["exec", `${stack.cluster}-${first(role).name}`, "--", "bash"], {
          input: script,
        });
        assert.match(stdout, /certificate/i, stdout);
      });
    }

    // A firewall may have refused some of these before: with the key at hand on a machine that may connect, the daemon itself does.
    it("stolen and used from a machine that may connect, is refused by the daemon itself", async () => {
      const stolen: { from: Role; at: Role; id: string }[] = [
        { from: "haproxy", at: "postgresql", id: "etcd-read" },
        { from: "haproxy", at: "postgresql", id: "etcd-write" },
        { from: "haproxy", at: "etcd", id: "etcd-peer" },
        { from: "postgresql", at: "etcd", id: "etcd-peer" },
        { from: "haproxy", at: "postgresql", id: "patroni-config" },
        { from: "haproxy", at: "postgresql", id: "patroni-restart" },
        { from: "haproxy", at: "postgresql", id: "replicate" },
        { from: "etcd", at: "postgresql", id: "replicate" },
        { from: "etcd", at: "postgresql", id: "rewind" },
        { from: "etcd", at: "postgresql", id: "gate-pause" },
        { from: "haproxy", at: "postgresql", id: "gate-pause" },
        { from: "postgresql", at: "haproxy", id: "lookup" },
      ];
      const letIn: string[] = [];
      for (const { from, at, id } of stolen) {
        const one = rights.find((candidate) => candidate.id === id)!;
        const node = first(at);
        const place = `/run/stolen-${from}`;
        for (const file of ["node.crt", "node.key"]) {
          const { stdout } = await run("incus", [
            "exec",
            `${stack.cluster}-${first(from).name}`,
            "--",
            "cat",
            `${tls}/${file}`,
          ]);
          const put = `umask 077; mkdir -p ${place}; cat >${place}/${file}`;
          await run("incus", ["exec", `${stack.cluster}-${node.name}`, "--", "sh", "-c", put], { input: stdout });
        }
        const pair = `--cert ${place}/node.crt --key ${place}/node.key`;
        const [said] = await tried(node.name, [{ one, address: target(one, at).address, pair }]);
        await run("incus", ["exec", `${stack.cluster}-${node.name}`, "--", "rm", "-r", place]);
        if (said === "yes") letIn.push(`${id} with the key of ${from} from ${at}`);
      }
      assert.deepEqual(letIn, []);
    });
  });
}
