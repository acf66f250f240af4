import type { File } from "../../../cloud-init/file";
import { haproxySecrets } from "../../../cloud-init/haproxy";
import { scramVerifier } from "../../../cloud-init/scram";
import { clusterSql } from "../../../cloud-init/sql";
import { tls } from "../../../cloud-init/tls";
import type { Node, Plan } from "../../../components/plan";
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
  if (node.role === "haproxy") return [key, haproxySecrets(placeholder.for("stats"))];
  if (node.role === "etcd") return [key];
  const verifier = (use: string) => scramVerifier(placeholder.for(use), Buffer.alloc(16, use));
  return [key, clusterSql(plan, { owner: verifier("owner"), user: verifier("user") })];
}
