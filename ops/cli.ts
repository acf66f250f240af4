import { Command, CommanderError, InvalidArgumentError } from "commander";
import type { Reached } from "./ask";
import { benchCommand, type BenchOptions } from "./bench/command";
import { loadCluster } from "./cluster";
import { drillCommand, type DrillOptions } from "./drill/command";
import { printEndpoints } from "./endpoints";
import { exitCode, messageOf, OpsError } from "./errors";
import { loadCommand, type LoadOptions } from "./load/command";
import { logsCommand, psqlCommand, sshCommand } from "./shell";
import { SshRunner } from "./ssh";
import { statusCommand } from "./status";
import { switchoverCommand, type SwitchoverOptions } from "./switchover/command";
import { validateCommand } from "./validate";

const exitCodes = `
Exit code: 0 done and good; 1 the answer is bad (not whole, a check failed, refused); 2 wrong usage or nothing reached.`;

const atLeast = (least: number) => (text: string) => {
  const value = Number(text);
  if (!Number.isFinite(value) || value < least) throw new InvalidArgumentError(`It must be a number from ${least}.`);
  return value;
};

const count = (text: string) => {
  if (!/^[1-9]\d*$/.test(text)) throw new InvalidArgumentError("It must be a whole number from 1.");
  return Number(text);
};

const commas = (text: string) => text.split(",").filter((name) => name !== "");

const numbers = (text: string) => commas(text).map(count);

/** Options every command may have. */
interface Common {
  stack: string;
  json?: boolean;
}

async function reach(stack: string): Promise<Reached> {
  const cluster = await loadCluster(stack);
  return { cluster, runner: new SshRunner(cluster) };
}

/** The commands. @param done gets the exit code of the command that ran */
export function program(done: (code: number) => void): Command {
  const pgha = new Command("pgha")
    .description("Looks after the clusters of this project. A cluster is known by its stack's outputs.")
    .addHelpText("after", `${exitCodes}\n\nExamples:\n  pgha status\n  pgha switchover --help`)
    .configureOutput({ outputError: (text, write) => write(text.replace(/^error: /, "pgha: ")) })
    .showHelpAfterError("`--help` shows how it is used")
    .enablePositionalOptions()
    .exitOverride();

  // One command: its name and arguments, what it does, examples for its help.
  const command = (usage: string, description: string, examples: string[], json = true) => {
    const made = pgha
      .command(usage)
      .description(description)
      .option("--stack <name>", "the cluster's stack", "dev")
      .addHelpText("after", `${exitCodes}\n\nExamples:\n${examples.map((example) => `  pgha ${example}`).join("\n")}`);
    return json ? made.option("--json", "print JSON") : made;
  };

  command(
    "status",
    "One screen about the cluster: members, roles, lag, etcd, proxies, certificates, all that is not whole.",
    ["status", "status --watch 5", "status --json | jq .warnings"],
  )
    .option("--watch [seconds]", "look again and again (every 2 seconds)", atLeast(0.5))
    .action(async ({ stack, json, watch }: Common & { watch?: number | true }) => {
      done(await statusCommand(await reach(stack), { json, watch: watch === true ? 2 : watch }));
    });

  command("validate", "Checks that the cluster does all it should; the check of failover switches over under load.", [
    "validate",
    "validate --quick",
    "validate --json | jq '.checks[] | select(.ok | not)'",
  ])
    .option("--quick", "leave out what disturbs the cluster (failover capability)")
    .action(async ({ stack, ...options }: Common & { quick?: boolean }) => {
      done(await validateCommand(await reach(stack), options));
    });

  command("switchover", "Hands the leader's role to a standby, after making sure that nothing speaks against it.", [
    "switchover",
    "switchover --to postgresql2 --yes",
    "switchover --wait 20",
    "switchover --dry-run",
  ])
    .option("--to <node>", "the standby that takes over (default: the one furthest ahead, which is quicker)")
    .option("--wait <s>", "how long to wait for open transactions and for the end of failsafe mode", atLeast(0), 1)
    .option("--force", "cut transactions that have been open for more than a second")
    .option("--yes", "do not ask")
    .option("--dry-run", "only say whether anything speaks against it")
    .action(async ({ stack, ...options }: Common & SwitchoverOptions) => {
      done(await switchoverCommand(await reach(stack), options));
    });

  command(
    "load",
    "Writes and reads as applications do, at a fixed rate, and compares every acknowledged write with the database.",
    ["load", "load --seconds 300 --pooled 200 --write 0", "load --json | jq .verification"],
  )
    .option("--seconds <s>", "how long", atLeast(1), 30)
    .option("--pooled <rate>", "writes a second through PgBouncer", atLeast(0), 60)
    .option("--write <rate>", "writes a second through HAProxy", atLeast(0), 40)
    .option("--read <rate>", "reads a second on the read port", atLeast(0), 30)
    .action(async ({ stack, ...options }: Common & LoadOptions) => {
      done(await loadCommand(await reach(stack), options));
    });

  command(
    "drill [faults...]",
    "Breaks the cluster on purpose, under load, one fault after the other; heals it, and tells what clients felt and " +
      "whether an acknowledged write was lost.",
    [
      "drill --list",
      "drill",
      "drill switchover power-off-leader --repeat 20 --html drill.html",
      "drill kill-postmaster --clock fast,classic,pigsty-fast --repeat 5",
      "drill random --seconds 14400 --json soak.json --html soak.html",
      "drill original",
    ],
    false,
  )
    .option("--list", "what there is to choose from, and what is expected of each")
    .option("--repeat <n>", "how often each fault is injected", count, 1)
    .option("--clock <names>", "clocks to compare, separated by commas (default: the cluster's own)", commas)
    .option("--seconds <s>", "begin no drill after so many seconds", atLeast(1))
    .option("--rate <n>", "writes a second while it goes on", atLeast(1), 100)
    .option("--seed <text>", "repeat a random sequence")
    .option("--json <file>", "write the report, anew after every drill, for machines")
    .option("--html <file>", "the same, for people")
    .option("--yes", "do not ask")
    .action(async (names: string[], { stack, ...options }: Common & DrillOptions) => {
      done(await drillCommand(await reach(stack), names, options));
    });

  command(
    "bench",
    "Throughput of pgbench on a proxy: straight to PostgreSQL, through HAProxy, through PgBouncer; as ratios.",
    ["bench", "bench --clients 16,64 --seconds 10 --repeat 5", "bench --json > bench.json"],
  )
    .option("--clients <counts>", "numbers of clients", numbers, [1, 16, 64, 256])
    .option("--seconds <s>", "length of each run", count, 5)
    .option("--repeat <n>", "how often each is run, interleaved", count, 3)
    .option("--scale <n>", "pgbench's scale factor", count, 10)
    .action(async ({ stack, ...options }: Common & BenchOptions) => {
      done(await benchCommand(await reach(stack), options));
    });

  command(
    "psql [args...]",
    "psql: as superuser on the leader, or from here as the application's user (pooled) or the owner (write). " +
      "Arguments for psql follow after --.",
    [
      "psql",
      "psql --app -- -c 'SELECT now()'",
      "psql --owner -- -f migration.sql",
      "psql --node postgresql2 -- -Atc 'SELECT pg_is_in_recovery()'",
    ],
    false,
  )
    .option("--node <node>", "the database node (default: the leader)")
    .option("--app", "as the application's user, through PgBouncer; the psql of this machine")
    .option("--owner", "as the owner of the database, through HAProxy; the psql of this machine")
    .action(
      async (args: string[], { stack, ...options }: Common & { node?: string; app?: boolean; owner?: boolean }) => {
        done(await psqlCommand(await reach(stack), options, args));
      },
    );

  command("logs <node>", "The journal of a node's daemons.", ["logs postgresql1", "logs haproxy1 -n 20 -f"])
    .option("-f, --follow", "go on with what comes")
    .option("-n, --lines <count>", "lines to show", atLeast(0), 100)
    .action(async (node: string, { stack, ...options }: Common & { follow?: boolean; lines: number }) => {
      done(await logsCommand(await loadCluster(stack), node, options));
    });

  command(
    "ssh <node> [command...]",
    "A shell on a node, or a command there, whose exit code becomes this one's.",
    ["ssh etcd1", "ssh postgresql1 sudo patronictl list", "ssh --stack dev haproxy1 uptime"],
    false,
  )
    .passThroughOptions()
    .action(async (node: string, args: string[], { stack }: Common) => {
      done(await sshCommand(await loadCluster(stack), node, args));
    });

  command("endpoints", "Where clients find the cluster.", ["endpoints", "endpoints --json"]).action(
    async ({ stack, json }: Common) => {
      await printEndpoints(stack, json);
      done(exitCode.ok);
    },
  );
  return pgha;
}

/** Runs `pgha` with these arguments (as in process.argv) and sets the exit code. */
export async function main(argv: string[]): Promise<void> {
  // Whoever reads the output may have had enough of it: `pgha status | head -n 1`.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit();
  });
  try {
    await program((code) => (process.exitCode = code)).parseAsync(argv);
  } catch (error) {
    process.exitCode = fail(error);
  }
}

function fail(error: unknown): number {
  // commander has shown its message, or the help, itself.
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCode.ok : exitCode.cannot;
  console.error(`pgha: ${messageOf(error)}`);
  if (!(error instanceof OpsError) && process.env.PGHA_DEBUG) console.error(error);
  return error instanceof OpsError ? error.code : exitCode.cannot;
}
