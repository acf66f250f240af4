import type { Node, Plan } from "../settings/plan";
import { driftFiles } from "./drift";
import type { File } from "./file";
import { firewallFiles } from "./firewall";
import { possibleServices, type ServiceName } from "./services";
import { etcdFiles } from "./services/etcd/files";
import { gateFiles } from "./services/gate/files";
import { guardFiles } from "./services/guard/files";
import { haproxyFiles } from "./services/haproxy/files";
import { patroniFiles } from "./services/patroni/files";
import { hookFiles } from "./services/patroni/hooks";
import { pgbouncerFiles } from "./services/pgbouncer/files";
import { witnessFiles } from "./services/witness/files";
import { sshdFiles } from "./sshd";

/** What each service is made of; nothing, when the settings have it switched off. */
const serviceFiles: Record<ServiceName, (plan: Plan, node: Node) => File[]> = {
  etcd: etcdFiles,
  witness: witnessFiles,
  patroni: (plan, node) => [...patroniFiles(plan, node), ...hookFiles(plan, node)],
  guard: guardFiles,
  haproxy: haproxyFiles,
  pgbouncer: pgbouncerFiles,
  gate: gateFiles,
};

/** All files of a node that hold no secret, as the converge step installs them. */
export const nodeFiles = (plan: Plan, node: Node): File[] => [
  ...firewallFiles(plan, node),
  ...sshdFiles(),
  ...driftFiles(plan, node),
  ...possibleServices(node.role).flatMap(([name]) => serviceFiles[name](plan, node)),
];
