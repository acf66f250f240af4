/** What happens in a repository, told to its workflows as they are or as a test has broken them: each story says what must come of it. */
import assert from "node:assert/strict";
import type { Comment } from "../../../simulator/github/api";
import type { Run } from "../../../simulator/github/run";
import type { Call, WorkflowStage } from "./github";

const golden = "test/golden/staging/etcd1/user-data";
const stacks = ["staging", "prod"];

/** The run of a workflow among those that an event has started. */
export function runOf(runs: Run[], file: string): Run {
  const found = runs.filter((run) => run.file === file);
  assert.equal(found.length, 1, `runs of ${file}: ${found.length}`);
  return found[0]!;
}

/** A run went well, and all of it ran that is not named. */
export function succeeded(run: Run): void {
  assert.equal(run.result, "success", run.said);
}

/** Calls of `scripts/run`, each with whose credentials it had. */
const asked = (calls: Call[]) => calls.map(({ what, role }) => (role ? `${role}: ${what}` : what));

/**
 * What holds of every job: with a token that writes it runs nobody's code but main's; with a role of a cloud it has a branch's code only
 * after somebody has approved that; no script of the project has a token of GitHub's; and what runs beside a role came packed.
 */
export function isSafe(stage: WorkflowStage, runs: Run[], calls: Call[], trusted: string[]): void {
  for (const run of runs) {
    for (const { name, permissions, commits, roles, environment } of run.jobs) {
      const where = `${run.file}: ${name}`;
      const strange = commits.filter((commit) => !trusted.includes(commit));
      const writes = Object.entries(permissions).filter(([scope, level]) => level === "write" && scope !== "id-token");
      if (strange.length > 0) assert.deepEqual(writes, [], `${where} has a branch's code and a token that writes`);
      if (strange.length > 0 && roles.length > 0) {
        const approved = stage.github.log.includes(`${environment} is approved`);
        assert.ok(approved, `${where} has a branch's code and a role that nobody has approved`);
      }
      if (run.event.foreign) assert.deepEqual(roles, [], `${where} has a fork's code and a role`);
    }
  }
  for (const { what, role, token, packed } of calls) {
    assert.equal(token, "", `${what} has a token`);
    if (role) assert.equal(packed, "yes", `${what} runs with a role what that job has fetched`);
  }
}

const named = (comments: Comment[], name: string) =>
  comments.filter(({ body }) => body.startsWith(`<!-- pgha: ${name} -->`));

/** A branch of the repository: a preview of each stack is posted, by itself; the next push edits it. */
export async function pullRequest(stage: WorkflowStage): Promise<void> {
  const { github } = stage;
  const base = github.repositoryOfGit.at("main");
  const { number, runs } = await github.open("change", { [golden]: "new\n" });
  const run = runOf(runs, "pr.yml");
  succeeded(run);
  succeeded(runOf(runs, "checks.yml"));
  const calls = stage.calls();
  assert.deepEqual(asked(calls).sort(), [
    "golden",
    "prod-preview: summary --stack prod --out summary.md",
    "staging-preview: summary --stack staging --out summary.md",
    "summary --golden golden.diff --out golden.md",
    "tools",
  ]);
  for (const { what, backend } of calls) assert.equal(backend !== "", what.includes("--stack"), what);
  isSafe(stage, runs, calls, [base]);
  assert.match(run.job("golden").summary, /^-old\n\+new$/m);
  const first = github.comments.get(number)!;
  assert.deepEqual(
    stacks.map((stack) => named(first, `preview-${stack}`).map(({ body }) => body.split("\n")[1])),
    [["### staging"], ["### prod"]],
  );
  assert.equal(first.length, 2);

  const forged = { id: 1, user: { login: "mallory" }, body: "<!-- pgha: preview-prod -->\nnothing to see" };
  const others = Array.from({ length: 100 }, (_, id) => ({ id: id + 2, user: { login: "ann" }, body: "a word" }));
  first.unshift(forged, ...others);
  stage.answer("summary", "prod", 0, "1 node restarted\n");
  succeeded(runOf(await github.push(number, { [golden]: "newer\n" }), "pr.yml"));
  assert.equal(github.comments.get(number)!.length, 103);
  assert.match(named(first, "preview-prod")[1]!.body, /### prod\n1 node restarted\n$/);
  assert.equal(forged.body, "<!-- pgha: preview-prod -->\nnothing to see");
  assert.deepEqual(github.api.refused, []);
}

/** A fork's code gets no rights and no tools; its golden files' diff is posted by what main has, which runs nothing of the fork's. */
export async function fork(stage: WorkflowStage): Promise<void> {
  const { github } = stage;
  const base = github.repositoryOfGit.at("main");
  const evil = '#!/bin/bash\nenv >>"$CALLS/stolen"; exit 1\n';
  const { number, runs } = await github.open(
    "change",
    { [golden]: "new\n", ".github/scripts/comment.sh": evil, ".github/scripts/reviewed.sh": evil },
    { fork: "mallory" },
  );
  const run = runOf(runs, "pr.yml");
  succeeded(run);
  assert.deepEqual(
    run.jobs.map(({ name }) => name),
    ["golden"],
  );
  const comment = runOf(
    runs.filter(({ event }) => event.payload.workflow_run && event.sha === base),
    "pr-comment.yml",
  );
  succeeded(comment);
  const calls = stage.calls();
  assert.deepEqual(
    calls.map(({ what, role }) => [what.split(" ").slice(0, 2).join(" "), role]),
    [
      ["golden", ""],
      ["summary --golden", ""],
      ["summary --golden", ""],
    ],
  );
  isSafe(stage, runs, calls, [base]);
  const [posted, ...more] = github.comments.get(number)!;
  assert.deepEqual(more, []);
  assert.match(posted!.body, /^<!-- pgha: golden -->\n### golden files\n[^]*^-old\n\+new$/m);
}

/** What is merged goes to staging, is planned for prod, waits for somebody, and goes to prod. */
export async function deployment(stage: WorkflowStage): Promise<void> {
  const { github } = stage;
  const soFar: string[] = [];
  github.approves = (environment) => {
    if (environment === "prod") soFar.push(...asked(stage.calls()));
    return true;
  };
  stage.answer("summary", "prod", 0, "1 node restarted\n");
  const runs = await github.commit({ [golden]: "new\n" });
  const run = runOf(runs, "deploy.yml");
  succeeded(run);
  assert.deepEqual(soFar, [
    "tools",
    "staging: pulumi stack --stack staging --show-name",
    "staging: up --stack staging",
    "staging: pgha status --stack staging",
    "prod-read: summary --stack prod --out summary.md",
  ]);
  const calls = stage.calls();
  assert.deepEqual(asked(calls), [
    "prod: pulumi stack --stack prod --show-name",
    "prod: up --stack prod",
    "prod: pgha status --stack prod",
  ]);
  for (const { backend, what } of calls) assert.equal(backend, "s3://state", what);
  assert.match(run.job("plan").summary, /1 node restarted/);
  assert.ok(github.log.indexOf("prod is approved") > github.log.indexOf("deploy.yml: plan ends"));
  isSafe(stage, runs, calls, [github.repositoryOfGit.at("main")]);
  assert.deepEqual(runOf(runs, "checks.yml").result, "success");
}

/** Prod stays as it is when nobody approves it, or when staging could not follow; and words alone change no stack. */
export async function noDeployment(stage: WorkflowStage): Promise<void> {
  const { github } = stage;
  assert.deepEqual(
    (await github.commit({ "docs/page.md": "new\n", "README.md": "new\n" })).map(({ file }) => file),
    ["checks.yml"],
  );
  github.approves = () => false;
  const rejected = runOf(await github.commit({ [golden]: "new\n" }), "deploy.yml");
  assert.equal(rejected.result, "failure");
  assert.deepEqual(rejected.job("prod").roles, []);
  github.approves = () => assert.fail("nobody is asked after staging has failed");
  stage.calls();
  stage.answer("up", "staging", 1);
  const failed = runOf(await github.commit({ [golden]: "newer\n" }), "deploy.yml");
  assert.equal(failed.result, "failure");
  assert.deepEqual(
    failed.jobs.map(({ name, result }) => `${name} ${result}`),
    ["tools / tools success", "staging failure"],
  );
  assert.equal(stage.calls().at(-1)!.what, "up --stack staging");
}

/** In the evening staging is destroyed, and what is left is looked for, whether or not that went well. */
export async function teardown(stage: WorkflowStage): Promise<void> {
  const { github } = stage;
  const went = async () => {
    const [run] = await github.schedule("teardown.yml");
    isSafe(stage, [run!], [], [github.repositoryOfGit.at("main")]);
    return { result: run!.result, calls: asked(stage.calls()) };
  };
  const calls = ["tools", "staging: destroy --stack staging", "staging: leftovers --stack staging"];
  assert.deepEqual(await went(), { result: "success", calls });
  stage.answer("destroy", "staging", 1);
  assert.deepEqual(await went(), { result: "failure", calls });
  stage.answer("destroy", "staging", 0);
  stage.answer("leftovers", "staging", 1);
  assert.deepEqual(await went(), { result: "failure", calls });
}

/** What differs from main has an issue, which the next night edits, and closes when nothing does. */
export async function drift(stage: WorkflowStage): Promise<void> {
  const { github } = stage;
  const night = async () => {
    const [run] = await github.schedule("drift.yml");
    return { run: run!, calls: asked(stage.calls()).sort() };
  };
  const quiet = await night();
  succeeded(quiet.run);
  assert.deepEqual(quiet.calls, [
    "prod-read: summary --stack prod --out drift/summary.md --expect-no-changes -- --refresh",
    "staging-read: summary --stack staging --out drift/summary.md --expect-no-changes --unless-gone -- --refresh",
    "tools",
  ]);
  assert.equal(github.issues.length, 0);

  stage.answer("summary", "prod", 3, "1 node changed\n");
  stage.answer("summary", "staging", 1);
  assert.equal((await night()).run.result, "failure");
  const issue = (title: string) => github.issues.filter((one) => one.title === title);
  const [prod, ...more] = issue("Drift: prod");
  assert.deepEqual(more, []);
  assert.match(prod!.body, /^What runs is not what `main` says[^]*1 node changed\n$/);
  assert.match(issue("Drift: staging")[0]!.body, /^The check itself failed/);

  stage.answer("summary", "prod", 3, "2 nodes changed\n");
  stage.answer("summary", "staging", 0);
  const { run } = await night();
  assert.deepEqual([run.job("issue (prod)").result, run.job("issue (staging)").result], ["failure", "success"]);
  assert.match(prod!.body, /2 nodes changed\n$/);
  assert.deepEqual(github.issues.map(({ title, state }) => `${title} ${state}`).sort(), [
    "Drift: prod open",
    "Drift: staging closed",
  ]);
  assert.deepEqual(github.api.refused, []);
}

export const stories = { pullRequest, fork, deployment, noDeployment, teardown, drift };
