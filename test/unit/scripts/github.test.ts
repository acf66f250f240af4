import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { temporaryFolder } from "../support/bash";

const scripts = join(__dirname, "../../../.github/scripts");

/** `gh api`, as far as the scripts use it: $ANSWER to a list, by the real jq; a line in $CALLS for anything that writes. */
const gh = `#!/bin/bash
[[ $1 == api ]] || exit 9
shift
method=GET
while (($#)); do
  case $1 in
    --method) method=$2; shift ;;
    --jq) filter=$2; shift ;;
    --field | --raw-field) fields+=("$2"); shift ;;
    --paginate | --silent) ;;
    *) path=$1 ;;
  esac
  shift
done
if [[ $method == GET ]]; then exec jq -r "$filter" "$ANSWER"; fi
echo "$method $path" >>"$CALLS"
for field in "\${fields[@]}"; do
  case $field in
    body=@*) cat "\${field#body=@}" >"$BODY" ;;
    *) echo "$field" >>"$CALLS" ;;
  esac
done
`;

describe("scripts of the workflows", () => {
  const folder = temporaryFolder();
  const at = (name: string) => join(folder(), name);

  /** Runs a script with what GitHub would list. @returns its exit code, the calls that write, and the body they carry */
  function run(script: string, listed: object, ...args: string[]) {
    mkdirSync(at("bin"), { recursive: true });
    writeFileSync(at("bin/gh"), gh, { mode: 0o755 });
    writeFileSync(at("answer"), JSON.stringify(listed));
    for (const name of ["calls", "body"]) writeFileSync(at(name), "");
    const { status, stderr } = spawnSync("bash", [join(scripts, script), ...args], {
      encoding: "utf8",
      env: {
        PATH: `${at("bin")}:${process.env.PATH}`,
        GITHUB_REPOSITORY: "us/pgha",
        GITHUB_RUN_ID: "77",
        ANSWER: at("answer"),
        CALLS: at("calls"),
        BODY: at("body"),
      },
    });
    const read = (name: string) => readFileSync(at(name), "utf8");
    return { status, stderr, calls: read("calls").split("\n").filter(Boolean), body: read("body") };
  }

  describe("comment.sh", () => {
    const post = (listed: object[], ...args: string[]) => {
      writeFileSync(at("summary.md"), "### staging: no changes\n");
      return run("comment.sh", listed, ...(args.length > 0 ? args : ["12", "preview-staging", at("summary.md")]));
    };
    const bot = { login: "github-actions[bot]" };

    it("posts a first comment", () => {
      const { status, calls, body, stderr } = post([]);
      assert.equal(status, 0, stderr);
      assert.deepEqual(calls, ["POST repos/us/pgha/issues/12/comments"]);
      assert.equal(body, "<!-- pgha: preview-staging -->\n### staging: no changes\n");
    });

    it("edits its own, and leaves alone what others wrote, with or without its marker", () => {
      const listed = [
        { id: 1, user: { login: "mallory" }, body: "<!-- pgha: preview-staging -->\nmine now" },
        { id: 2, user: bot, body: "<!-- pgha: preview-prod -->\n..." },
        { id: 3, user: bot, body: "<!-- pgha: preview-staging -->\n..." },
        { id: 4, user: bot, body: "<!-- pgha: preview-staging -->\n..." },
      ];
      assert.deepEqual(post(listed).calls, ["PATCH repos/us/pgha/issues/comments/3"]);
    });

    it("refuses a number that is none", () => {
      const { status, calls } = post([], "12/../../x", "golden", at("summary.md"));
      assert.equal(status, 2);
      assert.deepEqual(calls, []);
    });
  });

  describe("drift-issue.sh", () => {
    const issue = { number: 5, title: "Drift: prod" };
    function drift(code: number, listed: object[], summary = "### prod: 1 node changed\n") {
      rmSync(at("drift"), { recursive: true, force: true });
      mkdirSync(at("drift"));
      writeFileSync(at("drift/code"), `${code}\n`);
      if (summary) writeFileSync(at("drift/summary.md"), summary);
      return run("drift-issue.sh", listed, "prod", at("drift"));
    }

    it("opens an issue, and fails so that the run is red", () => {
      const { status, calls, body } = drift(3, [{ number: 4, title: "Drift: staging" }]);
      assert.equal(status, 1);
      assert.deepEqual(calls, ["POST repos/us/pgha/issues", "title=Drift: prod"]);
      assert.match(body, /^What runs is not what `main` says[^]*actions\/runs\/77\)\n\n### prod: 1 node changed\n$/);
    });

    it("edits the one that is open", () => {
      const pull = { number: 3, title: "Drift: prod", pull_request: {} };
      assert.deepEqual(drift(3, [pull, issue]).calls, ["PATCH repos/us/pgha/issues/5"]);
    });

    it("closes it when there is none any more, and does nothing when there was none", () => {
      const { status, calls } = drift(0, [issue]);
      assert.equal(status, 0);
      assert.deepEqual(calls, ["PATCH repos/us/pgha/issues/5", "state=closed"]);
      assert.deepEqual(drift(0, []).calls, []);
    });

    it("tells a check that failed from drift", () => {
      const { status, body } = drift(1, [], "");
      assert.equal(status, 1);
      assert.match(body, /^The check itself failed/);
    });
  });

  describe("reviewed.sh", () => {
    const environment = (...rules: object[]) => ({ protection_rules: rules });
    const reviewers = { type: "required_reviewers", reviewers: [{ type: "User", reviewer: { login: "ann" } }] };

    it("lets a preview begin where somebody must approve it", () => {
      const { status } = run("reviewed.sh", environment({ type: "branch_policy" }, reviewers), "prod-preview");
      assert.equal(status, 0);
    });

    it("refuses where nobody must, where there is nobody to, and where there is no environment", () => {
      const cases = [
        environment(),
        environment({ type: "wait_timer" }),
        environment({ ...reviewers, reviewers: [] }),
        {},
      ];
      for (const listed of cases) {
        const { status, stderr } = run("reviewed.sh", listed, "prod-preview");
        assert.equal(status, 1, JSON.stringify(listed));
        assert.match(stderr, /prod-preview has no required reviewers: no preview is made\. Settings > Environments/);
      }
    });
  });

  describe("tools.sh", () => {
    /** Unpacks, in a checkout of its own, an archive that holds one program. */
    function unpack(sum: (right: string) => string) {
      const [checkout, archive] = [at("checkout"), at("tools.tar.zst")];
      rmSync(checkout, { recursive: true, force: true });
      mkdirSync(join(at("packed"), "node_modules"), { recursive: true });
      mkdirSync(join(at("packed"), ".tools"), { recursive: true });
      mkdirSync(checkout);
      writeFileSync(join(at("packed"), "node_modules", "program"), "");
      const pack = ["-cf", archive, "--use-compress-program", "zstd", "-C", at("packed"), "node_modules", ".tools"];
      assert.equal(spawnSync("tar", pack).status, 0);
      const right = createHash("sha256").update(readFileSync(archive)).digest("hex");
      const { status, stderr } = spawnSync("bash", [join(scripts, "tools.sh"), "unpack", archive, sum(right)], {
        cwd: checkout,
        encoding: "utf8",
        env: { PATH: process.env.PATH, GITHUB_ENV: at("env") },
      });
      return {
        status,
        stderr,
        there: readdirSync(checkout),
        env: existsSync(at("env")) ? readFileSync(at("env"), "utf8") : "",
      };
    }

    it("unpacks what has the checksum, and lets nothing be downloaded afterwards", () => {
      const { status, there, env } = unpack((right) => right);
      assert.equal(status, 0);
      assert.deepEqual(there.sort(), [".tools", "node_modules"]);
      assert.match(env, /^PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION=true$/m);
    });

    it("unpacks nothing that has another, or none", () => {
      for (const wrong of [(right: string) => right.replace(/^./, (digit) => (digit === "0" ? "1" : "0")), () => ""]) {
        const { status, there } = unpack(wrong);
        assert.notEqual(status, 0);
        assert.deepEqual(there, []);
      }
    });
  });
});
