import { isDeepStrictEqual } from "node:util";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse, stringify } from "yaml";
import { clocks, type Clock } from "../../components/clocks";
import { checkoutRoot, pulumiEnv } from "../../scripts/env";
import { writePrivate, type Cluster } from "../cluster";
import { OpsError } from "../errors";
import { run } from "../process";

/**
 * Timings that others ship, to be measured beside ours on the same machines under the same load. Patroni's and HAProxy's
 * are theirs; every other layer has this project's default, so that the difference is theirs alone.
 */
export const othersClocks = {
  /** vitabaks/autobase, roles patroni and haproxy: ttl 30, loop 10, retry 10, start 300; inter 3s fastinter 1s fall 3 rise 4. */
  autobase: {
    ...clocks.fast,
    ttl: 30,
    loopWait: 10,
    retryTimeout: 10,
    primaryStartTimeout: 300,
    checkInterval: 3000,
    checkFast: 1000,
    checkDown: 3000,
    fall: 3,
    rise: 4,
  },
  /** pgsty/pigsty, roles/pgsql/defaults/main.yml, `pg_rto: fast`. */
  "pigsty-fast": {
    ...clocks.fast,
    ttl: 20,
    loopWait: 5,
    retryTimeout: 5,
    primaryStartTimeout: 15,
    checkInterval: 1000,
    checkFast: 500,
    checkDown: 1000,
    fall: 3,
    rise: 3,
  },
  /** The same, `pg_rto: norm`, its default. */
  "pigsty-norm": {
    ...clocks.fast,
    ttl: 30,
    loopWait: 5,
    retryTimeout: 10,
    primaryStartTimeout: 25,
    checkInterval: 2000,
    checkFast: 1000,
    checkDown: 2000,
    fall: 3,
    rise: 3,
  },
} satisfies Record<string, Clock>;

/** Every clock a drill can run on, by name. */
export const drillClocks: Record<string, Clock> = { ...clocks, ...othersClocks };

/** The name of a clock; `custom` when it is none of ours. */
export const clockName = (clock: Clock) =>
  Object.entries(drillClocks).find(([, known]) => isDeepStrictEqual(known, clock))?.[0] ?? "custom";

/**
 * Gives a cluster another clock by `pulumi up`, from a copy of its stack's settings: the settings file itself stays as it
 * is, so that `npm run up` gives the cluster its own clock back.
 * @param settingsFile the stack's settings. @default Pulumi.STACK.yaml of this checkout
 * @param clock undefined: its own
 * @throws OpsError with what Pulumi said
 */
export async function applyClock(
  { stack, folder }: Cluster,
  clock: Clock | undefined,
  settingsFile = join(checkoutRoot, `Pulumi.${stack}.yaml`),
): Promise<void> {
  let file = settingsFile;
  if (clock) {
    const settings = parse(readFileSync(settingsFile, "utf8")) as { config: Record<string, unknown> };
    file = join(folder, `Pulumi.${stack}.yaml`);
    writePrivate(file, stringify({ ...settings, config: { ...settings.config, "pgha:clock": clock } }));
  }
  const args = ["up", "--yes", "--skip-preview", "--non-interactive", "--stack", stack, "--config-file", file];
  const { code, stdout, stderr } = await run("pulumi", args, { cwd: checkoutRoot, env: pulumiEnv(), timeout: 600_000 });
  if (code !== 0) {
    const said = `${stdout}\n${stderr}`.trim().split("\n").slice(-15).join("\n");
    throw new OpsError(`the clock of stack ${stack} could not be changed; \`npm run up\` puts it right:\n${said}`);
  }
}
