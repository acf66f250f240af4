/** Made-up reports of drills, as rich as real ones. */
import { clocks } from "../../../settings/clocks";
import { drillClocks } from "../../../ops/drill/clocks";
import type { DrillResult, LayerEvent, Report, Throughput } from "../../../ops/drill/model";
import { randomFrom } from "../../../ops/drill/plan";
import type { PathResult, Second, Verification } from "../../../ops/load/model";

/** Text that breaks a page which forgets to escape it, in every place it may get to. */
export const hostile = `</script><script>alert("1")</script><img src="http://198.51.100.1/x" onerror='alert(2)'>&amp;`;

const random = randomFrom("sample");
const about = (value: number) => value * (0.85 + 0.3 * random());

/** When the fault comes, ms since the load began; and how long a drill takes, seconds. */
const [injectedAt, length] = [4_000, 45];

export function verification(change: Partial<Verification> = {}): Verification {
  return {
    acknowledged: 4_321,
    lost: 0,
    lostIds: [],
    unknown: { committed: 3, absent: 2 },
    failedButCommitted: 0,
    duplicates: 0,
    nodes: [1, 2, 3].map((number) => ({
      node: `postgresql${number}`,
      rows: 4_324,
      checksum: "8412907733019556021",
      same: true,
    })),
    readRegression: { bytes: 18_432, limit: 16_777_216 },
    ok: true,
    faults: [],
    ...change,
  };
}

/** One path that stalls for `gap` ms from the fault on, and works off what was due meanwhile in one second. */
export function path(name: PathResult["path"], rate: number, gap: number): PathResult {
  const freed = Math.floor((injectedAt + gap) / 1000);
  const seconds = Array.from({ length }, (_, second): Second => {
    const broken = second * 1000 >= injectedAt && second < freed;
    const atFault = second === injectedAt / 1000 && gap > 0;
    const burst = second === freed && gap > 0;
    const usual = about(9);
    return {
      second,
      acknowledged: broken ? 0 : burst ? Math.round(rate * (gap / 1000 + 0.5)) : Math.round(about(rate)),
      failed: atFault ? 2 : 0,
      unknown: atFault && name !== "read" ? 4 : 0,
      refused: broken ? 7 : 0,
      p50: broken ? null : usual / 3,
      p95: broken ? null : usual,
      p99: broken ? null : burst ? gap * 0.9 : usual * 2,
      max: broken ? null : burst ? gap : usual * 6,
    };
  });
  const sum = (key: "acknowledged" | "failed" | "unknown") => seconds.reduce((total, one) => total + one[key], 0);
  const [acknowledged, failed, unknown] = [sum("acknowledged"), sum("failed"), sum("unknown")];
  return {
    path: name,
    due: acknowledged + failed + unknown,
    acknowledged,
    failed,
    unknown,
    longestGap: { ms: gap, at: injectedAt + 12 },
    latency: { p50: 2.8, p95: 9.1, p99: gap * 0.8, max: gap },
    errors:
      gap > 0
        ? [
            { class: "ECONNRESET", count: unknown, example: "read ECONNRESET" },
            { class: "25006 read_only_sql_transaction", count: failed, example: `cannot execute INSERT ${hostile}` },
          ]
        : [],
    seconds,
  };
}

/** What the layers say of a failover from postgresql1 to postgresql2 that took `gap` ms. */
export function failoverEvents(gap: number): LayerEvent[] {
  const event = (
    part: number,
    layer: LayerEvent["layer"],
    node: string | null,
    step: LayerEvent["step"],
    text: string,
  ) => ({
    at: Math.round(injectedAt + part * gap),
    layer,
    node,
    step,
    text,
  });
  return [
    event(0, "drill", "postgresql1", "injected", "powered off postgresql1"),
    event(0.01, "client", null, "first-error", "ECONNRESET on the pooled path"),
    event(0.02, "haproxy", "haproxy1", "server-down", "primary/postgresql1 is DOWN: Layer4 timeout"),
    event(0.03, "haproxy", "haproxy2", "server-down", "primary/postgresql1 is DOWN: Layer4 timeout"),
    event(0.05, "pgbouncer", "haproxy1", "note", "server conn crashed?"),
    event(0.06, "pgbouncer", "haproxy2", "note", `closing because: ${hostile}`),
    event(0.3, "etcd", "etcd2", "note", "lost the TCP streaming connection with peer"),
    event(0.62, "patroni", "postgresql2", "noticed", "the leader key expired"),
    event(0.63, "patroni", "postgresql3", "noticed", "the leader key expired"),
    event(0.7, "patroni", "postgresql3", "note", "following a different leader because I am not the healthiest node"),
    event(0.74, "patroni", "postgresql2", "lock-taken", "acquired session lock as a leader"),
    event(0.8, "postgresql", "postgresql2", "note", "received promote request"),
    event(0.86, "postgresql", "postgresql2", "promoted", "selected new timeline ID: 8"),
    event(0.9, "postgresql", "postgresql2", "note", "database system is ready to accept connections"),
    event(0.95, "haproxy", "haproxy1", "server-up", "primary/postgresql2 is UP: Layer7 check passed"),
    event(0.97, "haproxy", "haproxy2", "server-up", "primary/postgresql2 is UP: Layer7 check passed"),
    event(1, "client", null, "first-write", "first acknowledged write on the pooled path"),
    { at: injectedAt + gap + 6_000, layer: "drill", node: null, step: "healed", text: "started postgresql1" },
    { at: injectedAt + gap + 11_400, layer: "drill", node: null, step: "whole", text: "whole 5.4 s after the heal" },
  ];
}

/** A drill that passed. @param gap the outage on the pooled path, ms */
export function drill(gap: number, change: Partial<DrillResult> = {}): DrillResult {
  return {
    fault: "power-off-leader",
    title: "The leader's machine loses power",
    clock: "fast",
    expects: "Writes wait until the leader key has expired (20 s) and a standby has been promoted; reads go on.",
    startedAt: "2026-03-01T10:00:00.000Z",
    targets: ["postgresql1"],
    injectedAt,
    healedAt: injectedAt + gap + 6_000,
    whole: 5.4,
    complaints: [],
    leader: { before: "postgresql1", after: "postgresql2" },
    timeline: { before: 7, after: 8 },
    paths: [path("pooled", 60, gap), path("write", 40, gap * 0.93), path("read", 30, 0)],
    eventLoopDelay: 11.4,
    outage: { measured: gap, bound: 27_000 },
    verification: verification(),
    events: failoverEvents(gap),
    ok: true,
    faults: [],
    ...change,
  };
}

export function report(drills: DrillResult[], change: Partial<Report> = {}): Report {
  return {
    version: 1,
    stack: "dev",
    cluster: "pgha-dev",
    started: "2026-03-01T10:00:00.000Z",
    ended: "2026-03-01T11:42:07.000Z",
    seed: null,
    machine: { cpus: 8, model: "AMD EPYC 7763 64-Core Processor", memoryGiB: 32 },
    versions: { PostgreSQL: "17.5", Patroni: "4.1.5", etcd: "3.6.14", HAProxy: "3.0.11", PgBouncer: "1.24.1" },
    load: [
      { path: "pooled", rate: 60, clients: 8 },
      { path: "write", rate: 40, clients: 8 },
      { path: "read", rate: 30, clients: 4 },
    ],
    clocks: { fast: clocks.fast },
    drills,
    history: [],
    verification: verification({ acknowledged: 4_321 * drills.length }),
    ...change,
  };
}

function bench(): Throughput {
  const runs = (["simple", "prepared", "read-only"] as const).flatMap((work) =>
    [1, 16, 64, 256].flatMap((clients) =>
      (["direct", "haproxy", "pgbouncer"] as const).flatMap((path) =>
        (work !== "read-only" && path !== "pgbouncer" ? (["quorum", "local"] as const) : (["quorum"] as const)).map(
          (commit) => {
            const skipped =
              clients === 256 && path !== "pgbouncer" ? "more clients than max_connections (200)" : undefined;
            const slower = { direct: 1, haproxy: 0.91, pgbouncer: 0.83 }[path] * (commit === "local" ? 1.6 : 1);
            const tps = 420 * Math.log2(clients + 1) * slower * (work === "read-only" ? 9 : 1);
            const values = skipped ? [] : [about(tps), about(tps), about(tps)];
            const failed = clients === 64 && path === "haproxy" ? 3 : 0;
            return {
              work,
              path,
              commit,
              clients,
              tps: values,
              latency: values.map((v) => (1000 * clients) / v),
              failed,
              skipped,
            };
          },
        ),
      ),
    ),
  );
  return { seconds: 5, repeat: 3, scale: 10, runs };
}

/** Everything a report can hold: clocks compared, a drill that failed, one skipped, throughput, and hostile text. */
export function richReport(): Report {
  const kinds = [
    { fault: "power-off-leader", title: "The leader's machine loses power", gap: 21_800, bound: 27_000 },
    { fault: "kill-postmaster", title: "kill -9 of the leader's postmaster", gap: 1_700, bound: 6_000 },
    { fault: "switchover", title: "Switchover", gap: 900, bound: 4_000 },
    { fault: "power-off-standby", title: "A synchronous standby loses power", gap: 3_100, bound: 9_500 },
  ];
  const slower = { fast: 1, classic: 2.6, "pigsty-norm": 1.7 };
  const drills = Object.entries(slower).flatMap(([clock, factor]) =>
    kinds.flatMap(({ gap, bound, ...fault }) =>
      [0, 1].map(() => {
        const measured = Math.round(Math.min(about(gap * factor), 38_000));
        return drill(measured, { ...fault, clock, outage: { measured, bound: bound * factor } });
      }),
    ),
  );
  const lost = {
    lost: 3,
    lostIds: [120, 121, 140],
    ok: false,
    faults: ["3 acknowledged writes are lost (ids 120, 121, 140)"],
  };
  const lossy = drill(11_200, {
    fault: "cut-standbys-then-power-off",
    title: "The leader is cut off from its standbys, then loses power",
    outage: { measured: 11_200, bound: null },
    verification: verification(lost),
    whole: null,
    complaints: ["postgresql1 is not streaming", hostile],
    ok: false,
    faults: [...lost.faults, "not whole within 240 s: postgresql1 is not streaming"],
  });
  const skipped: DrillResult = {
    ...drill(0, { fault: "clock-jump", title: "A machine's clock jumps" }),
    skipped: `a container cannot set its clock ${hostile}`,
    paths: [],
    events: [],
    targets: [],
  };
  return report([...drills, lossy, skipped], {
    cluster: `pgha-dev ${hostile}`,
    seed: "5f0c21aa",
    clocks: Object.fromEntries(Object.keys(slower).map((name) => [name, drillClocks[name]!])),
    history: [1, 2, 3, 4, 5, 6, 7].map((timeline) => ({
      timeline,
      at: `2026-03-01T1${timeline}:00:00+00:00`,
      reason: "no recovery target specified",
      leader: `postgresql${(timeline % 3) + 1}`,
    })),
    verification: verification({ acknowledged: 112_346, ...lost }),
    throughput: bench(),
  });
}
