/** Which jobs there are before which, and what their tokens may do: read off a workflow before it runs. */
import { NotKnown } from "./expressions";
import { scopes, type CallingJob, type Job, type OrdinaryJob, type Permissions, type Workflow } from "./workflow";

const rank = { none: 0, read: 1, write: 2 };

/**
 * What GitHub refuses before it starts anything: rights that a called workflow's jobs want and its caller does not have, and inputs
 * that it does not take.
 * @param calledBy reads a workflow that a job calls
 * @throws NotKnown
 */
export function checkRights(
  workflow: Workflow,
  calledBy: (job: CallingJob) => Workflow,
  file: string,
  ceiling?: Permissions,
): void {
  for (const [id, job] of Object.entries(workflow.jobs)) {
    const wanted = permissionsOf(workflow, job, `${file}: ${id}`);
    for (const scope of scopes) {
      const [asks, has] = [wanted[scope] ?? "none", ceiling ? (ceiling[scope] ?? "none") : "write"];
      if (rank[asks] > rank[has])
        throw new NotKnown(
          `${file}: the nested job '${id}' is requesting '${scope}: ${asks}', but is only allowed '${scope}: ${has}'`,
        );
    }
    if (!("uses" in job)) continue;
    const called = calledBy(job);
    checkRights(called, calledBy, job.uses, wanted);
    const declared = called.on.workflow_call;
    const [given, takes] = [Object.keys(job.with).sort(), Object.keys(declared?.inputs ?? {}).sort()];
    if (!declared || given.join() !== takes.join())
      throw new NotKnown(
        `${file}: ${id} gives ${job.uses} ${given.join(", ") || "nothing"}; it takes ${takes.join(", ") || "nothing"}`,
      );
  }
}

export function permissionsOf(workflow: Workflow, job: Job, where: string): Permissions {
  const given = job.permissions ?? workflow.permissions;
  if (!given)
    throw new NotKnown(`${where} does not say its permissions: GitHub would take those of the repository's settings`);
  return given;
}

/** Those that a job needs, and what they need, and so on. */
export function ancestors({ jobs }: Workflow, id: string): string[] {
  const needs = jobs[id]!.needs;
  return [...new Set(needs.flatMap((one) => [one, ...ancestors({ jobs } as Workflow, one)]))];
}

export function matrixOf({ strategy }: OrdinaryJob): Record<string, string>[] {
  return Object.entries(strategy?.matrix ?? {}).reduce<Record<string, string>[]>(
    (all, [key, values]) => all.flatMap((one) => values.map((value) => ({ ...one, [key]: value }))),
    [{}],
  );
}

/** What is left of a token's rights for code from a fork. */
export const readable = (wanted: Permissions): Permissions =>
  Object.fromEntries(
    Object.entries(wanted).map(([scope, level]) => [
      scope,
      scope === "id-token" ? "none" : level === "write" ? "read" : level,
    ]),
  );
