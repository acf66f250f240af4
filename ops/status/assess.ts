import type { ClusterOutput } from "../../components/outputs";
import { byHandNotes, byHandWarnings } from "./by-hand";
import { earlyWarning } from "./commits";
import { hasQuorum, membership, votes } from "./members";
import type { DatabaseNode, EtcdNode, ProxyNode, Status } from "./model";

/** Seconds a client may wait for a server connection before it is warned of. */
const longWait = 2;
/** Filling of a disk from which it is warned of, per cent. */
const fullDisk = 80;
const mib = 1024 ** 2;

/** Every problem of a cluster, one line each, the most serious first. Empty: it is healthy. */
export function assess(status: Status, cluster: ClusterOutput): string[] {
  return [
    ...(status.leader ? [] : ["no leader: nothing can be written"]),
    ...quorum(status),
    ...status.database.flatMap((node) => database(node, status, cluster)),
    ...synchronous(status, cluster),
    ...status.earlyCommits.map(earlyWarning),
    ...byHandWarnings(status),
    ...status.etcd.flatMap(etcd),
    ...membership(status),
    ...status.proxies.flatMap((node) => proxy(node, status)),
    ...(status.paused
      ? [
          "Patroni is paused (maintenance mode): no automatic failover; `patronictl -c /etc/patroni/patroni.yml resume` ends it",
        ]
      : []),
    ...(status.switchover
      ? [`a switchover is ${status.switchover.at ? `scheduled for ${status.switchover.at}` : "under way"}`]
      : []),
    ...status.stopped.map(
      ({ node, unit, state }) =>
        `${node}: ${unit} does not run (${state}); \`pgha logs ${node}\` says why, \`pgha ssh ${node} -- sudo systemctl start ${unit}\` starts it`,
    ),
    ...status.differences.map(({ node, text }) => `${node}: ${text}; \`npm run up\` makes it so again`),
    ...certificates(status),
    ...status.disks
      .filter(({ used }) => used > fullDisk)
      .map(({ node, path, used }) => `${node}: ${path} is ${used} % full`),
  ];
}

function quorum(status: Status): string[] {
  const { voters, healthy } = votes(status);
  const needed = Math.floor(voters / 2) + 1;
  return hasQuorum(status)
    ? []
    : [`etcd has no quorum: ${healthy} of ${voters} members are healthy, ${needed} are needed`];
}

function database(node: DatabaseNode, status: Status, cluster: ClusterOutput): string[] {
  if (!node.reachable) return [`${node.name} is unreachable: ${node.problem}`];
  if (node.problem) return [`${node.name}: ${node.problem}`];
  const said: string[] = [];
  if (!node.role) said.push("is not a member of the Patroni cluster");
  else if (node.role !== "leader" && node.state !== "streaming")
    said.push(`is ${node.state}, not streaming from the leader`);
  else if (node.role === "leader" && node.state !== "running") said.push(`leads but is ${node.state}`);
  if (node.timeline !== null && status.timeline !== null && node.timeline !== status.timeline) {
    said.push(`is on timeline ${node.timeline}, the leader on ${status.timeline}`);
  }
  if (node.lag !== null && node.lag > cluster.maxReplicaLag * mib) {
    said.push(
      `is ${Math.round(node.lag / mib)} MiB behind, over the limit of ${cluster.maxReplicaLag} MiB: it gets no new reads`,
    );
  }
  if (node.replayPaused) said.push("has its replay paused; pg_wal_replay_resume() ends it");
  // A standby follows its leader though most of its files are gone.
  if (node.refuses !== null)
    said.push(
      `lets nobody in: ${node.refuses}${node.role === "leader" ? "" : `; \`pgha reinit ${node.name}\` copies it again`}`,
    );
  if (node.pendingRestart)
    said.push("has a change that waits for a restart of PostgreSQL; `pgha restart` does it in turn");
  return said.map((text) => `${node.name} ${text}`);
}

function synchronous(status: Status, cluster: ClusterOutput): string[] {
  if (cluster.synchronous === "off" || !status.leader || !hasQuorum(status)) return [];
  const standbys = status.database.filter((node) => isSynchronous(node));
  return standbys.length > 0 ? [] : ["no synchronous standby: writes wait or are not safe, and nobody may take over"];
}

/** May this member take over without losing an acknowledged commit? */
export const isSynchronous = (node: DatabaseNode) =>
  (node.sync === "quorum" || node.sync === "sync") && node.state === "streaming" && node.problem === null;

function etcd(node: EtcdNode): string[] {
  if (!node.reachable) return [`${node.name} is unreachable: ${node.problem}`];
  const said = node.alarms.map((alarm) => `${node.name} has the alarm ${alarm}`);
  if (node.problem) return [`${node.name}: ${node.problem}`];
  return node.healthy ? said : [...said, `${node.name} is not healthy`];
}

function proxy(node: ProxyNode, status: Status): string[] {
  if (!node.reachable) return [`${node.name} is unreachable: ${node.problem}`];
  const said: string[] = [];
  if (!node.haproxy) said.push("HAProxy does not answer");
  else {
    const { write, read } = node.haproxy;
    const replicas = status.database.filter(({ name }) => name !== status.leader);
    const missing = replicas.filter(({ name }) => !read.includes(name)).map(({ name }) => name);
    if (status.leader && write.join() !== status.leader)
      said.push(`HAProxy sends writes to ${write.join(", ") || "nobody"}`);
    if (missing.length > 0) said.push(`HAProxy sends no reads to ${missing.join(", ")}`);
  }
  if (!node.pgbouncer) said.push("PgBouncer does not answer");
  else {
    if (node.pgbouncer.paused.length > 0) said.push(`PgBouncer holds ${node.pgbouncer.paused.join(", ")} by PAUSE`);
    const { clients, longestWait, servers, full, idleInTransaction } = node.pgbouncer;
    if (full.length > 0 && idleInTransaction > 0) {
      const held = `${idleInTransaction} of ${servers.active} are held by sessions that are idle in a transaction`;
      said.push(`PgBouncer has no connection left to ${full.join(", ")}: ${held}`);
    }
    if (longestWait >= longWait)
      said.push(`${clients.waiting} clients wait for a connection, one for ${longestWait} s already`);
  }
  return said.map((text) => `${node.name}: ${text}`);
}

/** What is to be done some time, one line each. */
export function notes(status: Status): string[] {
  const oldLimits = status.proxies.flatMap(({ name, outdated }) =>
    (outdated ?? []).map(
      (service) =>
        `${name}: ${service} had clients and still runs without the limits of its new unit; a restart cuts them: ` +
        `\`pgha ssh ${name} -- sudo systemctl restart ${service}\``,
    ),
  );
  return [...oldLimits, ...byHandNotes(status)];
}

function certificates({ certificates: known, database: members, etcd: quorumMembers, proxies }: Status): string[] {
  const reachable = [...quorumMembers, ...members, ...proxies].filter((node) => node.reachable);
  const without = reachable.filter(({ name }) => !known.some(({ node }) => node === name));
  const ending = known.filter((certificate) => certificate.ending);
  return [
    ...without.map(({ name }) => `${name}: its certificate cannot be read`),
    ...ending.map(({ node, days }) =>
      days < 0
        ? `${node}: its certificate has ended`
        : `${node}: its certificate ends in ${days} days; \`npm run up\` renews it`,
    ),
  ];
}
