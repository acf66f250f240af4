/** Who reaches what on a running cluster: exactly what the table of flows says. */
import assert from "node:assert/strict";
import { accepted } from "../../../settings/flows";
import { roles, type Role } from "../../../settings/roles";
import { nodesOf } from "../../../ops/cluster";
import type { Machines } from "../../../simulator/machines";
import { run, type Finished } from "../../../simulator/stack";

/** Ports that the machines of a role listen on. */
const listens: Record<Role, number[]> = {
  etcd: [22, 2379, 2380],
  postgresql: [22, 5432, 8008],
  haproxy: [22, 5000, 5001, 6432, 6433, 7000, 8009],
};

/** Prints for each ADDRESS:PORT that was given whether it can be connected to. */
const program = `
import socket, sys
for target in sys.argv[1:]:
    address, port = target.split(":")
    try:
        socket.create_connection((address, int(port)), 2).close()
        print(target)
    except OSError:
        pass`;

/** Declares the tests. @param machines gives the cluster once it is up */
export function flowChecks(machines: () => Machines): void {
  describe("between machines", () => {
    const targets = (role: Role, but?: string) =>
      nodesOf(machines().cluster, role)
        .filter(({ name }) => name !== but)
        .flatMap(({ address }) => listens[role].map((port) => ({ role, port, target: `${address}:${port}` })));
    const all = (but?: string) => roles.flatMap((role) => targets(role, but));
    const expected = (from: Role | "outside", but?: string) =>
      all(but)
        .filter(({ role, port }) =>
          accepted({ clock, driver: "incus" }, role).some((flow) => flow.from === from && flow.port === port),
        )
        .map(({ target }) => target)
        .sort();
    const { clock } = { clock: { witness: 0 } } as unknown as Parameters<typeof accepted>[0];
    const command = (but?: string) => ["-c", program, ...all(but).map(({ target }) => target)];
    const sorted = (text: string) => text.split("\n").filter(Boolean).sort();

    for (const role of roles) {
      it(`one of ${role} connects where the table of flows says, and nowhere else`, async () => {
        const { name } = nodesOf(machines().cluster, role)[0]!;
        const [, script, ...args] = command(name);
        const out = await machines().on(name, `python3 -c '${script}' ${args.join(" ")}`, 60_000);
        assert.deepEqual(sorted(out), expected(role, name));
      });
    }

    it("this host connects as clients and operators do", async () => {
      const { stdout }: Finished = await run("python3", command());
      assert.deepEqual(sorted(stdout), expected("outside"));
    });

    it("a machine keeps its own address: with another's it reaches nobody", async () => {
      const thief = nodesOf(machines().cluster, "haproxy")[0]!;
      const victim = nodesOf(machines().cluster, "postgresql")[0]!;
      const member = nodesOf(machines().cluster, "etcd")[0]!;
      // Not the victim's own, which would trouble it: one that is kept for a database node that may come.
      const address = victim.address.replace(/\d+$/, "29");
      const script = `ip address add ${address}/32 dev eth0
python3 -c 'import socket; socket.create_connection(("${member.address}", 2379), 2, ("${address}", 0)); print("let in")' 2>&1 | tail -n 1
ip address del ${address}/32 dev eth0`;
      assert.doesNotMatch(await machines().on(thief.name, script), /let in/);
    });
  });
}
