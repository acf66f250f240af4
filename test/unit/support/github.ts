/** The workflows of this project on a GitHub of a test's own, with a stand-in for `scripts/run`: who called it, and with what. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { checkoutRoot } from "../../../ops/env";
import { GitHub, type Environment } from "../../../simulator/github/github";
import type { Files } from "../../../simulator/github/repository";

/** A call of `scripts/run`, as the stand-in has noted it. */
export interface Call {
  /** "up --stack staging" */
  what: string;
  /** Whose credentials were there. Empty: nobody's. */
  role: string;
  /** Where the state is. Empty: nowhere. */
  backend: string;
  /** Whether a token of GitHub's was in the environment. */
  token: string;
  /** Whether it ran what the tools' job has packed. */
  packed: string;
}

/**
 * Does nothing to any cloud. `summary --out` writes what `$CALLS/VERB STACK` says, or a line; its first line is the exit code. `tools`
 * makes what `tools.sh pack` packs.
 */
const run = `#!/bin/bash
set -euo pipefail
packed=no
if [[ -e .tools/packed ]]; then packed=yes; fi
jq --null-input --compact-output --arg what "$*" --arg role "\${AWS_ACCESS_KEY_ID-}" --arg backend "\${PULUMI_BACKEND_URL-}" \\
  --arg token "\${GH_TOKEN-}" --arg packed "$packed" '{$what, $role, $backend, $token, $packed}' >>"$CALLS/calls"
verb=$1 stack='' out=/dev/null golden=''
shift
while (($#)); do
  case $1 in
    --stack) stack=$2 && shift ;;
    --out) out=$2 && shift ;;
    --golden) golden=$2 && shift ;;
    --) break ;;
  esac
  shift
done
case $verb in
  tools) mkdir -p node_modules .tools && touch node_modules/.package-lock.json .tools/packed ;;
  golden) ;;
  summary)
    { echo "### \${stack:-golden files}" && if [[ -n $golden ]]; then cat "$golden"; fi; } >"$out"
    ;;
esac
answer=$CALLS/$verb-$stack
if [[ -e $answer ]]; then
  tail -n +2 "$answer" >>"$out"
  exit "$(head -n 1 "$answer")"
fi
`;

const role = (name: string, environment = name) => [
  `arn:aws:iam::1:role/${name}`,
  { subject: `repo:us/pgha:environment:${environment}`, credentials: { AWS_ACCESS_KEY_ID: name } },
];

const aws = (name: string) => ({ AWS_ROLE_ARN: `arn:aws:iam::1:role/${name}`, AWS_REGION: "us-east-1" });

/** As docs/pull-requests.md has them set up. */
export const environments = (): Record<string, Environment> => ({
  staging: { branches: ["main"], vars: aws("staging") },
  prod: { branches: ["main"], reviewers: ["bob"], vars: aws("prod") },
  "staging-preview": { reviewers: ["bob"], vars: aws("staging-preview") },
  "prod-preview": { reviewers: ["bob"], vars: aws("prod-preview") },
  "staging-read": { branches: ["main"], vars: aws("staging-read") },
  "prod-read": { branches: ["main"], vars: aws("prod-read") },
});

/** The project's own workflows and their scripts. */
export function workflowFiles(): Files {
  const folders = [".github/workflows", ".github/scripts"];
  const paths = folders.flatMap((folder) => readdirSync(join(checkoutRoot, folder)).map((name) => join(folder, name)));
  return Object.fromEntries(paths.map((path) => [path, readFileSync(join(checkoutRoot, path), "utf8")]));
}

export class WorkflowStage {
  private constructor(
    private readonly folder: string,
    readonly github: GitHub,
  ) {}

  /** @param edit breaks the workflows, or leaves them as they are. @param settings of the repository */
  static async open(
    edit: (files: Files) => Files = (files) => files,
    settings: { vars?: Record<string, string>; environments?: Record<string, Environment> } = {},
  ): Promise<WorkflowStage> {
    const folder = mkdtempSync(join(tmpdir(), "pgha-workflows-"));
    const calls = join(folder, "calls");
    mkdirSync(calls);
    const github = await GitHub.start({
      folder,
      repository: "us/pgha",
      vars: settings.vars ?? { PULUMI_BACKEND_URL: "s3://state" },
      environments: settings.environments ?? environments(),
      roles: Object.fromEntries(Object.keys(environments()).map((name) => role(name))),
      base: { PATH: process.env.PATH!, HOME: folder, CALLS: calls },
    });
    const files = edit(workflowFiles());
    github.repositoryOfGit.commit("main", {
      ...files,
      "scripts/run": run,
      // What a real checkout has there runs every check of the project; that it passes is what all other tests say.
      ".ci/run": "#!/bin/bash\nexit 0\n",
      "test/golden/staging/etcd1/user-data": "old\n",
      "docs/page.md": "old\n",
    });
    return new WorkflowStage(folder, github);
  }

  /** What `scripts/run VERB --stack STACK` is to end with, and what a summary says. */
  answer(verb: string, stack: string, code: number, text = ""): void {
    writeFileSync(join(this.folder, "calls", `${verb}-${stack}`), `${code}\n${text}`);
  }

  /** Calls of `scripts/run` since the last time. */
  calls(): Call[] {
    const file = join(this.folder, "calls", "calls");
    if (!existsSync(file)) return [];
    const lines = readFileSync(file, "utf8").split("\n").filter(Boolean);
    rmSync(file);
    return lines.map((line) => JSON.parse(line) as Call);
  }

  async close(): Promise<void> {
    await this.github.stop();
    rmSync(this.folder, { recursive: true, force: true });
  }
}
