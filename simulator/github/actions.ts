/**
 * What the actions do that the workflows use, done here: each asks for the permissions that the real one needs.
 * After the actions' own pages, at the versions that the workflows pin.
 */
import { appendFileSync, cpSync, existsSync, mkdirSync, readdirSync, statSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { NotKnown } from "./expressions";
import type { Repository } from "./repository";
import type { Permission, Permissions } from "./workflow";

/** What an action finds in a job. */
export interface ActionCall {
  inputs: Record<string, string>;
  workspace: string;
  /** The commit that the run is about. */
  sha: string;
  repository: Repository;
  permissions: Permissions;
  /** What a token may do; undefined where it is none. */
  permissionsOf(token: string): Permissions | undefined;
  /** The job's own token. */
  token: string;
  /** Folder of the artifacts of a run, of this one by default. */
  artifacts(run?: string): string;
  /** Gives the job the credentials of a role. @throws Error when its trust policy does not know this job */
  assume(role: string): Record<string, string>;
  /** Variables for the steps that follow. */
  exports(env: Record<string, string>): void;
  /** Notes which commit the job has in its workspace. */
  hasCheckedOut(commit: string): void;
  warn(text: string): void;
}

interface Action {
  /** Inputs that are known here. */
  inputs: string[];
  required?: string[];
  run(call: ActionCall): void;
}

function need(permissions: Permissions | undefined, scope: Permission, level: "read" | "write"): void {
  const has = permissions?.[scope] ?? "none";
  if (has !== "write" && has !== level) throw new Error(`the token has ${scope}: ${has}, and needs ${scope}: ${level}`);
}

const checkout: Action = {
  inputs: ["ref", "persist-credentials", "fetch-depth"],
  run({ inputs, workspace, sha, repository, permissions, token, hasCheckedOut }) {
    need(permissions, "contents", "read");
    const depth = Number(inputs["fetch-depth"] ?? 1);
    hasCheckedOut(repository.checkOut(inputs.ref ?? sha, workspace, depth));
    // It leaves the token where every later step finds it, unless it is told not to.
    if (inputs["persist-credentials"] === "false") return;
    appendFileSync(join(workspace, ".git", "config"), `[http]\n\textraheader = AUTHORIZATION: ${token}\n`);
  },
};

const uploadArtifact: Action = {
  inputs: ["name", "path", "if-no-files-found", "retention-days", "compression-level"],
  required: ["name", "path"],
  run({ inputs, workspace, artifacts, warn }) {
    const from = resolve(workspace, inputs.path!);
    const to = join(artifacts(), inputs.name!);
    if (existsSync(to)) throw new Error(`an artifact ${inputs.name} is there already`);
    const files = !existsSync(from) ? [] : statSync(from).isDirectory() ? readdirSync(from) : [from];
    if (files.length === 0) {
      const missing = `no files were found at ${inputs.path}`;
      if (inputs["if-no-files-found"] === "error") throw new Error(missing);
      warn(missing);
      return;
    }
    mkdirSync(to, { recursive: true });
    for (const file of files) cpSync(resolve(from, file), join(to, basename(file)), { recursive: true });
  },
};

const downloadArtifact: Action = {
  inputs: ["name", "path", "run-id", "github-token"],
  required: ["name"],
  run({ inputs, workspace, artifacts, permissionsOf }) {
    const other = inputs["run-id"];
    // Those of its own run a job gets without any right.
    if (other !== undefined) need(permissionsOf(inputs["github-token"] ?? ""), "actions", "read");
    const from = join(artifacts(other), inputs.name!);
    if (!existsSync(from)) throw new Error(`there is no artifact ${inputs.name}`);
    cpSync(from, resolve(workspace, inputs.path ?? "."), { recursive: true });
  },
};

const configureAwsCredentials: Action = {
  inputs: ["aws-region", "role-to-assume"],
  required: ["aws-region", "role-to-assume"],
  run({ inputs, permissions, assume, exports }) {
    need(permissions, "id-token", "write");
    const region = inputs["aws-region"]!;
    exports({ AWS_REGION: region, AWS_DEFAULT_REGION: region, ...assume(inputs["role-to-assume"]!) });
  },
};

const actions: Record<string, Action> = {
  "actions/checkout": checkout,
  "actions/upload-artifact": uploadArtifact,
  "actions/download-artifact": downloadArtifact,
  "aws-actions/configure-aws-credentials": configureAwsCredentials,
};

/** Runs an action, "OWNER/NAME@COMMIT". @throws Error with what it says when it fails, NotKnown when it or an input is not known */
export function runAction(uses: string, call: ActionCall): void {
  const action = actions[uses.split("@")[0]!];
  if (!action)
    throw new NotKnown(`the action ${uses} is not known here: write what it does into simulator/github/actions.ts`);
  const unknown = Object.keys(call.inputs).filter((name) => !action.inputs.includes(name));
  if (unknown.length > 0) throw new NotKnown(`${uses} was given ${unknown.join(", ")}, which is not known here`);
  const missing = (action.required ?? []).filter((name) => !call.inputs[name]);
  if (missing.length > 0) throw new Error(`Input required and not supplied: ${missing.join(", ")}`);
  action.run(call);
}
