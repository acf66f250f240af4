/**
 * A small GitHub on this machine: a real repository, pull requests with comments, issues, environments, and the workflows of
 * .github/workflows run step by step when something happens. Only what this project's workflows need of it.
 */
import assert from "node:assert/strict";
import { chmodSync, copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { Api, type Comment, type Issue, type Pull } from "./api";
import type { Event, Hub } from "./hub";
import { Lanes } from "./lanes";
import { Repository, type Files } from "./repository";
import { Run } from "./run";
import { matchesPath, readWorkflow, type Workflow } from "./workflow";

export interface Environment {
  /** Who must approve its jobs. @default nobody */
  reviewers?: string[];
  /** Branches whose runs may use it. @default all */
  branches?: string[];
  vars?: Record<string, string>;
}

export interface GitHubArgs {
  folder: string;
  /** "OWNER/NAME" */
  repository: string;
  /** Variables of the repository. */
  vars: Record<string, string>;
  environments: Record<string, Environment>;
  /** Roles that there are, by the subject that the trust policy of each names, and what they log in with. */
  roles: Record<string, { subject: string; credentials: Record<string, string> }>;
  /** Variables of the machines that jobs run on, beside those that GitHub sets. */
  base: Record<string, string>;
}

export class GitHub implements Hub {
  readonly repositoryOfGit: Repository;
  readonly lanes = new Lanes();
  readonly pulls: Pull[] = [];
  readonly comments = new Map<number, Comment[]>();
  readonly issues: Issue[] = [];
  readonly log: string[] = [];
  /** All that were begun. */
  readonly runs: Run[] = [];
  readonly api: Api;
  /** Decides for the reviewers. */
  approves: (environment: string, job: string) => boolean | Promise<boolean> = () => true;
  private readonly forks = new Map<string, Repository>();
  private readonly branches = new Map<number, { branch: string; fork?: string; author: string }>();
  private readonly read = new Map<string, Record<string, Workflow>>();
  private number = 1;

  private constructor(private readonly args: GitHubArgs) {
    const { folder } = args;
    mkdirSync(join(folder, "bin"), { recursive: true });
    copyFileSync(join(__dirname, "gh.cjs"), join(folder, "bin", "gh"));
    chmodSync(join(folder, "bin", "gh"), 0o755);
    this.repositoryOfGit = new Repository(join(folder, "repository.git"));
    this.api = new Api(this);
  }

  static async start(args: GitHubArgs): Promise<GitHub> {
    const github = new GitHub(args);
    await github.api.start();
    return github;
  }

  stop(): Promise<void> {
    return this.api.stop();
  }

  get folder(): string {
    return this.args.folder;
  }

  get repository(): string {
    return this.args.repository;
  }

  reviewers(environment: string): string[] | undefined {
    const found = this.args.environments[environment];
    return found && (found.reviewers ?? []);
  }

  variables(environment?: string): Record<string, string> {
    return { ...this.args.vars, ...(environment && this.args.environments[environment]?.vars) };
  }

  /** Lets a job into an environment. One that is not there is made by its first use, without any protection. @returns why not */
  async enters(environment: string, job: string, ref: string): Promise<string | undefined> {
    const { reviewers = [], branches } = this.args.environments[environment] ?? {};
    const branch = /^refs\/heads\/(.*)$/.exec(ref)?.[1];
    if (branches && !branches.includes(branch ?? "")) return `${ref} is not allowed to deploy to ${environment}`;
    if (reviewers.length === 0) return undefined;
    this.log.push(`${environment} waits for approval`);
    const approved = await this.approves(environment, job);
    this.log.push(`${environment} is ${approved ? "approved" : "rejected"}`);
    return approved ? undefined : `${environment} was rejected by ${reviewers[0]}`;
  }

  assume(role: string, environment: string | undefined, { name, ref }: Event): Record<string, string> {
    const of = environment !== undefined ? `environment:${environment}` : name === "pull_request" ? name : `ref:${ref}`;
    const found = this.args.roles[role];
    if (found?.subject !== `repo:${this.repository}:${of}`)
      throw new Error(
        `Could not assume role with OIDC: Not authorized to perform sts:AssumeRoleWithWebIdentity (${of})`,
      );
    return found.credentials;
  }

  baseOf(id: string, event: Event): Record<string, string> {
    const { base, folder, repository } = this.args;
    return {
      ...base,
      PATH: `${join(folder, "bin")}:${base.PATH}`,
      CI: "true",
      GITHUB_ACTIONS: "true",
      GITHUB_API_URL: this.api.url,
      GITHUB_EVENT_NAME: event.name,
      GITHUB_REF: event.ref,
      GITHUB_REPOSITORY: repository,
      GITHUB_RUN_ID: id,
      GITHUB_SERVER_URL: "https://github.example",
      GITHUB_SHA: event.sha,
    };
  }

  workflowAt(commit: string, file: string): Workflow {
    return this.workflowsAt(commit)[file] ?? assert.fail(`there is no ${file}`);
  }

  private workflowsAt(commit: string): Record<string, Workflow> {
    const read = () => {
      const files = Object.entries(this.repositoryOfGit.read(commit, ".github/workflows"));
      return Object.fromEntries(files.map(([file, text]) => [file, readWorkflow(file, text)]));
    };
    const all = this.read.get(commit) ?? read();
    this.read.set(commit, all);
    return all;
  }

  /** Opens a pull request, by a commit on a new branch, of a fork where its owner is given. @returns its number and runs */
  async open(branch: string, files: Files, { fork, author = fork ?? "ann" }: { fork?: string; author?: string } = {}) {
    const number = this.number++;
    this.branches.set(number, { branch, fork, author });
    this.comments.set(number, []);
    const owner = fork ?? this.repository.split("/")[0]!;
    this.pulls.push({ number, state: "open", head: `${owner}:${branch}`, sha: "" });
    return { number, runs: await this.push(number, files) };
  }

  /** Pushes to a pull request's branch. @returns the runs */
  push(number: number, files: Files): Promise<Run[]> {
    const { branch, fork } = this.branches.get(number)!;
    const from = fork ? this.forkOf(fork) : this.repositoryOfGit;
    const sha = from.commit(branch, files, "main");
    if (fork) this.repositoryOfGit.fetch(from, branch);
    this.pulls.find((one) => one.number === number)!.sha = sha;
    return this.pullRequest(number, sha);
  }

  /** Merges a pull request. @returns the runs of the push to main */
  merge(number: number): Promise<Run[]> {
    const { sha } = this.pulls.find((one) => one.number === number)!;
    const before = this.repositoryOfGit.at("main");
    const after = this.repositoryOfGit.merge("refs/heads/main", before, sha);
    this.pulls.find((one) => one.number === number)!.state = "closed";
    return this.pushed(before, after);
  }

  /** A commit to main. @returns the runs */
  commit(files: Files): Promise<Run[]> {
    const before = this.repositoryOfGit.at("main");
    return this.pushed(before, this.repositoryOfGit.commit("main", files));
  }

  /** The time of a workflow's schedule has come. */
  schedule(file: string): Promise<Run[]> {
    return this.happens(
      { ...this.onMain("schedule"), payload: {} },
      (one, workflow) => one === file && !!workflow.on.schedule,
    );
  }

  /** Somebody starts a workflow by hand. */
  dispatch(file: string): Promise<Run[]> {
    const asked = (one: string, workflow: Workflow) => one === file && workflow.on.workflow_dispatch === null;
    return this.happens({ ...this.onMain("workflow_dispatch"), payload: {} }, asked);
  }

  private onMain(name: Event["name"]): Omit<Event, "payload"> {
    const sha = this.repositoryOfGit.at("main");
    return { name, ref: "refs/heads/main", sha, workflows: sha, foreign: false };
  }

  private pushed(before: string, after: string): Promise<Run[]> {
    const changed = this.repositoryOfGit.changed(before, after);
    return this.happens({ ...this.onMain("push"), payload: { before, after } }, (_, { on: { push } }) =>
      Boolean(push?.branches.includes("main") && changed.some((path) => !matchesPath(push["paths-ignore"], path))),
    );
  }

  private pullRequest(number: number, sha: string): Promise<Run[]> {
    const { fork, author } = this.branches.get(number)!;
    const base = this.repositoryOfGit.at("main");
    const ref = `refs/pull/${number}/merge`;
    const merged = this.repositoryOfGit.merge(ref, base, sha);
    const head = { sha, repo: { full_name: fork ? `${fork}/${this.repository.split("/")[1]}` : this.repository } };
    const payload = { pull_request: { number, head, base: { sha: base }, user: { login: author } } };
    const event = { name: "pull_request" as const, payload, ref, sha: merged, workflows: merged, foreign: !!fork };
    return this.happens(event, (_, { on }) => on.pull_request === null, number);
  }

  /** Runs every workflow that asks for it, and then those that ask for the end of these. */
  private async happens(
    event: Event,
    asked: (file: string, workflow: Workflow) => boolean,
    pull?: number,
  ): Promise<Run[]> {
    const runs = Object.entries(this.workflowsAt(event.workflows))
      .filter(([file, workflow]) => asked(file, workflow))
      .map(([file, workflow]) => new Run(this, String(this.number++), file, workflow, event));
    this.runs.push(...runs);
    await Promise.all(runs.map((run) => run.go()));
    if (event.name === "workflow_run") return runs;
    const after = await Promise.all(runs.map((run) => this.ended(run, pull)));
    return [...runs, ...after.flat()];
  }

  private ended(run: Run, pull?: number): Promise<Run[]> {
    const { branch = "main", fork } = this.branches.get(pull ?? 0) ?? {};
    const owner = fork ?? this.repository.split("/")[0]!;
    const payload = {
      workflow_run: {
        id: run.id,
        event: run.event.name,
        conclusion: run.result!,
        head_sha: pull ? this.pulls.find((one) => one.number === pull)!.sha : run.event.sha,
        head_branch: branch,
        head_repository: { full_name: `${owner}/${this.repository.split("/")[1]}`, owner: { login: owner } },
      },
    };
    const event = { ...this.onMain("workflow_run"), payload };
    return this.happens(event, (_, { on }) => Boolean(on.workflow_run?.workflows.includes(run.workflow.name)));
  }

  private forkOf(owner: string): Repository {
    const there = this.forks.get(owner);
    if (there) return there;
    const made = new Repository(join(this.folder, `${owner}.git`));
    made.git(["update-ref", "refs/heads/main", made.fetch(this.repositoryOfGit, "main")]);
    this.forks.set(owner, made);
    return made;
  }
}
