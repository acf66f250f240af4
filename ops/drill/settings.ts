import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import type { Clock } from "../../settings/clocks";
import { checkoutRoot, pulumiEnv } from "../env";
import { writePrivate, type Cluster } from "../cluster";
import { OpsError } from "../errors";
import { run } from "../process";

/** What a drill may change of a cluster's settings. */
export interface Changes {
  clock?: Clock;
  /** Parameters of PostgreSQL, beside the cluster's own. */
  parameters?: Record<string, string | number>;
}

/**
 * A cluster's settings while it is drilled. They are changed by `pulumi up` from a copy: the settings file itself stays as it
 * is, so that `npm run up` gives the cluster its own back, whatever becomes of the drill.
 */
export class DrillSettings {
  private current: Changes = {};

  /** @param file the stack's settings. @default Pulumi.STACK.yaml of this checkout */
  constructor(
    private readonly cluster: Cluster,
    private readonly file = join(checkoutRoot, `Pulumi.${cluster.stack}.yaml`),
  ) {}

  /** What differs from the cluster's own settings now. */
  get changes(): Readonly<Changes> {
    return this.current;
  }

  /**
   * Changes settings, beside what was changed before; a key that is undefined goes back to the cluster's own.
   * @throws OpsError with what Pulumi said
   */
  async change(changes: Changes): Promise<void> {
    // Noted first: of a change that fails halfway there is something to undo.
    this.current = { ...this.current, ...changes };
    const { stack } = this.cluster;
    const args = [
      "up",
      "--yes",
      "--skip-preview",
      "--non-interactive",
      "--stack",
      stack,
      "--config-file",
      this.write(),
    ];
    const done = await run("pulumi", args, { cwd: checkoutRoot, env: pulumiEnv(), timeout: 600_000 });
    if (done.code === 0) return;
    const said = `${done.stdout}\n${done.stderr}`.trim().split("\n").slice(-15).join("\n");
    throw new OpsError(`the settings of stack ${stack} could not be changed; \`npm run up\` fixes them:\n${said}`);
  }

  /** Gives the cluster its own settings back, if any was changed. */
  async restore(): Promise<void> {
    if (this.current.clock || this.current.parameters) await this.change({ clock: undefined, parameters: undefined });
  }

  /** @returns the file to run Pulumi with */
  private write(): string {
    const { clock, parameters } = this.current;
    if (!clock && !parameters) return this.file;
    const settings = parse(readFileSync(this.file, "utf8")) as { config: Record<string, unknown> };
    const config = { ...settings.config };
    if (clock) config["pgha:clock"] = clock;
    if (parameters) {
      const postgresql = (config["pgha:postgresql"] ?? {}) as { parameters?: object };
      config["pgha:postgresql"] = { ...postgresql, parameters: { ...postgresql.parameters, ...parameters } };
    }
    const copy = join(this.cluster.folder, `Pulumi.${this.cluster.stack}.yaml`);
    writePrivate(copy, stringify({ ...settings, config }));
    return copy;
  }
}
