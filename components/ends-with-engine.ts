/** Ends this process, Pulumi's dynamic provider, with the engine that started it. */
import * as fs from "node:fs";

/** The process that asks for all this: the parent, or its parent where a launcher script started this one. */
function enginePid(): number {
  const parent = process.ppid;
  try {
    // "pid (name) state parent ...", see proc_pid_stat(5).
    const [, name = "", grandparent] =
      /\((.*)\) \S (\d+)/.exec(fs.readFileSync(`/proc/${parent}/stat`, "latin1")) ?? [];
    return /^(ba|da)?sh$|^pulumi-resource/.test(name) ? Number(grandparent) : parent;
  } catch {
    return parent;
  }
}

// Pulumi's dynamic provider outlives an engine that was killed, and would go on with what it was asked, against the run
// that comes after. It holds nothing that the next run does not find out by itself, so it ends at any point.
const engine = enginePid();
setInterval(() => {
  try {
    process.kill(engine, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") process.exit(1);
  }
}, 250).unref();
