/** One job of a run, on a machine of its own: its steps in order, with what they hand on to each other. */
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runAction, type ActionCall } from "./actions";
import { asksForState, condition, evaluate, filled, NotKnown, truthy, type Scope, type Value } from "./expressions";
import type { OrdinaryJob, Permissions, Step } from "./workflow";

export type Result = "success" | "failure" | "cancelled" | "skipped";

/** What became of a step. */
export interface StepRecord {
  /** Its name, action or script. */
  name: string;
  result: Result;
  /** What it printed, or why it failed. */
  said: string;
}

/** What became of a job. */
export interface JobRecord {
  /** "staging / preview", "check (prod)" */
  name: string;
  result: Result;
  permissions: Permissions;
  environment?: string;
  runsOn: string;
  /** Commits that it has had in its workspace. */
  commits: string[];
  /** Roles that it got. */
  roles: string[];
  steps: StepRecord[];
  /** What it shows with the run. */
  summary: string;
}

export interface Machine extends Omit<
  ActionCall,
  "inputs" | "exports" | "workspace" | "hasCheckedOut" | "warn" | "assume"
> {
  /** A folder of its own. */
  folder: string;
  /** Variables that every step has: PATH, GITHUB_RUN_ID, ... */
  base: Record<string, string>;
  assume(role: string): Record<string, string>;
}

interface JobArgs {
  machine: Machine;
  record: JobRecord;
  job: OrdinaryJob;
  /** What its expressions see, beside env, steps and runner. */
  contexts: Scope["contexts"];
  /** Variables of the workflow. */
  env: Record<string, string>;
  /** Ends it when it is cancelled. */
  signal: AbortSignal;
}

/** The files by which a step hands something on. */
const handOver = { GITHUB_OUTPUT: "output", GITHUB_ENV: "env", GITHUB_STEP_SUMMARY: "summary" };

export class JobRun {
  private readonly workspace: string;
  private readonly temp: string;
  private readonly exported: Record<string, string> = {};
  private readonly env: Record<string, string>;
  private readonly steps: Record<string, Value> = {};
  private failed = false;

  constructor(private readonly args: JobArgs) {
    const { machine, job, contexts, env } = args;
    this.workspace = join(machine.folder, "workspace");
    this.temp = join(machine.folder, "temp");
    for (const folder of [this.workspace, this.temp]) mkdirSync(folder, { recursive: true });
    this.env = { ...env, ...mapped(job.env, { contexts }) };
  }

  /** Runs the steps. @returns the job's outputs */
  async run(): Promise<Record<string, string>> {
    const { record, job, signal } = this.args;
    for (const step of job.steps) {
      const said: StepRecord = { name: step.name ?? step.uses ?? step.run!, result: "skipped", said: "" };
      record.steps.push(said);
      if (this.wanted(step)) await this.step(step, said);
      if (said.result === "failure") this.failed = true;
    }
    record.result = signal.aborted ? "cancelled" : this.failed ? "failure" : "success";
    return record.result === "success" ? mapped(job.outputs, this.scope()) : {};
  }

  private scope(env: Record<string, string> = {}): Scope {
    const { contexts, signal } = this.args;
    return {
      contexts: {
        ...contexts,
        env: { ...this.env, ...this.exported, ...env },
        steps: this.steps,
        runner: { temp: this.temp, os: "Linux" },
      },
      functions: {
        success: () => !this.failed && !signal.aborted,
        failure: () => this.failed,
        cancelled: () => signal.aborted,
        always: () => true,
      },
    };
  }

  private wanted({ if: asked = "success()" }: Step): boolean {
    const source = condition(asked);
    const scope = this.scope();
    return (asksForState(source) || scope.functions!.success!()) && truthy(evaluate(source, scope));
  }

  private async step(step: Step, record: StepRecord): Promise<void> {
    const env = mapped(step.env ?? {}, this.scope());
    const outputs: Record<string, string> = {};
    try {
      if (step.uses !== undefined) this.action(step, record, env);
      else Object.assign(outputs, await this.script(step.run!, env, record));
      record.result = "success";
    } catch (error) {
      if (error instanceof NotKnown) throw error;
      record.result = this.args.signal.aborted ? "cancelled" : "failure";
      record.said += (error as Error).message;
    }
    if (step.id !== undefined) this.steps[step.id] = { outputs, outcome: record.result, conclusion: record.result };
  }

  private action(step: Step, said: StepRecord, env: Record<string, string>): void {
    const { machine, record } = this.args;
    runAction(step.uses!, {
      ...machine,
      workspace: this.workspace,
      inputs: mapped(step.with ?? {}, this.scope(env)),
      assume: (role) => {
        const given = machine.assume(role);
        record.roles.push(role);
        return given;
      },
      exports: (more) => Object.assign(this.exported, more),
      hasCheckedOut: (commit) => record.commits.push(commit),
      warn: (text) => (said.said += `${text}\n`),
    });
  }

  /** Runs a script as GitHub does where no shell is named. @returns the step's outputs */
  private async script(script: string, env: Record<string, string>, said: StepRecord): Promise<Record<string, string>> {
    const { machine, record, signal } = this.args;
    const file = join(this.temp, "step.sh");
    writeFileSync(file, script);
    const files = Object.fromEntries(Object.entries(handOver).map(([key, name]) => [key, join(this.temp, `_${name}`)]));
    for (const path of Object.values(files)) writeFileSync(path, "");
    const code = await new Promise<number | null>((resolve, reject) => {
      const child = spawn("bash", ["-e", file], {
        cwd: this.workspace,
        env: { ...machine.base, ...files, RUNNER_TEMP: this.temp, ...this.env, ...this.exported, ...env },
        stdio: ["ignore", "pipe", "pipe"],
        detached: true,
      });
      const end = () => {
        try {
          process.kill(-child.pid!, "SIGTERM");
        } catch (error) {
          // It has just ended by itself.
          if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
        }
      };
      signal.addEventListener("abort", end, { once: true });
      for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (said.said += String(text)));
      child.on("error", reject);
      child.on("close", (code) => {
        signal.removeEventListener("abort", end);
        resolve(code);
      });
    });
    if (existsSync(files.GITHUB_STEP_SUMMARY!)) record.summary += readFileSync(files.GITHUB_STEP_SUMMARY!, "utf8");
    Object.assign(this.exported, assignments(readFileSync(files.GITHUB_ENV!, "utf8")));
    if (code !== 0) throw new Error(`Process completed with exit code ${code}.`);
    return assignments(readFileSync(files.GITHUB_OUTPUT!, "utf8"));
  }
}

/** Texts with their expressions filled in. */
export const mapped = (texts: Record<string, string>, scope: Scope): Record<string, string> =>
  Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, filled(text, scope)]));

/** Lines "KEY=VALUE". */
function assignments(text: string): Record<string, string> {
  const lines = text.split("\n").filter(Boolean);
  return Object.fromEntries(
    lines.map((line) => {
      const [, key, value] = /^([\w-]+)=(.*)$/.exec(line) ?? [];
      if (key === undefined) throw new NotKnown(`${line}: only KEY=VALUE is known in GITHUB_OUTPUT and GITHUB_ENV`);
      return [key, value!];
    }),
  );
}
