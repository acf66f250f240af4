import type { Plan } from "../../../settings/plan";
import { programs } from "../../program";
import { checkTimeout } from "./section";

/** The program that ends sessions in an old worker when their server goes down. */
export const oldWorkerProgram = "old-worker.lua";

/**
 * Lines of the section `global` for workers that a reload has replaced. Each goes on with the sessions it has, for as long as
 * they last.
 */
export function oldWorkers({ settings: { clock, haproxy } }: Plan): string[] {
  // When the checks that follow a first one that failed have all been waited for.
  const settled = Math.ceil((clock.fall * (clock.checkDown + checkTimeout(clock))) / 1000);
  return [
    `lua-load ${programs}/${oldWorkerProgram} ${settled}`,
    `hard-stop-after ${haproxy.hardStopAfter}m`,
    `mworker-max-reloads ${mostOldWorkers}`,
  ];
}

/** TODO */
const mostOldWorkers = 10;
