import { readFileSync } from "node:fs";
import { availableParallelism, totalmem } from "node:os";

/** The machine this runs on: no figure means anything without it. */
export interface Machine {
  cpus: number;
  model: string;
  memoryGiB: number;
}

/** Looks at this machine. */
export function machineSize(): Machine {
  return {
    cpus: availableParallelism(),
    model: /^model name\s*: (.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1] ?? "unknown processor",
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
  };
}
