import { loadCluster, nodesOf } from "../cluster";
import { patroniCurl, parseJson, type Reached } from "../ask";
import { OpsError } from "../errors";
import { Load, type LoadPath } from "../load/load";
import { machineSize } from "../machine";
import { sshRunner } from "../ssh";
import { getStatus, type Status } from "../status";
import { clockName, drillClocks } from "./clocks";
import { faultNamed } from "./faults";
import { startRescuer } from "./rescue";
import { heal } from "./heal";
import type { DrillResult, Report } from "./model";
import { drillOnce, type Timing } from "./one";
import { randomFrom, type DrillJob } from "./plan";
import { DrillSettings } from "./settings";
import { becomesWhole } from "./whole";
import { makeWorld } from "./world";

export interface RunOptions {
  /** What to do, one after the other. It may have no end: then `deadline` ends the run. */
  steps: Iterable<DrillJob>;
  /** No further drill begins after this, ms since the epoch. @default none */
  deadline?: number;
  seed?: string;
  load: LoadPath[];
  timing: Timing;
  /** Ends the run after the drill under way has healed. */
  signal: AbortSignal;
  /** Called after every drill with the report so far. */
  save(report: Report): void;
  progress: Progress;
}

/** What is told while a run goes on. */
export interface Progress {
  drill(number: number, step: DrillJob): void;
  detail(text: string): void;
  done(result: DrillResult): void;
}

/**
 * Runs drills on a healthy cluster, over one load whose ledger spans them all, and reads everything back at the end.
 * @throws OpsError when the cluster is not healthy to begin with, or another drill runs on it
 */
export async function runDrills(reached: Reached, options: RunOptions): Promise<Report> {
  const { progress } = options;
  // Before anything else: two drills at once would undo each other's faults.
  const rescuer = await startRescuer(reached.cluster);
  try {
    await startWhole(reached, progress);
    return await runAll(reached, options);
  } finally {
    await rescuer.dismiss();
  }
}

/** Heals what an interrupted drill left, and makes sure that the cluster is healthy. */
async function startWhole(reached: Reached, progress: Progress): Promise<void> {
  const undone = await heal(makeWorld(reached, randomFrom("")));
  if (undone.length > 0) progress.detail(`healed what an earlier drill left: ${undone.join("; ")}`);
  const { seconds, complaints } = await becomesWhole(reached, { timeout: undone.length > 0 ? 240 : 20, loaded: false });
  if (seconds === null) {
    throw new OpsError(`a drill needs a healthy cluster; this one has problems:\n  - ${complaints.join("\n  - ")}`);
  }
}

async function runAll(first: Reached, options: RunOptions): Promise<Report> {
  const { signal, progress, save } = options;
  let reached = first;
  const settings = new DrillSettings(first.cluster);
  const ownClock = clockName(reached.cluster.facts.clock);
  const report = await begin(reached, options);
  const load = await Load.open(reached, { paths: options.load });
  const random = randomFrom(options.seed ?? "");
  let clock = ownClock;
  try {
    let number = 0;
    for (const step of options.steps) {
      if (signal.aborted || (options.deadline && Date.now() > options.deadline)) break;
      if (step.clock !== clock) {
        progress.detail(`clock: ${clock} -> ${step.clock}`);
        await settings.change({ clock: step.clock === ownClock ? undefined : drillClocks[step.clock] });
        reached = await reachAgain(reached);
        clock = step.clock;
      }
      const timings = reached.cluster.facts.clock;
      report.clocks[clock] = timings;
      progress.drill(++number, step);
      const stage = { load, clock: { name: clock, settings: timings }, timing: options.timing, signal };
      const world = { ...makeWorld(reached, random), settings };
      const result = await drillOnce({ ...stage, world, show: progress.detail }, faultNamed(step.fault));
      report.drills.push(result);
      progress.done(result);
      save(report);
      // On a cluster that is not whole every further drill would fail for that reason.
      if (result.whole === null && !result.skipped) break;
    }
    report.verification = await load.verify("all");
    report.history = await history(reached);
  } finally {
    report.ended = new Date().toISOString();
    save(report);
    await load.close();
    await settings.restore();
  }
  return report;
}

async function begin({ cluster, runner }: Reached, options: RunOptions): Promise<Report> {
  return {
    version: 1,
    stack: cluster.stack,
    cluster: cluster.facts.name,
    started: new Date().toISOString(),
    ended: null,
    seed: options.seed ?? null,
    machine: machineSize(),
    versions: versionsOf(await getStatus({ cluster, runner })),
    load: options.load,
    clocks: {},
    drills: [],
    history: [],
    verification: null,
  };
}

/** The cluster after a change of its settings, once it is whole. */
async function reachAgain({ cluster }: Reached): Promise<Reached> {
  const changed = await loadCluster(cluster.stack);
  // The ways to the proxies stay: through a tunnel, where there is one.
  changed.facts.proxies = cluster.facts.proxies;
  const reached = { cluster: changed, runner: sshRunner(changed) };
  const { seconds, complaints } = await becomesWhole(reached, { timeout: 120, loaded: false });
  if (seconds === null) throw new OpsError(`not healthy after the change of the clock: ${complaints.join("; ")}`);
  return reached;
}

function versionsOf({ database, etcd, proxies }: Status): Record<string, string> {
  const versions = {
    postgresql: database[0]?.postgresql,
    patroni: database[0]?.patroni,
    etcd: etcd[0]?.version,
    haproxy: proxies[0]?.haproxy?.version,
    pgbouncer: proxies[0]?.pgbouncer?.version,
  };
  return Object.fromEntries(Object.entries(versions).filter((entry): entry is [string, string] => Boolean(entry[1])));
}

/** Patroni's own history of leaders (`GET /history`, Patroni 4.1). */
async function history({ cluster, runner }: Reached): Promise<Report["history"]> {
  for (const node of nodesOf(cluster, "postgresql")) {
    const { stdout } = await runner.run(node.name, patroniCurl(node, "/history"));
    const lines = parseJson<[number, number, string, string?, string?][]>(stdout);
    if (lines) {
      return lines.map(([timeline, , reason, at, leader]) => ({
        timeline,
        reason,
        at: at ?? null,
        leader: leader ?? null,
      }));
    }
  }
  return [];
}
