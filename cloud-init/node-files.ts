import type { Node, Plan } from "../components/plan";
import { etcdFiles } from "./etcd";
import type { File } from "./file";
import { gateFiles } from "./gate";
import { guardFiles } from "./guard";
import { haproxyFiles } from "./haproxy";
import { hookFiles } from "./hooks";
import { patroniFiles } from "./patroni";
import { pgbouncerFiles } from "./pgbouncer";
import { witnessFiles } from "./witness";

/** All files of a node that hold no secret, as the converge step installs them. */
export function nodeFiles(plan: Plan, node: Node): File[] {
  switch (node.role) {
    case "etcd":
      return [...etcdFiles(plan, node), ...witnessFiles(plan, node)];
    case "postgresql":
      return [...patroniFiles(plan, node), ...hookFiles(plan, node), ...guardFiles(plan, node)];
    case "haproxy":
      return [...haproxyFiles(plan), ...pgbouncerFiles(plan), ...gateFiles(plan, node)];
  }
}
