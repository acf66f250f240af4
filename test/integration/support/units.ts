/** What the units of our daemons may do, asked of the daemons that run. */
import assert from "node:assert/strict";
import { serviceOf, unitsOf, type ServiceName } from "../../../cloud-init/services";
import type { Machines } from "../../../simulator/machines";

/** Highest exposure that `systemd-analyze security` may give a unit: 0 is none, 10 is all there is. */
const exposure = 4;

/** The OS user of all processes of a service, and commands that must fail from within its sandbox, with its rights. */
const sandboxes: Record<ServiceName, { user: string; forbidden: string[] }> = {
  etcd: { user: "etcd", forbidden: ["touch /etc/etcd/x", "ls /root", "touch /var/lib/x"] },
  witness: { user: "pgha-witness", forbidden: ["ls /var/lib/etcd/member", "touch /etc/etcd/x", "ls /root"] },
  patroni: {
    user: "postgres",
    forbidden: ["touch /etc/patroni/x", "touch /usr/local/x", "ls /root", "touch /var/lib/x"],
  },
  guard: { user: "postgres", forbidden: ["touch /var/lib/postgresql/x", "ls /root"] },
  haproxy: {
    user: "haproxy",
    forbidden: ["touch /etc/haproxy/x", "ls /root", "cat /etc/pgbouncer/pgbouncer.ini", "touch /etc/pgha/tls/node.key"],
  },
  pgbouncer: {
    user: "postgres",
    forbidden: ["touch /etc/pgbouncer/userlist.txt", "touch /etc/x", "ls /root", "cat /etc/haproxy/secrets.cfg"],
  },
  gate: {
    user: "pgha-gate",
    forbidden: ["cat /etc/pgbouncer/userlist.txt", "touch /etc/pgha/x", "ls /root", "touch /etc/pgha/tls/node.key"],
  },
};

/** Prints, for a unit that runs: its exposure; a line for each process; and what of the forbidden can be done. */
const script = (unit: string, forbidden: string[]) => `
echo "exposure $(systemd-analyze security --no-pager ${unit}.service | sed -n 's/.*exposure level for .*: \\([0-9.]*\\) .*/\\1/p')"
main=$(systemctl show -P MainPID ${unit})
for pid in $(cat "/sys/fs/cgroup$(systemctl show -P ControlGroup ${unit})/cgroup.procs"); do
  facts=$(awk '/^(NoNewPrivs|CapEff|CapBnd|CapAmb|Seccomp):/ {printf "%s%s ", $1, $2}' "/proc/$pid/status" 2>/dev/null) || continue
  echo "process $(ps -o user:32= -p "$pid" | tr -d ' ') $facts core:$(awk '/^Max core/ {print $6}' "/proc/$pid/limits")"
done
read -r uid gid groups < <(awk '/^Uid:/ {u = $3} /^Gid:/ {g = $3} /^Groups:/ {$1 = ""; gsub(/^ | *$/, ""); gsub(/ /, ","); s = $0} END {print u, g, s}' "/proc/$main/status")
groups=(\${groups:+--groups "$groups"})
inside() { nsenter -t "$main" -m -- setpriv --reuid "$uid" --regid "$gid" "\${groups[@]:---clear-groups}" --no-new-privs --bounding-set=-all sh -c "$1" >/dev/null 2>&1; }
inside true || echo "cannot look into its sandbox"
${forbidden.map((command) => `inside '${command}' && echo "can: ${command}"`).join("\n")}
true`;

/** Declares the tests. @param machines gives the cluster once it is up */
export function unitChecks(machines: () => Machines): void {
  describe("units", () => {
    it("every daemon has its own user, no rights of root, no core files, and a sandbox that holds", async () => {
      const none = "0".repeat(16);
      const facts = `CapEff:${none} CapBnd:${none} CapAmb:${none} NoNewPrivs:1 Seccomp:2 core:0`;
      await Promise.all(
        machines().cluster.nodes.map(async ({ name, role }) => {
          for (const unit of unitsOf(role, machines().cluster.facts.clock, machines().cluster.facts.poolers!)) {
            const { user, forbidden } = sandboxes[serviceOf(unit)!];
            const said = await machines().on(name, script(unit, forbidden));
            const lines = said.split("\n");
            const found = lines.filter((line) => line.startsWith("exposure ")).map((line) => Number(line.slice(9)));
            assert.equal(found.length, 1, `${unit} on ${name} runs: ${said}`);
            assert.ok(found[0]! > 0 && found[0]! <= exposure, `${unit} on ${name} has an exposure of ${found[0]}`);
            const processes = lines.filter((line) => line.startsWith("process "));
            assert.ok(processes.length > 0, `${unit} on ${name} has processes`);
            for (const line of processes) {
              assert.equal(line.replace(/\s+/g, " "), `process ${user} ${facts}`, `${unit} on ${name}`);
            }
            assert.deepEqual(
              lines.filter((line) => !/^(exposure|process) /.test(line)),
              [],
              `${unit} on ${name}`,
            );
          }
        }),
      );
    });
  });
}
