/** One run of a workflow: its jobs, as soon as what they need is there, with those of the workflows that it calls. */
import { join } from "node:path";
import { asksForState, condition, evaluate, filled, truthy, type Scope, type Value } from "./expressions";
import type { Event, Hub } from "./hub";
import { JobRun, mapped, type JobRecord, type Result } from "./job";
import { ancestors, checkRights, matrixOf, permissionsOf, readable } from "./rights";
import type { CallingJob, OrdinaryJob, Permissions, Workflow } from "./workflow";

interface Outcome {
  result: Result;
  outputs: Record<string, string>;
}

/** Where jobs of a workflow are run from: by themselves, or called. */
interface Caller {
  /** Before the names of its jobs: "staging / ". */
  prefix: string;
  inputs: Record<string, string>;
}

const worst = (results: Result[]): Result =>
  (["failure", "cancelled", "success"] as const).find((one) => results.includes(one)) ?? "skipped";

export class Run {
  readonly jobs: JobRecord[] = [];
  result: Result | undefined;
  private readonly abort = new AbortController();
  private machines = 0;

  constructor(
    private readonly hub: Hub,
    readonly id: string,
    /** "pr.yml" */
    readonly file: string,
    readonly workflow: Workflow,
    readonly event: Event,
  ) {}

  cancel(): void {
    this.abort.abort();
  }

  /** A job by its name. @throws Error naming those there are */
  job(name: string): JobRecord {
    const found = this.jobs.find((one) => one.name === name);
    if (!found)
      throw new Error(`no job ${name} in ${this.file}; there are ${this.jobs.map((one) => one.name).join(", ")}`);
    return found;
  }

  /** Everything that its jobs printed and why they failed, for a test that has to say what went wrong. */
  get said(): string {
    return this.jobs
      .flatMap(({ name, steps }) => steps.map((one) => `${name}: ${one.name}: ${one.result}\n${one.said}`))
      .join("\n");
  }

  async go(): Promise<this> {
    const { workflow } = this;
    checkRights(workflow, (job) => this.called(job), this.file);
    const contexts = { github: this.github(), vars: this.hub.variables() };
    const finished = await this.inTurn(workflow.concurrency, contexts, () =>
      this.jobsOf(workflow, { prefix: "", inputs: {} }, mapped(workflow.env, { contexts })),
    );
    const results = Object.values(finished ?? {}).map(({ result }) => result);
    this.result = finished === undefined || this.abort.signal.aborted ? "cancelled" : worst(results);
    return this;
  }

  private called({ uses }: CallingJob): Workflow {
    return this.hub.workflowAt(this.event.workflows, uses.replace("./.github/workflows/", ""));
  }

  private github(): { [key: string]: Value } {
    const { name, payload, ref, sha } = this.event;
    return { event_name: name, event: payload, ref, sha, repository: this.hub.repository, run_id: this.id };
  }

  /** Waits for the turn of a group, where there is one. @returns undefined when it was cancelled while it waited */
  private async inTurn<T>(
    concurrency: Workflow["concurrency"],
    contexts: Scope["contexts"],
    work: () => Promise<T>,
  ): Promise<T | undefined> {
    if (!concurrency) return work();
    const group = filled(concurrency.group, { contexts });
    const leave = await this.hub.lanes.enter(group, concurrency["cancel-in-progress"], { cancel: () => this.cancel() });
    if (!leave) return undefined;
    try {
      return await work();
    } finally {
      leave();
    }
  }

  private async jobsOf(
    workflow: Workflow,
    caller: Caller,
    env: Record<string, string>,
  ): Promise<Record<string, Outcome>> {
    const outcomes: Record<string, Promise<Outcome>> = {};
    const begin = (id: string): Promise<Outcome> =>
      (outcomes[id] ??= this.graph(workflow, id, caller, env, (needed) => begin(needed)));
    const ids = Object.keys(workflow.jobs);
    const all = await Promise.all(ids.map(begin));
    return Object.fromEntries(ids.map((id, index) => [id, all[index]!]));
  }

  /** A job, once those that it needs have ended. */
  private async graph(
    workflow: Workflow,
    id: string,
    caller: Caller,
    env: Record<string, string>,
    outcomeOf: (id: string) => Promise<Outcome>,
  ): Promise<Outcome> {
    const job = workflow.jobs[id]!;
    const needs = Object.fromEntries(
      await Promise.all(job.needs.map(async (one) => [one, await outcomeOf(one)] as const)),
    );
    const before = await Promise.all(ancestors(workflow, id).map(outcomeOf));
    const contexts = {
      github: this.github(),
      needs: needs as unknown as Value,
      inputs: caller.inputs,
      vars: this.hub.variables(),
    };
    const { aborted } = this.abort.signal;
    const functions = {
      success: () => !aborted && before.every(({ result }) => result === "success"),
      failure: () => before.some(({ result }) => result === "failure"),
      cancelled: () => aborted,
      always: () => true,
    };
    const source = condition(job.if ?? "success()");
    const wanted = (asksForState(source) || functions.success()) && truthy(evaluate(source, { contexts, functions }));
    if (!wanted) return { result: aborted ? "cancelled" : "skipped", outputs: {} };
    const name = `${caller.prefix}${id}`;
    const permissions = permissionsOf(workflow, job, name);
    if ("uses" in job) return this.call(job, name, contexts);
    const combinations = matrixOf(job);
    const all = await Promise.all(
      combinations.map((matrix) => {
        const values = Object.values(matrix);
        const own = { ...contexts, ...(values.length > 0 && { matrix }) };
        return this.ordinary(job, values.length > 0 ? `${name} (${values.join(", ")})` : name, permissions, own, env);
      }),
    );
    // Of several, the last one's would count: nobody should ask for them.
    return { result: worst(all.map(({ result }) => result)), outputs: all.length === 1 ? all[0]!.outputs : {} };
  }

  private async call(job: CallingJob, name: string, contexts: Scope["contexts"]): Promise<Outcome> {
    const called = this.called(job);
    const inputs = mapped(job.with, { contexts });
    const own = { github: this.github(), inputs, vars: this.hub.variables() };
    const finished = await this.inTurn(job.concurrency, contexts, () =>
      this.jobsOf(called, { prefix: `${name} / `, inputs }, mapped(called.env, { contexts: own })),
    );
    const result = finished ? worst(Object.values(finished).map((one) => one.result)) : "cancelled";
    const values = Object.entries(called.on.workflow_call?.outputs ?? {}).map(([key, { value }]) => [key, value]);
    const scope = { contexts: { ...own, jobs: (finished ?? {}) as unknown as Value } };
    return { result, outputs: result === "success" ? mapped(Object.fromEntries(values), scope) : {} };
  }

  private async ordinary(
    job: OrdinaryJob,
    name: string,
    wanted: Permissions,
    contexts: Scope["contexts"],
    env: Record<string, string>,
  ): Promise<Outcome> {
    const { hub, event, abort } = this;
    const permissions = event.foreign ? readable(wanted) : wanted;
    const environment = job.environment === undefined ? undefined : filled(job.environment, { contexts });
    const runsOn = filled(job["runs-on"], { contexts });
    const record: JobRecord = {
      name,
      result: "skipped",
      permissions,
      environment,
      runsOn,
      commits: [],
      roles: [],
      steps: [],
      summary: "",
    };
    this.jobs.push(record);
    let outputs: Record<string, string> = {};
    const work = async () => {
      const refused = environment === undefined ? undefined : await hub.enters(environment, name, event.ref);
      if (refused !== undefined) {
        record.result = "failure";
        record.steps.push({ name: "environment", result: "failure", said: refused });
        return;
      }
      hub.log.push(`${this.file}: ${name} begins`);
      const { token, end } = hub.api.token(permissions);
      try {
        const machine = {
          folder: join(hub.folder, `run-${this.id}`, String(this.machines++)),
          base: hub.baseOf(this.id, event),
          sha: event.sha,
          repository: hub.repositoryOfGit,
          permissions,
          permissionsOf: (one: string) => hub.api.permissionsOf(one),
          token,
          artifacts: (run = this.id) => join(hub.folder, `run-${run}`, "artifacts"),
          assume: (role: string) => hub.assume(role, environment, event),
        };
        const seen = { ...contexts, github: { ...this.github(), token }, vars: hub.variables(environment) };
        const run = new JobRun({ machine, record, job, contexts: seen, env, signal: abort.signal });
        outputs = await run.run();
      } finally {
        end();
        hub.log.push(`${this.file}: ${name} ends`);
      }
    };
    const done = await this.inTurn(job.concurrency, contexts, async () => (await work(), true));
    if (!done) record.result = "cancelled";
    return { result: record.result, outputs };
  }
}
