import { X509Certificate } from "node:crypto";
import { brokenOff, notConverged } from "../../cloud-init/drift";
import type { ClusterOutput } from "../../components/outputs";
import { parseJson, type PatroniCluster, type PatroniMember } from "../ask";
import { assess, notes } from "./assess";
import { earlyCommits, type EarlyCommits } from "./commits";
import { parseCsv } from "./csv";
import { readMembers } from "./members";
import type { Certificate, DatabaseNode, EtcdNode, ProxyNode, Status } from "./model";
import type { Hop, Seen } from "./hops";
import { fullPools, pausedPools } from "./paused";
import type { Probe } from "./probe";
import { heldAt, withClients, type Open } from "./transactions";

/** `GET /patroni` of Patroni 4.1, as far as it is used here. */
interface PatroniAnswer {
  state?: string;
  role?: string;
  timeline?: number;
  replication_state?: string;
  server_version?: number;
  pending_restart?: boolean;
  failsafe_mode_is_active?: boolean;
  patroni?: { version?: string };
  xlog?: { paused?: boolean };
}

/** What PostgreSQL says (`databaseQuestions` of ./probe). */
interface PostgresqlAnswer {
  transactions: NonNullable<DatabaseNode["longTransactions"]>;
  commits: EarlyCommits[];
  open: Open[];
  idle: Seen[];
  byHand?: string[];
}

const postgresqlAnswer = ({ sections }: Probe) => parseJson<PostgresqlAnswer>(sections.get("postgresql") ?? "");

/** Why there is no such answer, in its own words. */
const refusal = (probe: Probe) =>
  postgresqlAnswer(probe) ? null : (/FATAL: +(.*)/.exec(probe.sections.get("postgresql") ?? "")?.[1] ?? null);

const idleSessions = (probes: Probe[]) => probes.flatMap((probe) => postgresqlAnswer(probe)?.idle ?? []);

/** Sessions whose way is worth knowing. */
export const inTheWay = (probes: Probe[]): Seen[] => [
  ...probes.flatMap((probe) => postgresqlAnswer(probe)?.open ?? []),
  ...idleSessions(probes),
];

/** etcd 3.6, `etcdctl endpoint status -w json`. */
type EtcdStatus = {
  Status?: { header?: { member_id?: number }; leader?: number; dbSize?: number; version?: string };
}[];

/** Makes the picture of a cluster from what its nodes answered. */
export function readStatus(
  stack: string,
  cluster: ClusterOutput,
  probes: Probe[],
  hops: Hop[] = [],
  now = new Date(),
): Status {
  const views = probes.flatMap((probe) => parseJson<PatroniCluster>(probe.sections.get("cluster") ?? "") ?? []);
  const view = views.find((candidate) => Array.isArray(candidate.members)) ?? withoutEtcd(probes);
  const members = new Map((view?.members ?? []).map((member) => [member.name, member]));
  const of = (role: Probe["node"]["role"]) => probes.filter(({ node }) => node.role === role);
  const etcd = of("etcd").map(readEtcd);
  const leader = [...members.values()].find((member) => member.role === "leader");
  const status: Status = {
    stack,
    cluster: cluster.name,
    whole: true,
    leader: leader?.name ?? null,
    timeline: leader?.timeline ?? null,
    paused: view?.pause === true,
    switchover: readSwitchover(of("etcd")),
    earlyCommits: readEarlyCommits(of("postgresql"), leader?.name, cluster),
    transactions: probes
      .flatMap((probe) => withClients(probe.node.name, postgresqlAnswer(probe)?.open ?? [], hops))
      .sort((a, b) => b.seconds - a.seconds),
    database: of("postgresql").map((probe) => readDatabase(probe, members.get(probe.node.name))),
    etcd,
    etcdMembers: readMembers(of("etcd"), etcd),
    proxies: of("haproxy").map((probe) => readProxy(probe, heldAt(probe.node.name, idleSessions(probes), hops))),
    certificates: probes
      .flatMap((probe) => readCertificate(probe, now))
      .sort((a, b) => a.days - b.days || a.node.localeCompare(b.node, "en", { numeric: true })),
    stopped: probes.flatMap(readStopped),
    differences: probes.flatMap(readDifferences),
    disks: probes.flatMap(readDisk),
    warnings: [],
    notes: [],
  };
  status.warnings = assess(status, cluster);
  status.notes = notes(status);
  status.whole = status.warnings.length === 0;
  return status;
}

/** Without etcd no Patroni knows the cluster, but each knows its own node: in failsafe mode the leader leads on. */
function withoutEtcd(probes: Probe[]): PatroniCluster {
  const members = probes.flatMap(({ node, sections }): PatroniMember[] => {
    const own = parseJson<PatroniAnswer>(sections.get("patroni") ?? "");
    if (!own?.state || !own.role) return [];
    // Who confirms commits is known by etcd alone.
    const role = own.role === "primary" ? "leader" : "standby";
    return [{ name: node.name, role, state: own.replication_state ?? own.state, timeline: own.timeline }];
  });
  return { members };
}

/** Patroni's key for a switchover. A done one leaves an empty object. */
function readSwitchover(etcd: Probe[]): Status["switchover"] {
  type Key = { leader?: string; member?: string; scheduled_at?: string };
  const keys = etcd.flatMap(({ sections }) => parseJson<Key>(sections.get("switchover") ?? "") ?? []);
  const key = keys.find(({ leader, member }) => leader || member);
  return key ? { from: key.leader ?? null, to: key.member ?? null, at: key.scheduled_at ?? null } : null;
}

/** By the leader's word, or whoever's there is. */
function readEarlyCommits(database: Probe[], leader: string | undefined, { synchronous }: ClusterOutput) {
  const answers = database.flatMap((probe) => postgresqlAnswer(probe) ?? []);
  const leading = database.find(({ node }) => node.name === leader);
  const { commits } = (leading && postgresqlAnswer(leading)) ?? answers[0] ?? { commits: [] };
  return earlyCommits(commits, synchronous);
}

const reach = ({ node, unreachable }: Probe) => ({
  name: node.name,
  reachable: unreachable === undefined,
  problem: unreachable ?? null,
});

const syncStates: Record<string, string> = { quorum_standby: "quorum", sync_standby: "sync", replica: "async" };

function readDatabase(probe: Probe, member: PatroniMember | undefined): DatabaseNode {
  const own = parseJson<PatroniAnswer>(probe.sections.get("patroni") ?? "");
  const base = reach(probe);
  const version = own?.server_version;
  return {
    ...base,
    problem: base.problem ?? (own ? null : "Patroni does not answer"),
    role: member?.role ?? null,
    // What the node says itself is fresher than what it left in etcd.
    state: own || !base.reachable ? (member?.state ?? own?.state ?? null) : "stopped",
    timeline: member?.timeline ?? null,
    lag: typeof member?.lag === "number" ? member.lag : null,
    sync: syncStates[member?.role ?? ""] ?? null,
    pendingRestart: own?.pending_restart === true || member?.pending_restart === true,
    replayPaused: own?.xlog?.paused === true,
    refuses: own?.state === "running" ? refusal(probe) : null,
    byHand: postgresqlAnswer(probe)?.byHand ?? [],
    nofailover: isNoFailover(member?.tags),
    failsafe: own?.failsafe_mode_is_active === true,
    longTransactions: postgresqlAnswer(probe)?.transactions ?? null,
    postgresql: version ? `${Math.floor(version / 10_000)}.${version % 10_000}` : null,
    patroni: own?.patroni?.version ?? null,
  };
}

/** As Patroni reads it (tags.py): a priority of 0 says the same, unless the tag itself says otherwise. */
function isNoFailover({ nofailover, failover_priority: priority }: Record<string, unknown> = {}): boolean {
  return typeof nofailover === "boolean" ? nofailover : typeof priority === "number" && priority <= 0;
}

function readEtcd(probe: Probe): EtcdNode {
  const base = reach(probe);
  const health = parseJson<{ health?: boolean }[]>(probe.sections.get("health") ?? "")?.[0]?.health === true;
  const status = parseJson<EtcdStatus>(probe.sections.get("status") ?? "")?.[0]?.Status;
  // Names of alarms, as in rpc.proto (AlarmType); etcdctl prints numbers.
  const alarms =
    parseJson<{ alarms?: { memberID?: number; alarm?: number }[] }>(probe.sections.get("alarms") ?? "")?.alarms ?? [];
  const id = status?.header?.member_id;
  return {
    ...base,
    problem: base.problem ?? (status ? null : "etcd does not answer"),
    healthy: health,
    leader: id !== undefined && id === status?.leader,
    dbSize: status?.dbSize ?? null,
    version: status?.version ?? null,
    alarms: alarms
      .filter(({ memberID }) => memberID === id)
      .map(({ alarm }) => ["NONE", "NOSPACE", "CORRUPT"][alarm ?? 0] ?? String(alarm)),
  };
}

function readProxy(probe: Probe, idleInTransaction: number): ProxyNode {
  const base = reach(probe);
  const stat = probe.sections.get("stat");
  const pools = probe.sections.get("pools");
  const rows = parseCsv(stat ?? "");
  const up = (backend: string) =>
    rows
      .filter(
        (row) =>
          row.pxname === backend && !["BACKEND", "FRONTEND"].includes(row.svname!) && row.status!.startsWith("UP"),
      )
      .map((row) => row.svname!);
  // Each PgBouncer's answer begins with the names of its columns.
  const own = parseCsv(pools ?? "").filter((row) => !["database", "pgbouncer"].includes(row.database!));
  const sum = (column: string) => own.reduce((total, row) => total + Number(row[column] ?? 0), 0);
  const version = (section: string, pattern: RegExp) => pattern.exec(probe.sections.get(section) ?? "")?.[1] ?? null;
  return {
    ...base,
    haproxy: stat
      ? {
          version: version("version", /version (\d[\d.]*\d)/),
          write: up("primary"),
          read: up("replicas"),
          oldWorkers: readOldWorkers(probe.sections.get("workers")),
        }
      : null,
    pgbouncer:
      pools === undefined
        ? null
        : {
            version: version("pgbouncer", /PgBouncer (\d[\d.]*\d)/),
            clients: { active: sum("cl_active"), waiting: sum("cl_waiting") },
            servers: { active: sum("sv_active"), idle: sum("sv_idle") },
            idleInTransaction,
            full: fullPools(probe.sections.get("paused") ?? "", pools),
            longestWait: Math.max(0, ...own.map((row) => Number(row.maxwait ?? 0))),
            paused: pausedPools(probe.sections.get("paused") ?? ""),
          },
    outdated: probe.sections.get("outdated")?.split("\n").filter(Boolean) ?? null,
  };
}

/** `show proc` of HAProxy's master: "1233            worker          3               0d00h00m43s     3.0.11", and so on. */
function readOldWorkers(processes: string | undefined) {
  if (!processes?.includes("# workers")) return null;
  const [, old = ""] = /^# old workers$([^#]*)/m.exec(processes) ?? [];
  const workers = [...old.matchAll(/^(\d+) +worker +\d+ +(\d+)d(\d+)h(\d+)m(\d+)s/gm)].map(([, ...found]) => {
    const [pid, days, hours, minutes, seconds] = found.map(Number) as [number, number, number, number, number];
    return { pid, seconds: ((days * 24 + hours) * 60 + minutes) * 60 + seconds };
  });
  return workers.sort((a, b) => b.seconds - a.seconds);
}

function readStopped({ node, sections }: Probe): Status["stopped"] {
  const lines = (sections.get("units") ?? "").split("\n").filter(Boolean);
  return lines
    .map((line) => line.split(" "))
    .map(([unit, state]) => ({ node: node.name, unit: unit!, state: state ?? "unknown" }))
    .filter(({ state }) => state !== "active");
}

/** What drift.sh finds, without the units, which are asked for anyway. A node of a release before has no such program. */
function readDifferences({ node, sections }: Probe): Status["differences"] {
  const [converged, ...lines] = (sections.get("differences") ?? "").split("\n");
  const others = lines.filter((text) => text && !text.includes(" does not run "));
  return [...(converged === notConverged ? [brokenOff] : []), ...others].map((text) => ({ node: node.name, text }));
}

const dayInMs = 24 * 3600 * 1000;

function readCertificate({ node, sections }: Probe, now: Date): Certificate[] {
  const pem = sections.get("certificate");
  if (!pem) return [];
  try {
    const { validFrom, validTo } = new X509Certificate(pem);
    const end = new Date(validTo);
    const left = end.getTime() - now.getTime();
    const ending = left < Math.min(30 * dayInMs, (end.getTime() - new Date(validFrom).getTime()) / 10);
    return [{ node: node.name, expires: end.toISOString(), days: Math.floor(left / dayInMs), ending }];
  } catch {
    return []; // assess() tells of a node without a certificate
  }
}

function readDisk({ node, sections }: Probe) {
  const lines = (sections.get("disk") ?? "").split("\n").flatMap((line) => {
    const [, used, path] = /^\s*(\d+)% (.+)$/.exec(line) ?? [];
    return used && path ? [{ node: node.name, path, used: Number(used) }] : [];
  });
  return lines.sort((a, b) => b.used - a.used).slice(0, 1);
}
