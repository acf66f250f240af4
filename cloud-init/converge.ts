import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Node, Plan } from "../settings/plan";
import { binDirectory, dataDirectory } from "./services/patroni/files";
import { etcdEndpoints, etcdMembers } from "./services/etcd/files";
import type { File } from "./file";
import { reactionsInBash } from "./reactions";
import { journalOf } from "./services";
import { superuserOptions } from "./services/patroni/session";

/** How long one node's converge step may take, seconds. Waiting for the other nodes' turns is part of it, and copying a database. */
const timeLimit = { incus: 7200, aws: 36000 };

/** How much of it the end of the first boot may take, seconds. On a cloud machine that installs the software. */
const bootLimit = { incus: 300, aws: 600 };

/** A line by itself that no script or configuration holds. */
const endOfFile = "END_OF_PGHA_FILE";
const endOfScript = "END_OF_PGHA_SCRIPT";

const part = (name: string) => readFileSync(join(__dirname, "converge", `${name}.sh`), "utf8");

/**
 * The command that brings a node to its settings: the role's script with the node's files in it, readable in a preview.
 * It holds no secret; those go to its standard input (`convergeInput`).
 */
export function convergeCommand(plan: Plan, node: Node, files: File[]): string {
  const { driver } = plan.settings;
  const cloud = driver === "aws";
  const volume = cloud && node.role === "postgresql";
  const variables = {
    NODE: node.name,
    ...(cloud && { ROLE: node.role }),
    CLUSTER: plan.cluster,
    JOURNAL: journalOf(node.role),
    ...(node.role !== "haproxy" && { ADDRESS: node.address, ETCD_ENDPOINTS: etcdEndpoints(plan) }),
    ...(node.role === "etcd" && { ETCD_MEMBERS: etcdMembers(plan) }),
    ...(node.role !== "etcd" && {
      DATABASE: plan.settings.database.name,
      DATABASE_HOSTS: plan.postgresql.map(({ address }) => address).join(","),
    }),
    ...(node.role === "postgresql" && {
      PGDATA: dataDirectory,
      PGBIN: binDirectory,
      SYNCHRONOUS: plan.settings.postgresql.synchronous,
      SUPERUSER_OPTIONS: superuserOptions,
    }),
    ...(volume && { VOLUME_GIB: plan.settings.aws!.volume.size }),
  };
  const stage = files.map(({ path, owner, mode, content }) => {
    if (content.includes(endOfFile) || content.includes(endOfScript)) throw new Error(`${path} holds an end marker`);
    return `stage_file ${path} ${owner} ${mode} <<'${endOfFile}'\n${content.replace(/\n?$/, "\n")}${endOfFile}`;
  });
  const script = [
    ...Object.entries(variables).map(([name, value]) => `${name}='${value}'`),
    reactionsInBash(node.role),
    part("common"),
    ...(cloud ? [part("cloud")] : []),
    ...(volume ? [part("volume")] : []),
    part(node.role),
    "stage_secrets",
    ...stage,
    `wait_for ${bootLimit[driver]} "cloud-init to finish its first boot" boot_finished`,
    "supersede /run/pgha-converge",
    ...(cloud ? ["finish_installation"] : []),
    ...(volume ? ["converge_volume"] : []),
    "converge",
    "end_changes",
  ].join("\n");
  return [
    `script=$(mktemp); trap 'rm -f "$script"' EXIT`,
    `cat >"$script" <<'${endOfScript}'`,
    script,
    endOfScript,
    `sudo -n timeout -k 10 ${timeLimit[driver]} bash "$script"`,
  ].join("\n");
}

/**
 * Standard input of the converge command: a line for each secret file, its content in base64, and one with the checksum of all that
 * the step is given (`givenSum`).
 * @param found another text has the step run again. It says nothing to the node
 */
export function convergeInput(secrets: File[], sum: string, found: string): string {
  const files = secrets.map(
    ({ path, owner, mode, content }) => `${path} ${owner} ${mode} ${Buffer.from(content).toString("base64")}\n`,
  );
  return `${files.join("")}SUM ${sum} ${found}\n`;
}
