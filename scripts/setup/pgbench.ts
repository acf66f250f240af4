/**
 * pgbench, for load through the client ports. Debian has it in the server's package, and a server is the last thing a
 * user wants installed on the host, so the package is only unpacked.
 */
import { chmodSync, existsSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { binDir, cacheDir } from "../../ops/env";
import { unpack } from "./packages";
import { executable, must, SetupError, type SetupStep } from "./step";

const libraries = "/usr/lib/postgresql";

/** A pgbench among PostgreSQL's programs below `folder`. The newest one wins. */
function inVersions(folder: string): string | undefined {
  if (!existsSync(folder)) return undefined;
  const versions = readdirSync(folder).sort((a, b) => Number(b) - Number(a));
  return versions.map((version) => join(folder, version, "bin", "pgbench")).find(executable);
}

export const pgbench: SetupStep = {
  name: "pgbench",
  // Debian's /usr/bin/pgbench is a wrapper that exists without what it wraps.
  check: () => executable(join(binDir, "pgbench")) || inVersions(libraries) !== undefined,
  apply() {
    const depends = must("Asking apt for PostgreSQL's version", "apt-cache", ["depends", "postgresql"]);
    const server = /Depends: (postgresql-\d+)/.exec(depends)?.[1];
    if (!server) throw new SetupError("apt knows no PostgreSQL server package, which has pgbench");
    const folder = join(cacheDir(), server);
    mkdirSync(folder, { recursive: true });
    unpack(server, folder);
    const program = inVersions(join(folder, libraries));
    if (!program) throw new SetupError(`the package ${server} has no pgbench`);
    mkdirSync(binDir, { recursive: true });
    writeFileSync(join(binDir, "pgbench"), `#!/bin/sh\nexec ${program} "$@"\n`);
    chmodSync(join(binDir, "pgbench"), 0o755);
    return `unpacked from ${server}; no server was installed`;
  },
};
