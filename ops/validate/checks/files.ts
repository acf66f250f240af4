import type { NodeOutput } from "../../../components/outputs";
import { quote } from "../../process";
import { changedFile } from "../../../cloud-init/drift";
import { getStatus } from "../../status";
import { cluster, forEach, none, on, reached } from "../context";

/** Which daemon a rendered file is for. */
function daemonOf({ role }: NodeOutput, path: string): string {
  if (role === "etcd") return "etcd";
  if (role === "postgresql") return "patroni";
  return path.includes("pgbouncer") ? "pgbouncer" : "haproxy";
}

/** Compares the files of a daemon on every node with what was rendered. */
async function unchanged(daemon: string): Promise<void> {
  const nodes = cluster().nodes.map((node) => ({
    name: node.name,
    files: Object.entries(node.files).filter(([path]) => daemonOf(node, path) === daemon),
  }));
  await forEach(
    nodes.filter(({ files }) => files.length > 0),
    async ({ name, files }) => {
      const found = await on(name, `sha256sum -- ${files.map(([path]) => quote(path)).join(" ")} 2>/dev/null || true`);
      const sums = new Map(found.split("\n").map((line) => [line.slice(66), line.slice(0, 64)]));
      none(
        files.flatMap(([path, sha256]) => {
          if (!sums.has(path)) return [`${path} is missing`];
          return sums.get(path) === sha256 ? [] : [`${path} was changed`];
        }),
      );
    },
  );
}

describe("configuration files", () => {
  for (const daemon of ["etcd", "patroni", "haproxy", "pgbouncer"]) {
    it(`those of ${daemon} are on every node as rendered`, () => unchanged(daemon));
  }

  it("of the cluster in etcd is as the settings have it, and so are roles and rights", async () => {
    // The leader tells of what all share. Its files are looked at above.
    const { leader, differences } = await getStatus(reached());
    none(differences.flatMap(({ node, text }) => (node === leader && !changedFile(text) ? [text] : [])));
  });
});
