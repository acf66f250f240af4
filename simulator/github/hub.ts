/** What a run needs of the GitHub that it is on. */
import type { Api } from "./api";
import type { Value } from "./expressions";
import type { Lanes } from "./lanes";
import type { Repository } from "./repository";
import type { Workflow } from "./workflow";

/** What happened. */
export interface Event {
  name: "pull_request" | "push" | "schedule" | "workflow_dispatch" | "workflow_run";
  payload: { [key: string]: Value };
  ref: string;
  /** The commit that the run is about. */
  sha: string;
  /** The commit whose workflow files count. */
  workflows: string;
  /** Whether it is about code of a fork. */
  foreign: boolean;
}

export interface Hub {
  /** "OWNER/NAME" */
  repository: string;
  folder: string;
  repositoryOfGit: Repository;
  api: Api;
  lanes: Lanes;
  /** What happened, in this order: "deploy.yml: prod begins", "prod is approved". */
  log: string[];
  workflowAt(commit: string, file: string): Workflow;
  /** Variables, those of an environment before the repository's. */
  variables(environment?: string): Record<string, string>;
  /** Variables that every step of a run has. */
  baseOf(id: string, event: Event): Record<string, string>;
  /** Lets a job into an environment. @returns why not */
  enters(environment: string, job: string, ref: string): Promise<string | undefined>;
  /** What a role gives a job to log in with. @throws Error as AWS words it */
  assume(role: string, environment: string | undefined, event: Event): Record<string, string>;
}
