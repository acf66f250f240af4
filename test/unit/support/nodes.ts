import type { File } from "../../../cloud-init/file";
import { haproxySecrets } from "../../../cloud-init/services/haproxy/files";
import { pgbouncerSecrets } from "../../../cloud-init/services/pgbouncer/files";
import { scramVerifier } from "../../../cloud-init/services/patroni/scram";
import { rightsSql } from "../../../cloud-init/services/patroni/rights";
import { clusterSql } from "../../../cloud-init/services/patroni/sql";
import { tls } from "../../../settings/tls";
import type { Node, Plan } from "../../../settings/plan";
import { placeholder } from "./placeholders";

/** A node's secret files with placeholders in them, as its converge step gets them. */
export function secretFiles(plan: Plan, node: Node): File[] {
  const owner = "root:root";
  const key: File = {
    path: tls.key,
    owner,
    mode: "0600",
    content: `-----BEGIN PRIVATE KEY-----\n${placeholder.for(node.name)}\n`,
  };
  if (node.role === "haproxy")
    return [key, haproxySecrets(placeholder.for("stats")), pgbouncerSecrets(placeholder.for("lookup"))];
  if (node.role === "etcd") return [key];
  const verifier = (use: string) => scramVerifier(placeholder.for(use), Buffer.alloc(16, use));
  const verifiers = { owner: verifier("owner"), user: verifier("user"), roles: {} };
  return [key, clusterSql(plan, verifiers), rightsSql(plan, verifiers)];
}
