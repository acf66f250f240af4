import { join } from "node:path";
import { useCluster } from "./context";
import { suite } from "./suite";
import type { Reached } from "../ask";
import { exitCode } from "../errors";

/** One check's outcome. */
export interface Check {
  group: string;
  name: string;
  ok: boolean;
  /** What was wrong; null when it is ok. */
  error: string | null;
}

/** Outcome of the validation suite; printed as it stands with `--json`. */
export interface Validation {
  stack: string;
  ok: boolean;
  passed: number;
  failed: number;
  seconds: number;
  checks: Check[];
}

export interface ValidateOptions {
  json?: boolean;
  /** Leave out what disturbs the cluster. */
  quick?: boolean;
}

const folder = join(__dirname, "checks");

/** Runs the validation suite (ops/validate/checks) against a cluster. @param options.json print nothing while it runs */
export async function validate(reached: Reached, options: ValidateOptions = {}): Promise<Validation> {
  // Loaded only here: no other command needs it.
  const { default: Mocha } = await import("mocha");
  useCluster(reached);
  const mocha = new Mocha({ reporter: options.json ? "min" : "spec", timeout: 30_000, slow: 3000 });
  if (options.json) mocha.reporter(class {} as never);
  for (const { file, disturbs } of suite) if (!(disturbs && options.quick)) mocha.addFile(join(folder, `${file}.ts`));

  const checks: Check[] = [];
  const started = performance.now();
  await new Promise<void>((resolve) => {
    const runner = mocha.run(() => resolve());
    const note = (test: Mocha.Runnable, error?: Error) =>
      checks.push({ group: test.parent?.title ?? "", name: test.title, ok: !error, error: error?.message ?? null });
    runner.on("pass", (test) => note(test));
    runner.on("fail", (test, error: Error) => {
      // The message says it all; where in the suite it was thrown helps nobody.
      error.stack = `${error.name}: ${error.message}`;
      note(test, error);
    });
  });
  const failed = checks.filter(({ ok }) => !ok).length;
  return {
    stack: reached.cluster.stack,
    ok: failed === 0 && checks.length > 0,
    passed: checks.length - failed,
    failed,
    seconds: Math.round((performance.now() - started) / 100) / 10,
    checks,
  };
}

/** `pgha validate`. */
export async function validateCommand(reached: Reached, options: ValidateOptions): Promise<number> {
  const result = await validate(reached, options);
  if (options.json) console.log(JSON.stringify(result, null, 2));
  return result.ok ? exitCode.ok : exitCode.bad;
}
