/** The workflows, run step by step as GitHub would: by real git, real scripts of .github, and a stand-in for what they do to stacks. */
import assert from "node:assert/strict";
import type { Files } from "../../../simulator/github/repository";
import { environments, WorkflowStage } from "../support/github";
import { deployment, drift, fork, noDeployment, pullRequest, runOf, teardown } from "../support/workflow-stories";

type Settings = Parameters<typeof WorkflowStage.open>[1];

async function play(
  story: (stage: WorkflowStage) => Promise<void>,
  edit?: (files: Files) => Files,
  settings?: Settings,
): Promise<void> {
  const stage = await WorkflowStage.open(edit, settings);
  try {
    await story(stage);
  } finally {
    await stage.close();
  }
}

describe("workflows, run step by step", function () {
  this.timeout(300_000);

  it("show what a pull request would do, in comments of their own, and edit those", () => play(pullRequest));
  it("give a fork's code no rights, and post its golden files' diff all the same", () => play(fork));
  it("bring what is merged to staging, and to prod once somebody has approved it", () => play(deployment));
  it("leave prod alone when nobody approves it, or when staging has failed", () => play(noDeployment));
  it("destroy staging in the evening, and look for what is left", () => play(teardown));
  it("keep an issue for each stack that drifts", () => play(drift));

  it("preview nothing where nobody must let them, and say so", () =>
    play(
      async (stage) => {
        const { number, runs } = await stage.github.open("change", { "docs/page.md": "new\n" });
        const run = runOf(runs, "pr.yml");
        assert.equal(run.result, "failure");
        assert.match(run.said, /staging-preview has no required reviewers: no preview is made/);
        assert.match(run.said, /prod-preview has no required reviewers: no preview is made/);
        assert.ok(stage.calls().every(({ role }) => role === ""));
        assert.deepEqual(stage.github.comments.get(number), []);
      },
      undefined,
      { environments: { ...environments(), "staging-preview": {}, "prod-preview": { reviewers: [] } } },
    ));

  it("run nothing of a branch with a role when the reviewer says no", () =>
    play(async (stage) => {
      stage.github.approves = () => false;
      const { runs } = await stage.github.open("change", { "docs/page.md": "new\n" });
      assert.equal(runOf(runs, "pr.yml").result, "failure");
      assert.ok(stage.calls().every(({ role }) => role === ""));
    }));

  it("show a preview that fails, too", () =>
    play(async (stage) => {
      stage.answer("summary", "prod", 1, "it cannot work\n");
      const { number, runs } = await stage.github.open("change", { "docs/page.md": "new\n" });
      assert.equal(runOf(runs, "pr.yml").result, "failure");
      assert.match(
        stage.github.comments
          .get(number)!
          .map(({ body }) => body)
          .join(),
        /### prod\nit cannot work\n/,
      );
    }));

  it("do nothing to stacks in a repository that has none", () =>
    play(
      async (stage) => {
        const { github } = stage;
        const { number, runs } = await github.open("change", { ".ci/run": "#!/bin/bash\nexit 0 # new\n" });
        const merged = await github.merge(number);
        const all = [
          ...runs,
          ...merged,
          ...(await github.schedule("drift.yml")),
          ...(await github.dispatch("teardown.yml")),
        ];
        for (const run of all) assert.ok(["success", "skipped"].includes(run.result!), `${run.file}: ${run.said}`);
        assert.ok(stage.calls().every(({ what }) => what.includes("golden")));
      },
      undefined,
      { vars: {} },
    ));

  it("change a stack one at a time, and break off no change; a newer push to a pull request breaks off the older one's runs", () =>
    play(async (stage) => {
      const { github } = stage;
      const merged = github.commit({ ".ci/run": "#!/bin/bash\nexit 0 # new\n" });
      const evening = github.schedule("teardown.yml");
      for (const run of [...(await merged), ...(await evening)]) assert.equal(run.result, "success", run.said);
      const staging = github.log.filter((line) => /^(deploy|teardown)\.yml: staging /.test(line));
      assert.deepEqual(
        staging.map((line) => line.split(" ").at(-1)),
        ["begins", "ends", "begins", "ends"],
      );
      let pushed: ReturnType<typeof github.push> | undefined;
      github.approves = async () => {
        pushed ??= github.push(github.pulls[0]!.number, { "docs/page.md": "newer\n" });
        return true;
      };
      const { number, runs } = await github.open("change", { "docs/page.md": "new\n" });
      assert.equal(runOf(runs, "pr.yml").result, "cancelled");
      assert.equal(runOf(await pushed!, "pr.yml").result, "success");
      assert.equal(github.comments.get(number)!.length, 2);
    }));
});
