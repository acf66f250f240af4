import type { Plan } from "../../../settings/plan";
import { programs } from "../../program";
import { checkTimeout } from "./section";

/** The program that sees to old workers. */
export const oldWorkerProgram = "old-workers.lua";

/**
 * Lines of the section `global` for workers that a reload has replaced. Each goes on with the sessions it has, for as long as
 * they last.
 */
export function oldWorkers({ settings: { clock, haproxy, machines } }: Plan): string[] {
  // When the checks that follow a first one that failed have all been waited for.
  const settled = Math.ceil((clock.fall * (clock.checkDown + checkTimeout(clock))) / 1000);
  return [
    `lua-load ${programs}/${oldWorkerProgram} ${settled}`,
    `hard-stop-after ${haproxy.hardStopAfter}m`,
    // The one that has seen more reloads than this ends at the next.
    `mworker-max-reloads ${Math.min(mostOldWorkers, Math.floor(machines.haproxy.memory / memoryPerOldWorker))}`,
  ];
}

/**
 * MiB of a proxy's memory for each old worker that it may have. It takes 7.5 MiB that it shares with none, and 13 KiB for each session
 * (HAProxy 3.0.11, two threads, measured with 2 and with 100 sessions), so all of them together take a third of the machine: ten on
 * one of 256 MiB.
 */
const memoryPerOldWorker = 25;
/** However much memory there is: each asks the new worker five times a second, which takes 0.35 % of a core. */
const mostOldWorkers = 30;
