import type { Reached } from "../ask";
import { confirmed } from "../confirm";
import { exitCode, OpsError } from "../errors";
import { nodesOf } from "../cluster";
import { performSwitchover } from "./perform";
import { prepareSwitchover, type PlanOptions, type SwitchoverPlan } from "./plan";
import { leaveTrail } from "../trail";
import { resumePools } from "./pools";

export interface SwitchoverOptions extends PlanOptions {
  /** How long to wait for what passes by itself, seconds. */
  wait: number;
  yes?: boolean;
  dryRun?: boolean;
  json?: boolean;
}

/** `pgha switchover`. */
export async function switchoverCommand(reached: Reached, options: SwitchoverOptions): Promise<number> {
  const { to, force, wait, json } = options;
  let plan = await prepareSwitchover(reached, { to, force, wait });
  if (options.dryRun) {
    console.log(json ? JSON.stringify(plan) : `Nothing prevents a switchover ${inWords(plan)}.`);
    return exitCode.ok;
  }
  if (!options.yes) {
    if (!(await confirmed(`Switch over ${inWords(plan)}? ${stall(reached, plan)}`, "a switchover"))) {
      console.log("Nothing was changed.");
      return exitCode.bad;
    }
    const asked = plan.from;
    plan = await prepareSwitchover(reached, { to, force, wait });
    if (plan.from !== asked) throw new OpsError(`${plan.from} leads meanwhile; nothing was changed`, exitCode.bad);
  }
  await leaveTrail(reached, [plan.from], `switches over ${inWords(plan)}`);
  const { done, left } = await withPools(reached, () => performSwitchover(reached, plan));
  if (json) console.log(JSON.stringify(done));
  else {
    console.log(
      `${done.to} leads now, ${done.from} follows: timeline ${done.timelineBefore} -> ${done.timelineAfter}.`,
    );
    console.log(
      `The new leader took writes after ${done.promoted.toFixed(1)} s; the cluster was healthy after ${done.whole.toFixed(1)} s.`,
    );
  }
  return left.length === 0 ? exitCode.ok : exitCode.bad;
}

const inWords = ({ from, to }: SwitchoverPlan) =>
  to === null ? `from ${from} to the standby that is furthest ahead` : `from ${from} to ${to}`;

function stall({ cluster }: Reached, { to }: SwitchoverPlan): string {
  const named = to !== null && nodesOf(cluster, "postgresql").length > 2;
  return `Writes stall for about a second${named ? ", and two more since it goes to a certain standby" : ""}.`;
}

/** Does the work and then, also when it failed, sees to it that no pool is left paused. */
export async function withPools<T>(reached: Reached, work: () => Promise<T>): Promise<{ done: T; left: string[] }> {
  let left: string[] = [];
  const look = async () => {
    left = await resumePools(reached);
    for (const line of left) console.error(`pgha: ${line}`);
  };
  try {
    const done = await work();
    await look();
    return { done, left };
  } catch (error) {
    await look();
    throw error;
  }
}
