import { execFile, spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { caPath } from "../settings/tls";
import { checkoutRoot, pulumiEnv } from "../ops/env";

/** What a program printed and how it ended. */
export interface Finished {
  code: number | null;
  stdout: string;
  stderr: string;
}

const upArguments = ["up", "--yes", "--skip-preview", "--non-interactive"];

/** Settings as they stand in a stack's file, without the prefix `pgha:`. */
export type RawSettings = Record<string, unknown>;

/** A backend in a folder, with the options of the project's own. */
export function stateUrl(folder: string): string {
  const project = parse(readFileSync(join(checkoutRoot, "Pulumi.yaml"), "utf8")) as { backend: { url: string } };
  return `file://${folder}${new URL(project.backend.url).search}`;
}

/**
 * A stack of a test's own: its own backend, settings file, machine names, network and ports, so that it never meets the
 * user's. `remove` takes everything away again, whatever state a failed test left it in.
 */
export class TestStack {
  readonly folder: string;
  readonly configFile: string;
  private salt: string | undefined;

  constructor(
    readonly name: string,
    private settings: RawSettings,
    /** Settings of providers, with their prefix. */
    private readonly providers: RawSettings = {},
  ) {
    const base = join(checkoutRoot, ".pgha", "test");
    mkdirSync(base, { recursive: true });
    this.folder = mkdtempSync(join(base, `${name}-`));
    this.configFile = join(this.folder, `Pulumi.${name}.yaml`);
    // The operator's commands run in this process and find the backend by the environment, as a user's would.
    process.env.PULUMI_BACKEND_URL = stateUrl(this.folder);
    this.set({});
  }

  /** Name of the cluster and prefix of its machines. */
  get cluster(): string {
    return String(this.settings.name);
  }

  /** Changes settings; the next `up` applies them. */
  set(changes: RawSettings): void {
    this.settings = { ...this.settings, ...changes };
    const own = Object.entries(this.settings).map(([key, value]) => [`pgha:${key}`, value]);
    const config = { ...this.providers, ...Object.fromEntries(own) };
    writeFileSync(this.configFile, stringify({ config, encryptionsalt: this.salt }));
  }

  /** A setting as it stands now. */
  setting<T>(key: string): T {
    return this.settings[key] as T;
  }

  /** Goes back to the default of a setting. */
  forget(key: string): void {
    delete this.settings[key];
    this.set({});
  }

  /** Writes a secret into the settings, as a user does. */
  async setSecret(key: string, value: string): Promise<void> {
    const { code, stderr } = await run("pulumi", this.args(["config", "set", "--secret", `pgha:${key}`]), {
      input: value,
    });
    if (code !== 0) throw new Error(`${key} could not be set: ${stderr}`);
    const { config } = parse(readFileSync(this.configFile, "utf8")) as { config: RawSettings };
    this.set({ [key]: config[`pgha:${key}`] });
  }

  /** Makes the stack in its backend; no machine yet. */
  async init(): Promise<void> {
    // `stack init` knows no --config-file: it notes the secrets provider's salt in a file beside Pulumi.yaml.
    await this.sweep(); // of a test that was killed
    const written = join(checkoutRoot, `Pulumi.${this.name}.yaml`);
    if (existsSync(written)) throw new Error(`${written} is in the way of a test's stack; remove it`);
    await this.mustPulumi("stack", "init", this.name, "--non-interactive");
    this.salt = (parse(readFileSync(written, "utf8")) as { encryptionsalt?: string }).encryptionsalt;
    rmSync(written);
    this.set({});
  }

  /** `pulumi ARGS` on this stack. */
  pulumi(...args: string[]): Promise<Finished> {
    return run("pulumi", this.args(args));
  }

  /** As `pulumi`, failing with everything it printed when it fails. */
  async mustPulumi(...args: string[]): Promise<string> {
    const { code, stdout, stderr } = await this.pulumi(...args);
    if (code !== 0) throw new Error(`pulumi ${args.join(" ")} ended with ${code}:\n${tail(stdout)}\n${tail(stderr)}`);
    return stdout;
  }

  /** `pulumi up`; with `--refresh` it looks at the real machines first, as `npm run up` does when one is missing. */
  up(...more: string[]): Promise<string> {
    return this.mustPulumi(...upArguments, ...more);
  }

  /** Changes settings, and gives what the `up` prints that must fail with them. */
  async failedUp(changes: RawSettings, ...more: string[]): Promise<string> {
    this.set(changes);
    const { code, stdout, stderr } = await this.pulumi(...upArguments, ...more);
    if (code === 0) throw new Error(`up went through with ${JSON.stringify(changes)}:\n${tail(stdout)}`);
    return stdout + stderr;
  }

  /** `pulumi up` by another checkout of the project. */
  async upFrom(checkout: string): Promise<void> {
    const { code, stdout, stderr } = await run("pulumi", this.args(upArguments), { cwd: checkout });
    if (code !== 0) throw new Error(`up by ${checkout} ended with ${code}:\n${tail(stdout)}\n${tail(stderr)}`);
  }

  /** Starts an `up` to be interrupted. It leads a process group of its own. */
  startUp(...more: string[]): ChildProcess {
    const args = this.args([...upArguments, ...more]);
    return spawn("pulumi", args, { cwd: checkoutRoot, env: pulumiEnv(), stdio: "ignore", detached: true });
  }

  /** `pgha ARGS` on this stack. */
  pgha(...args: string[]): Promise<Finished> {
    const [command, ...rest] = args;
    return run("node", [join(checkoutRoot, "ops/pgha.cjs"), command!, "--stack", this.name, ...rest]);
  }

  /** Machines and networks of this stack that Incus has. */
  async leftovers(): Promise<string[]> {
    const listed = async (...what: string[]) => (await incus(...what, "--format", "csv", "--columns", "n")).split("\n");
    const networks = (await incus("network", "list", "--format", "csv")).split("\n").map((line) => line.split(",")[0]!);
    return [...(await listed("list")), ...networks].filter(
      (name) => name === this.cluster || name.startsWith(`${this.cluster}-`),
    );
  }

  /** Removes the stack and all it made, also when Pulumi cannot any more. */
  async remove(): Promise<void> {
    await this.pulumi("cancel", "--yes");
    await this.pulumi("destroy", "--yes", "--skip-preview", "--non-interactive");
    await this.sweep();
    this.discard();
  }

  /** Forgets the stack, without asking what is left of what it made. */
  discard(): void {
    rmSync(this.folder, { recursive: true, force: true });
    rmSync(join(checkoutRoot, ".pgha", "ssh", this.name), { recursive: true, force: true });
    rmSync(join(checkoutRoot, caPath(this.cluster)), { force: true });
  }

  /** Removes machines and networks of this stack that Incus has, whatever Pulumi knows of them. */
  private async sweep(): Promise<void> {
    const left = await this.leftovers();
    for (const name of left.filter((name) => name !== this.cluster)) await incus("delete", "--force", name);
    if (left.includes(this.cluster)) await incus("network", "delete", this.cluster);
  }

  private args(args: string[]): string[] {
    const stackless = args[0] === "stack" && args[1] === "init";
    const withConfig = ["up", "preview", "destroy", "refresh", "config"].includes(args[0]!);
    return [
      ...args,
      ...(stackless ? [] : ["--stack", this.name]),
      ...(withConfig ? ["--config-file", this.configFile] : []),
    ];
  }
}

/** Runs `incus` and gives what it printed. */
export async function incus(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await run("incus", args);
  if (code !== 0) throw new Error(`incus ${args.join(" ")}: ${stderr.trim()}`);
  return stdout.trim();
}

/** Runs a program with the project's environment, at most 15 minutes. */
export function run(
  command: string,
  args: string[],
  options: { input?: string; timeout?: number; cwd?: string } = {},
): Promise<Finished> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      command,
      args,
      {
        cwd: options.cwd ?? checkoutRoot,
        env: pulumiEnv(),
        timeout: options.timeout ?? 900_000,
        maxBuffer: 64 * 1024 ** 2,
      },
      (error, stdout, stderr) => {
        if (error && (error as NodeJS.ErrnoException).code === "ENOENT") reject(error);
        else resolve({ code: child.exitCode, stdout, stderr });
      },
    );
    child.stdin?.on("error", () => undefined); // a program that ends without reading its input is not at fault
    child.stdin?.end(options.input ?? "");
  });
}

/** What Pulumi says went wrong, without the long commands it quotes and the outputs that follow. */
function tail(text: string): string {
  const said = text.slice(Math.max(0, text.indexOf("Diagnostics:"))).split(/^Outputs:/m)[0]!;
  const lines = said.split("\n").slice(-80);
  return lines.map((line) => (line.length > 500 ? `${line.slice(0, 120)} ...` : line)).join("\n");
}

/** Waits until a condition holds; fails, saying what was awaited, after the deadline. */
export async function until(what: string, seconds: number, condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + seconds * 1000;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited ${seconds} s for: ${what}`);
    await new Promise((resume) => setTimeout(resume, 200));
  }
}
