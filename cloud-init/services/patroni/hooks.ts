import { hasPause, type Clock, watchdogMargin } from "../../../settings/clocks";
import { ports } from "../../../settings/ports";
import type { Node, Plan } from "../../../settings/plan";
import { header, type File } from "../../file";
import { dataDirectory } from "./files";
import { programFile } from "../../program";
import { tls } from "../../../settings/tls";

const base64 = (text: string) => Buffer.from(text).toString("base64");

/**
 * How long the checkpoint before a stop may take, seconds. When Patroni itself ends it renews no key and feeds no watchdog
 * meanwhile, and the rest of the stop takes up to 5 s (`before-stop.sh`).
 */
const checkpointLimit = ({ ttl, loopWait }: Clock) => Math.min(10, Math.max(1, ttl - watchdogMargin - loopWait - 6));

/** What Patroni runs before it stops PostgreSQL and when this node's role changes. None when the clock has no pause. */
export function hookFiles(plan: Plan, node: Node): File[] {
  const { clock } = plan.settings;
  if (!hasPause(clock)) return [];
  const list = (nodes: Node[], port: number) =>
    `(${nodes.map(({ address }) => `https://${address}:${port}`).join(" ")})`;
  const variables = {
    NODE: node.name,
    ETCD: list(plan.etcd, ports.etcdClient),
    // As etcd's JSON gateway has them. Patroni's namespace is its default.
    LEADER_KEY: base64(`/service/${plan.cluster}/leader`),
    LEADER_VALUE: base64(node.name),
    GATES: list(plan.haproxy, ports.gate),
    PAUSE: clock.pause,
    CHECKPOINT: checkpointLimit(clock),
    PGDATA: dataDirectory,
    CA: tls.ca,
    CERT: tls.client,
    KEY: tls.key,
  };
  const lines = Object.entries(variables).map(([name, value]) => `${name}=${value}\n`);
  return [
    programFile("patroni/before-stop.sh"),
    programFile("patroni/role-change.sh"),
    { path: "/etc/pgha/hooks.env", owner: "root:root", mode: "0644", content: header() + lines.join("") },
  ];
}
