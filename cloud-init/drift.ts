/** What tells whether a node is as its last converge step left it: for `up`, which then runs the step again, and `pgha status`. */
import { createHash } from "node:crypto";
import { poolerCounts } from "../settings/limits";
import type { Node, Plan } from "../settings/plan";
import { ports } from "../settings/ports";
import type { File } from "./file";
import { program, programs } from "./program";
import { unitsOf } from "./services";
import { superuserOptions } from "./services/patroni/session";

/** The program, on every node. */
export const driftProgram = `${programs}/drift.sh`;

/** Its first line: what the node's last converge step was given. */
export const convergedMark = "converged ";

/** Its first line when that step did not come to its end, and how that is said. */
export const notConverged = `${convergedMark}none`;
export const brokenOff = "its last change did not come to its end";

/** What is found before every change of settings. */
export const notAtSettings = "is not at these settings";

/** The file that a line of `drift.sh` is about. */
export const changedFile = (line: string): string | undefined =>
  /^(\/\S+) (?:has been changed|is missing)$/.exec(line)?.[1];

const sha256 = (text: string) => createHash("sha256").update(text).digest("hex");

/** Checksum of secret files. Nobody finds out a key by it. */
export const secretSum = (files: File[]) => sha256(JSON.stringify(files));

/** What a node is given, as a preview shows it. */
export interface Shown {
  /** The script of its converge step. */
  script: string;
  /** Its files without secrets, by path: the content, then a line with owner and mode. */
  files: Record<string, string>;
  /** `secretSum` of the others. */
  secrets: string;
}

export const shownFiles = (files: File[]): Shown["files"] =>
  Object.fromEntries(files.map(({ path, owner, mode, content }) => [path, `${content}# ${owner} ${mode}\n`]));

/** The checksum by which a node is known to be at its settings. */
export const givenSum = ({ script, files, secrets }: Shown) =>
  sha256(JSON.stringify([script, Object.entries(files).sort(), secrets]));

export function driftFiles(plan: Plan, node: Node): File[] {
  const { settings } = plan;
  const variables = {
    UNITS: unitsOf(node.role, settings.clock, poolerCounts(settings)).join(" "),
    ...(node.role === "postgresql" && {
      PATRONI: `https://${node.address}:${ports.patroni}`,
      SUPERUSER_OPTIONS: superuserOptions,
    }),
  };
  const [shebang, ...rest] = program("drift.sh").split("\n");
  const rendered = Object.entries(variables).map(([name, value]) => `${name}='${value}'`);
  const content = [shebang, ...rendered, ...rest].join("\n");
  return [{ path: driftProgram, owner: "root:root", mode: "0755", content }];
}
