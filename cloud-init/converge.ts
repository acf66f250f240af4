import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "fflate";
import { databasesOf } from "../settings/databases";
import { packagesOf } from "../settings/extensions";
import type { Node, Plan } from "../settings/plan";
import { ports } from "../settings/ports";
import { binDirectory, dataDirectory } from "./services/patroni/files";
import { etcdEndpoints, etcdMembers } from "./services/etcd/files";
import type { File } from "./file";
import { brief } from "./program";
import { reactionsInBash } from "./reactions";
import { journalOf } from "./services";
import { poolersOf } from "./services/pgbouncer/poolers";
import { superuserOptions } from "./services/patroni/session";

/** How long one node's converge step may take, seconds. Waiting for the other nodes' turns is part of it, and copying a database. */
const timeLimit = { incus: 7200, aws: 36000 };

/** How much of it the end of the first boot may take, seconds. On a cloud machine that installs the software. */
const bootLimit = { incus: 300, aws: 600 };

const part = (name: string) => readFileSync(join(__dirname, "converge", `${name}.sh`), "utf8");

/**
 * The command that brings a node to its settings. It is short, for Pulumi quotes it when it fails; all else comes by standard input
 * (`convergeInput`, `packed`), of which a preview shows what is no secret as inputs of the node's state.
 */
export const convergeCommand = (driver: keyof typeof timeLimit): string =>
  [
    `base64 -d | gunzip | { read -r size; script=$(mktemp); trap 'rm -f "$script"' EXIT; head -c "$size" >"$script"`,
    `sudo -n timeout -k 10 ${timeLimit[driver]} bash "$script"; }`,
  ].join("\n");

/**
 * What that command runs: the role's script. It holds no secret and no file.
 * @param shape of its parts. Pulumi keeps the script three times for each node and compares it at every `up`. @default without comments
 */
export function convergeScript(plan: Plan, node: Node, shape: (part: string) => string = brief): string {
  const shaped = (name: string) => shape(part(name));
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
      DATABASE_HOSTS: plan.postgresql.map(({ address }) => address).join(","),
    }),
    ...(node.role === "postgresql" && {
      DATABASE: plan.settings.database.name,
      PGDATA: dataDirectory,
      PGBIN: binDirectory,
      SYNCHRONOUS: plan.settings.postgresql.synchronous,
      SUPERUSER_OPTIONS: superuserOptions,
      PACKAGES: packagesOf(databasesOf(plan.settings)).join(" "),
      // Each database may have to be made.
      SQL_LIMIT: 30 + 5 * plan.settings.databases.length,
    }),
    ...(node.role === "haproxy" && {
      POOLERS: poolersOf(plan)
        .map(({ unit, sockets, use }) => `${unit}:${sockets}:${ports[use]}`)
        .join(" "),
    }),
    ...(volume && { VOLUME_GIB: plan.settings.aws!.volume.size }),
  };
  const lines = [
    ...Object.entries(variables).map(([name, value]) => `${name}='${value}'`),
    reactionsInBash(node.role),
    shaped("common"),
    shaped("before"),
    ...(cloud ? [shaped("cloud")] : []),
    ...(volume ? [shaped("volume")] : []),
    ...(node.role === "postgresql" ? [shaped("configuration"), shaped("packages")] : []),
    ...(node.role === "haproxy" ? [shaped("poolers")] : []),
    shaped(node.role),
    "stage_files",
    `wait_for ${bootLimit[driver]} "cloud-init to finish its first boot" boot_finished`,
    "supersede /run/pgha-converge",
    "thaw",
    ...(cloud ? ["finish_installation"] : []),
    ...(volume ? ["converge_volume"] : []),
    "converge",
    "end_changes",
  ];
  return `${lines.join("\n")}\n`;
}

/** All that a converge step is given. */
export interface Given {
  /** `convergeScript`. */
  script: string;
  /** The node's files, secret or not. */
  files: File[];
}

/**
 * Standard input of the converge command: the script after its size in bytes, each file after a line with its path, owner, mode and size
 * in bytes, and a line with the checksum of all that the step is given (`givenSum`).
 * @param found another text has the step run again. It says nothing to the node
 */
export function convergeInput({ script, files }: Given, sum: string, found: string): string {
  const staged = files.map(
    ({ path, owner, mode, content }) => `${path} ${owner} ${mode} ${Buffer.byteLength(content)}\n${content}`,
  );
  return `${Buffer.byteLength(script)}\n${script}${staged.join("")}SUM ${sum} ${found}\n`;
}

/**
 * What the command reads. Pulumi encrypts standard input, keeps it twice for each node and compares it at every `up`: a quarter of the size
 * spares a tenth of the time. Not by Node.js' own zlib, whose output is another one on another processor: that would be a change.
 */
export const packed = (input: string): string =>
  Buffer.from(gzipSync(Buffer.from(input), { mtime: 0 })).toString("base64");
