import { setTimeout as pause } from "node:timers/promises";
import type { Clock } from "../../settings/clocks";
import { askPatroni } from "../ask";
import { messageOf } from "../errors";
import type { Load } from "../load/load";
import type { Slice, Verification } from "../load/model";
import { outageBound } from "./bounds";
import type { Fault } from "./faults";
import { heal } from "./heal";
import { collect } from "./journal";
import type { DrillResult, LayerEvent } from "./model";
import { layerEvents } from "./timeline";
import { becomesWhole } from "./whole";
import type { World } from "./world";

/** How long things may take until they count as failed, seconds. */
const limits = { flow: 60, inject: 120, whole: 240 };

/** How long the load runs undisturbed, seconds. */
export interface Timing {
  before: number;
  /** After the cluster is healthy again. */
  after: number;
  /** The least that a drill takes in all, from its first write. @default no more than needed */
  total?: number;
}

export interface Stage {
  world: World;
  load: Load;
  clock: { name: string; settings: Clock };
  timing: Timing;
  /** Ends waits early: the user has had enough. The drill still heals and verifies. */
  signal: AbortSignal;
  show(text: string): void;
}

/**
 * Injects one fault under load, heals it, waits until the cluster is healthy, and compares the database with the ledger. What goes wrong
 * is in the result; only a load that cannot be judged any more (its ledger's table is gone) throws.
 */
export async function drillOnce(stage: Stage, fault: Fault): Promise<DrillResult> {
  const { world, load, clock, timing, signal, show } = stage;
  const { cluster } = world.reached;
  const { synchronous } = cluster.facts;
  const result = blank(fault, clock, synchronous);
  const skipped = await fault.needs?.(world);
  if (skipped) return { ...result, skipped, ok: true };

  const faults: string[] = [];
  const marks: LayerEvent[] = [];
  const started = Date.now();
  const now = () => Date.now() - started;
  const mark = (step: LayerEvent["step"], text: string) =>
    marks.push({ at: now(), layer: "drill", node: null, step, text });
  const attempt = async (what: string, work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      faults.push(`${what}: ${messageOf(error)}`);
    }
  };

  const before = await leadership(world);
  load.start();
  if (!(await flows(load, limits.flow, signal)))
    faults.push(`no write went through for ${limits.flow} s before the fault`);
  await sleep(timing.before * 1000, signal);

  result.injectedAt = now();
  await attempt("injecting", async () => {
    const { targets, note } = await within(limits.inject, "the fault", fault.inject(world));
    result.targets = targets;
    marks.push({
      at: result.injectedAt,
      layer: "drill",
      node: targets.join(", "),
      step: "injected",
      text: note ?? fault.title,
    });
    show(`injected: ${note ?? targets.join(", ")}`);
  });
  await sleep(fault.hold(clock.settings) * 1000, signal);
  if (fault.waitForWrites !== false) await flows(load, limits.flow, signal);

  await attempt("healing", async () => {
    const undone = await heal(world);
    result.healedAt = now();
    mark("healed", undone.length > 0 ? undone.join("; ") : "nothing to undo");
  });
  const whole = await becomesWhole(world.reached, { timeout: limits.whole, loaded: true });
  result.whole = whole.seconds;
  result.complaints = whole.complaints;
  if (whole.seconds === null) faults.push(`not whole within ${limits.whole} s: ${whole.complaints.join("; ")}`);
  else mark("whole", `whole ${whole.seconds.toFixed(1)} s after the heal`);
  show(whole.seconds === null ? "NOT whole" : `whole after ${whole.seconds.toFixed(1)} s`);
  await sleep(timing.after * 1000, signal);
  if (timing.total) await sleep(timing.total * 1000 - now(), signal);

  const slice = await load.stop();
  Object.assign(result, { paths: slice.paths, eventLoopDelay: slice.eventLoopDelay });
  if (whole.seconds !== null) {
    const still = await becomesWhole(world.reached, { timeout: 60, loaded: false });
    if (still.seconds === null) faults.push(`not whole without load: ${still.complaints.join("; ")}`);
  }
  await attempt("reading back", async () => {
    result.verification = await load.verify("slice");
    faults.push(...result.verification.faults);
  });
  const after = await leadership(world);
  result.leader = { before: before.leader, after: after.leader };
  result.timeline = { before: before.timeline, after: after.timeline };
  result.outage = judgeOutage(slice, result.outage.bound, faults);
  await attempt("reading journals", async () => {
    const { lines } = await collect(world.reached, slice.startedAt, Date.now());
    result.events = [
      ...layerEvents(lines, slice.startedAt),
      ...marks,
      ...clientEvents(load, slice, result.injectedAt),
    ].sort((a, b) => a.at - b.at);
  });
  return { ...result, faults, ok: faults.length === 0 };
}

const noVerification: Verification = {
  acknowledged: 0,
  lost: 0,
  lostIds: [],
  unknown: { committed: 0, absent: 0 },
  failedButCommitted: 0,
  duplicates: 0,
  nodes: [],
  readRegression: { bytes: 0, limit: 0 },
  ok: false,
  faults: ["the database was not read back"],
};

function blank(fault: Fault, clock: Stage["clock"], synchronous: "quorum" | "off"): DrillResult {
  return {
    fault: fault.name,
    title: fault.title,
    clock: clock.name,
    expects: fault.expects(clock.settings, synchronous),
    startedAt: new Date().toISOString(),
    targets: [],
    injectedAt: 0,
    healedAt: 0,
    whole: null,
    complaints: [],
    leader: { before: null, after: null },
    timeline: { before: null, after: null },
    paths: [],
    eventLoopDelay: 0,
    outage: { measured: 0, bound: outageBound(fault.name, clock.settings) },
    verification: noVerification,
    events: [],
    ok: false,
    faults: [],
  };
}

/** The pooled path's longest gap against its bound. What this program itself missed is not the cluster's. */
function judgeOutage(slice: Slice, bound: number | null, faults: string[]): DrillResult["outage"] {
  const measured = slice.paths.find(({ path }) => path === "pooled")?.longestGap.ms ?? 0;
  if (bound !== null && measured - slice.eventLoopDelay > bound)
    faults.push(`no write through the pool for ${seconds(measured)}; at most ${seconds(bound)} were allowed`);
  return { measured, bound };
}

const seconds = (ms: number) => `${(ms / 1000).toFixed(1)} s`;

function clientEvents(load: Load, slice: Slice, injectedAt: number): LayerEvent[] {
  const events: LayerEvent[] = [];
  const event = (at: number, step: LayerEvent["step"], text: string) =>
    events.push({ at, layer: "client", node: null, step, text });
  const firstError = load.firstErrorAfter(slice.startedAt + injectedAt);
  if (firstError) event(firstError.at - slice.startedAt, "first-error", `${firstError.path}: ${firstError.class}`);
  for (const { path, longestGap } of slice.paths.filter(({ path }) => path !== "read")) {
    if (longestGap.ms > 250 && longestGap.at + longestGap.ms > injectedAt)
      event(longestGap.at + longestGap.ms, "first-write", `${path}: first write after ${seconds(longestGap.ms)}`);
  }
  return events;
}

async function leadership({ reached }: World): Promise<{ leader: string | null; timeline: number | null }> {
  try {
    const leader = (await askPatroni(reached)).members.find(({ role }) => role === "leader");
    return { leader: leader?.name ?? null, timeline: leader?.timeline ?? null };
  } catch {
    return { leader: null, timeline: null };
  }
}

/** Waits until writes go through on every path that writes. @returns whether they do */
async function flows(load: Load, limit: number, signal: AbortSignal): Promise<boolean> {
  const deadline = Date.now() + limit * 1000;
  while (Date.now() < deadline && !signal.aborted) {
    if (load.flowing()) return true;
    await pause(50);
  }
  return load.flowing();
}

/** Waits, unless the user has had enough. */
async function sleep(ms: number, signal: AbortSignal): Promise<void> {
  if (ms > 0) await pause(ms, undefined, { signal }).catch(() => undefined);
}

function within<T>(limit: number, what: string, work: Promise<T>): Promise<T> {
  const late = pause(limit * 1000, undefined, { ref: false }).then(() => {
    throw new Error(`${what} took more than ${limit} s`);
  });
  return Promise.race([work, late]);
}
