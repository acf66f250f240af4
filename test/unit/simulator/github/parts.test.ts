import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { spawnSync } from "node:child_process";
import { Api } from "../../../../simulator/github/api";
import { Lanes } from "../../../../simulator/github/lanes";
import { Repository } from "../../../../simulator/github/repository";
import { matchesPath, readWorkflow } from "../../../../simulator/github/workflow";
import { temporaryFolder } from "../../support/bash";

describe("the small GitHub", () => {
  const folder = temporaryFolder();

  it("reads no workflow with a key, a trigger or a value that it does not know, and names each", () => {
    const text = (more: string) => `
name: n
on: { push: { branches: [main] } }
permissions: {}
jobs:
  one: { runs-on: u, timeout-minutes: 1, steps: [{ run: "true" }] }
  two: { runs-on: u, timeout-minutes: 1, steps: [{ run: "true"${more} }] }
`;
    assert.equal(readWorkflow("a.yml", text("")).jobs.two!.needs.length, 0);
    assert.throws(() => readWorkflow("a.yml", text(", shell: sh")), /a\.yml has[^]*"shell"[^]*jobs\.two\.steps\[0\]/);
    assert.throws(() => readWorkflow("a.yml", text(", uses: a/b@c")), /either uses or run/);
    assert.throws(() => readWorkflow("a.yml", text("").replace("push:", "release:")), /"release"/);
    assert.throws(() => readWorkflow("a.yml", text("").replace("{ runs-on", "{ needs: three, runs-on")), /needs three/);
  });

  it("knows patterns of paths", () => {
    const ignored = (path: string) => matchesPath(["docs/**", "**.md", "*.txt"], path);
    assert.deepEqual(["docs/a/b.png", "a/b.md", "c.txt"].map(ignored), [true, true, true]);
    assert.deepEqual(["src/docs/a", "a.mdx", "a/c.txt"].map(ignored), [false, false, false]);
  });

  it("checks a commit out with so much history as was asked for", () => {
    const repository = new Repository(join(folder(), "r.git"));
    const before = repository.commit("main", { "a/file": "old\n", gone: "x\n", "run.sh": "#!/bin/sh\nexit 0\n" });
    const change = repository.commit("change", { "a/file": "new\n", gone: undefined }, "main");
    const merged = repository.merge("refs/pull/1/merge", before, change);
    assert.deepEqual(repository.read(merged, "a"), { file: "new\n" });
    assert.deepEqual(repository.changed(before, merged), ["a/file", "gone"]);
    const git = (at: string, ...args: string[]) =>
      spawnSync("git", args, { cwd: join(folder(), at), encoding: "utf8" });
    for (const depth of [1, 2]) {
      mkdirSync(join(folder(), `w${depth}`));
      assert.equal(repository.checkOut("refs/pull/1/merge", join(folder(), `w${depth}`), depth), merged);
      assert.equal(git(`w${depth}`, "rev-list", "--count", "HEAD").stdout, depth === 1 ? "1\n" : "3\n");
      assert.equal(git(`w${depth}`, "status", "--porcelain").stdout, "");
    }
    assert.match(git("w2", "diff", "HEAD^1").stdout, /^-old\n\+new$/m);
    assert.notEqual(git("w1", "diff", "HEAD^1").status, 0);
    assert.equal(readFileSync(join(folder(), "w1/a/file"), "utf8"), "new\n");
  });

  it("lets one of a group go on, one wait, and a third take the place of the one that waits", async () => {
    const lanes = new Lanes();
    const cancelled: string[] = [];
    const enter = (name: string, breaksOff = false) =>
      lanes.enter("stack", breaksOff, { cancel: () => cancelled.push(name) });
    const leave = await enter("first");
    const [second, third] = [enter("second"), enter("third")];
    assert.equal(await second, undefined);
    assert.deepEqual(cancelled, []);
    leave!();
    const leaveThird = await third;
    const fourth = enter("fourth", true);
    assert.deepEqual(cancelled, ["third"]);
    leaveThird!();
    (await fourth)!();
    assert.ok(await enter("fifth"));
  });

  it("answers nobody more than his token allows, and nobody whose job has ended", async () => {
    const issue = { number: 1, title: "t", body: "b", state: "open" as const, user: { login: "github-actions[bot]" } };
    const api = new Api({
      repository: "us/pgha",
      pulls: [],
      comments: new Map(),
      issues: [issue],
      reviewers: () => [],
    });
    await api.start();
    try {
      const { token, end } = api.token({ issues: "read" });
      const ask = async (method: string, path: string, body?: object) => {
        const headers = { authorization: `token ${token}` };
        return (await fetch(`${api.url}/${path}`, { method, headers, body: body && JSON.stringify(body) })).status;
      };
      assert.equal(await ask("GET", "repos/us/pgha/issues?state=open"), 200);
      assert.equal(await ask("POST", "repos/us/pgha/issues", { title: "t" }), 403);
      assert.equal(await ask("GET", "repos/us/pgha/pulls"), 403);
      assert.equal(await ask("GET", "repos/them/pgha/issues"), 404);
      end();
      assert.equal(await ask("GET", "repos/us/pgha/issues"), 401);
      assert.equal(api.refused.length, 4);
    } finally {
      await api.stop();
    }
  });
});
