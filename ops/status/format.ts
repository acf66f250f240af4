import { styleText } from "node:util";
import { bytes, table } from "../table";
import type { DatabaseNode, EtcdNode, FailedLogins, ProxyNode, Status } from "./model";
import { howToEnd, transactionHead, transactionRow } from "./transactions";

/** The status as one screen of text. @param colour mark problems for a terminal */
export function formatStatus(status: Status, failed: FailedLogins, colour = false): string {
  const red = (text: string) => (colour ? styleText("red", text, { validateStream: false }) : text);
  const head = [
    `${status.cluster} (stack ${status.stack})`,
    status.leader ? `leader ${status.leader}` : red("NO LEADER"),
    ...(status.timeline === null ? [] : [`timeline ${status.timeline}`]),
    ...(status.paused ? [red("PAUSED")] : []),
  ].join("   ");
  const soonest = status.certificates[0];
  const certificates = soonest
    ? `Certificates: the first ends in ${soonest.days} days (${soonest.node}, ${soonest.expires.slice(0, 10)})`
    : "Certificates: none could be read";
  const verdict =
    status.warnings.length === 0
      ? ["All is well."]
      : ["Not whole:", ...status.warnings.map((text) => `  - ${text}`)].map(red);
  return [
    head,
    "",
    ...table(
      ["DATABASE", "ROLE", "STATE", "TIMELINE", "LAG", "SYNC", "RESTART", "POSTGRESQL", "PATRONI"],
      status.database.map(databaseRow),
    ),
    "",
    ...table(["ETCD", "HEALTH", "ROLE", "DB SIZE", "VERSION"], status.etcd.map(etcdRow)),
    "",
    ...table(
      [
        "PROXY",
        "WRITES TO",
        "READS FROM",
        "CLIENTS",
        "WAITING",
        "SERVERS",
        "IDLE",
        "OLD WORKERS",
        "HAPROXY",
        "PGBOUNCER",
      ],
      status.proxies.map((node) => proxyRow(node)),
    ),
    "",
    ...(status.transactions.length > 0
      ? [...table(transactionHead, status.transactions.map(transactionRow)), ...howToEnd(status), ""]
      : []),
    certificates,
    ...logins(failed),
    ...verdict,
    ...status.notes.map((text) => `Note: ${text}`),
  ].join("\n");
}

function logins({ count, capped, most }: FailedLogins): string[] {
  if (count === 0) return ["Failed logins in the last hour: none"];
  return [
    `Failed logins in the last hour: ${count}${capped ? " and more" : ""}`,
    ...most.map(
      (kind) => `  - ${kind.count} as ${kind.role} from ${kind.address}${kind.node === null ? "" : ` (${kind.node})`}`,
    ),
  ];
}

const or = (value: string | number | null | undefined, otherwise = "-") => String(value ?? otherwise);

function databaseRow(node: DatabaseNode): string[] {
  return [
    node.name,
    or(node.role),
    node.reachable ? or(node.state) : "unreachable",
    or(node.timeline),
    node.lag === null ? "-" : bytes(node.lag),
    or(node.sync),
    node.pendingRestart ? "pending" : "-",
    or(node.postgresql),
    or(node.patroni),
  ];
}

function etcdRow(node: EtcdNode): string[] {
  const health = node.healthy ? "healthy" : node.reachable ? "NOT HEALTHY" : "unreachable";
  const role = node.problem ? "-" : node.leader ? "leader" : "follower";
  return [node.name, health, role, node.dbSize === null ? "-" : bytes(node.dbSize), or(node.version)];
}

function proxyRow(node: ProxyNode): string[] {
  const { haproxy, pgbouncer } = node;
  const down = node.reachable ? "down" : "unreachable";
  return [
    node.name,
    haproxy ? haproxy.write.join(",") || "nobody" : down,
    haproxy ? haproxy.read.join(",") || "the leader" : down,
    ...(pgbouncer
      ? [pgbouncer.clients.active, pgbouncer.clients.waiting, pgbouncer.servers.active, pgbouncer.servers.idle].map(
          String,
        )
      : [down, "-", "-", "-"]),
    oldWorkers(haproxy?.oldWorkers ?? null),
    or(haproxy?.version),
    or(pgbouncer?.version),
  ];
}

/** How many, and how long ago the oldest started. */
function oldWorkers(workers: NonNullable<ProxyNode["haproxy"]>["oldWorkers"]): string {
  if (!workers?.[0]) return or(workers?.length);
  const minutes = Math.floor(workers[0].seconds / 60);
  const age =
    minutes < 120
      ? `${minutes} min`
      : minutes < 2880
        ? `${Math.floor(minutes / 60)} h`
        : `${Math.floor(minutes / 1440)} d`;
  return `${workers.length} (${age})`;
}
