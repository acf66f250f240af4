/** A Pulumi project of a test's own: a few lines of program, a provider that makes nothing, state in the same folder. */
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { run, type Finished } from "../../../ops/process";
import { checkoutRoot, pulumiEnv } from "../../../ops/env";

const provider = `#!/bin/sh
cd ${checkoutRoot} && exec node --require ./loader.cjs test/unit/support/any-provider.ts "$@"
`;

const settings = (name: string) => `
name: ${name}-test
runtime: { name: nodejs, options: { typescript: false, nodeargs: --require=./loader.cjs } }
main: index.js
plugins:
  providers: [{ name: aws, path: provider }]
  analyzers: [{ name: policy-tsx, path: ${join(checkoutRoot, "policy/runtime")} }]
`;

export class SmallProject {
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;

  /** @param program CommonJS; it makes what `resources.json` lists (`resources`) */
  constructor(name: string, program: string) {
    const cwd = mkdtempSync(join(tmpdir(), `pgha-${name}-`));
    for (const folder of ["state", "provider"]) mkdirSync(join(cwd, folder));
    for (const link of ["node_modules", "policy", "loader.cjs"]) symlinkSync(join(checkoutRoot, link), join(cwd, link));
    writeFileSync(join(cwd, "Pulumi.yaml"), settings(name));
    writeFileSync(join(cwd, "index.js"), program);
    writeFileSync(join(cwd, "provider", "pulumi-resource-aws"), provider, { mode: 0o755 });
    this.cwd = cwd;
    this.env = { ...pulumiEnv(), PULUMI_BACKEND_URL: `file://${cwd}/state`, PULUMI_CONFIG_PASSPHRASE: "" };
  }

  /** What the program makes from now on. */
  resources(list: unknown[]): void {
    writeFileSync(join(this.cwd, "resources.json"), JSON.stringify(list));
  }

  pulumi(...args: string[]): Promise<Finished> {
    return run("pulumi", args, { cwd: this.cwd, env: this.env });
  }

  remove(): void {
    rmSync(this.cwd, { recursive: true, force: true });
  }
}
