/** The installer as a cloud machine gets it, in its user data. EC2 takes 16 KiB of that and no more. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Role } from "../settings/roles";
import { brief, programs } from "./program";

const source = (name: string) => readFileSync(join(__dirname, name), "utf8");

const installer = source("install.sh");

/** sshd's configuration as the installer writes it. A cloud machine has it before sshd first starts. */
export const sshdConfig = {
  path: "/etc/ssh/sshd_config.d/10-pgha.conf",
  content: brief(/10-pgha\.conf <<'CONF'\n([^]*?)^CONF$/m.exec(installer)![1]!),
};

const program = `${programs}/install.sh`;

/** Says that the installer has come to its end. Without it the converge step runs it once more (`converge/cloud.sh`). */
const installed = `${programs}/installed`;

/** For `runcmd`: installs what a role needs. */
export const installRole = (role: Role) => `${program} ${role} && touch ${installed}`;

/** Files of the installer for a role, for `write_files`. */
export const installerFiles = (role: Role) => [
  { path: program, permissions: "0755", content: brief(installer) },
  ...(role === "postgresql"
    ? [{ path: `${programs}/patroni-requirements.txt`, content: brief(source("patroni-requirements.txt")) }]
    : []),
];
