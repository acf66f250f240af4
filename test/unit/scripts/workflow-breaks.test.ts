/** Workflows that a test has broken: what they would have done wrong is noticed by the stories that the real ones are held to. */
import assert from "node:assert/strict";
import { WorkflowStage } from "../support/github";
import { stories } from "../support/workflow-stories";

interface Break {
  what: string;
  file: string;
  /** Each is replaced where it stands first. */
  edits: [from: string, to: string][];
  story: keyof typeof stories;
  /** What the story or the interpreter says, or a step that fails. */
  says: RegExp;
}

const breaks: Break[] = [
  {
    what: "a typo in the name of an output",
    file: "tools.yml",
    edits: [["steps.pack.outputs.sha256", "steps.pack.outputs.sha265"]],
    story: "teardown",
    says: /there is no steps\.pack\.outputs\.sha265/,
  },
  {
    what: "a job that asks for the outputs of one that it does not need",
    file: "deploy.yml",
    edits: [["needs: [tools, plan]", "needs: [plan]"]],
    story: "deployment",
    says: /there is no needs\.tools/,
  },
  {
    what: "an artifact by another name",
    file: "tools.yml",
    edits: [["name: tools\n          path", "name: tool\n          path"]],
    story: "teardown",
    says: /there is no artifact tools/,
  },
  {
    what: "a comment without the right to write it",
    file: "preview.yml",
    edits: [["      pull-requests: write\n", ""]],
    story: "pullRequest",
    says: /needs issues or pull-requests: read/,
  },
  {
    what: "a caller that lacks a right of the workflow that it calls",
    file: "pr.yml",
    edits: [["      actions: read\n", ""]],
    story: "pullRequest",
    says: /the nested job 'reviewers' is requesting 'actions: read', but is only allowed 'actions: none'/,
  },
  {
    what: "credentials without an identity",
    file: "teardown.yml",
    edits: [["      id-token: write\n", ""]],
    story: "teardown",
    says: /the token has id-token: none, and needs id-token: write/,
  },
  {
    what: "a fork that is taken for a branch",
    file: "pr.yml",
    edits: [[" && github.event.pull_request.head.repo.full_name == github.repository", ""]],
    story: "fork",
    says: /the token has id-token: none, and needs id-token: write/,
  },
  {
    what: "a comment on a fork by the code of the fork",
    file: "pr.yml",
    edits: [["\n  pull_request:", "\n  pull_request:\n  pull_request_target:"]],
    story: "fork",
    says: /pull_request_target/,
  },
  {
    what: "a token that writes beside a branch's code",
    file: "preview.yml",
    edits: [
      [
        "          ref: ${{ github.event.pull_request.base.sha }}\n          persist-credentials: false\n      - uses",
        "          persist-credentials: false\n      - uses",
      ],
    ],
    story: "pullRequest",
    says: /comment has a branch's code and a token that writes/,
  },
  {
    what: "a preview that nobody has to let",
    file: "preview.yml",
    edits: [["environment: ${{ inputs.stack }}-preview", "environment: ${{ inputs.stack }}-read"]],
    story: "pullRequest",
    says: /refs\/pull\/\d+\/merge is not allowed to deploy to staging-read/,
  },
  {
    what: "prod without its environment",
    file: "deploy.yml",
    edits: [["environment: prod\n", "environment: staging\n"]],
    story: "deployment",
    says: /\+ \[\]/,
  },
  {
    what: "prod before its plan",
    file: "deploy.yml",
    edits: [["needs: [tools, plan]", "needs: [tools, staging]"]],
    story: "deployment",
    says: /prod-read: summary --stack prod/,
  },
  {
    what: "prod after a staging that failed",
    file: "deploy.yml",
    edits: [
      ["  plan:\n    needs: [tools, staging]\n", "  plan:\n    needs: [tools, staging]\n    if: ${{ !cancelled() }}\n"],
    ],
    story: "noDeployment",
    says: /'plan success'/,
  },
  {
    what: "a deployment for words alone",
    file: "deploy.yml",
    edits: [['["docs/**", "**.md"]', '["docs/*.txt"]']],
    story: "noDeployment",
    says: /deploy\.yml/,
  },
  {
    what: "a teardown that looks for what is left only when all went well",
    file: "teardown.yml",
    edits: [["        if: ${{ !cancelled() }}\n", ""]],
    story: "teardown",
    says: /leftovers/,
  },
  {
    what: "an issue that is never closed",
    file: "drift.yml",
    edits: [["if: ${{ !cancelled() && needs.check.result != 'skipped' }}", "if: ${{ failure() }}"]],
    story: "drift",
    says: /'success'/,
  },
  {
    what: "a drift of prod that is taken for a stack that is gone",
    file: "drift.yml",
    edits: [["if [[ $STACK == staging ]]; then set -- --unless-gone; fi", "set -- --unless-gone"]],
    story: "drift",
    says: /prod-read: summary --stack prod [^\n]*--expect-no-changes -- --refresh/,
  },
  {
    what: "a construct that the interpreter does not know",
    file: "drift.yml",
    edits: [["    timeout-minutes: 30\n", "    timeout-minutes: 30\n    continue-on-error: true\n"]],
    story: "drift",
    says: /drift\.yml has what is not known here:[^]*continue-on-error[^]*jobs\.check/,
  },
  {
    what: "an action that the interpreter does not know",
    file: "teardown.yml",
    edits: [["aws-actions/configure-aws-credentials@", "aws-actions/amazon-ecr-login@"]],
    story: "teardown",
    says: /the action aws-actions\/amazon-ecr-login@\w+ is not known here/,
  },
];

describe("workflows, broken on purpose", function () {
  this.timeout(300_000);

  for (const { what, file, edits, story, says } of breaks) {
    it(`do not get by with ${what}`, async () => {
      const path = `.github/workflows/${file}`;
      const stage = await WorkflowStage.open((files) => {
        let text = files[path]!;
        for (const [from, to] of edits) {
          assert.ok(text.includes(from), `${file} has ${from}`);
          text = text.replace(from, () => to);
        }
        return { ...files, [path]: text };
      });
      try {
        await assert.rejects(stories[story](stage), ({ message }: Error) => {
          assert.match([message, ...stage.github.runs.map(({ said }) => said)].join("\n"), says);
          return true;
        });
      } finally {
        await stage.close();
      }
    });
  }
});
