import { Command, CommanderError } from "commander";
import { benchCommand, type BenchOptions } from "./bench/command";
import { envCommand, type EnvOptions } from "./clients/command";
import { kinds } from "./clients/kinds";
import { loadCluster } from "./cluster";
import { drillCommand, type DrillOptions } from "./drill/command";
import { formatEndpoints } from "./endpoints";
import { exitCode, messageOf, OpsError } from "./errors";
import { imageCommand, type ImageOptions } from "./image";
import { loadCommand, type LoadOptions } from "./load/command";
import { migrateCommand, type MigrateOptions } from "./migrate";
import { atLeast, commas, count, numbers } from "./options";
import { reach, reachNodes, reachAsClient, type AsClient, type Common } from "./reach";
import { reinitCommand } from "./reinit";
import { restartCommand } from "./restart";
import { afterNode, logsCommand, psqlCommand, sshCommand, type PsqlOptions } from "./shell";
import { statusCommand } from "./status";
import { switchoverCommand, type SwitchoverOptions } from "./switchover/command";
import { tunnelCommand } from "./tunnel";
import { validateCommand, type ValidateOptions } from "./validate/command";

const exitCodes = `
Exit code: 0 done and good; 1 the answer is bad (not healthy, a check failed, refused); 2 wrong usage or nothing reached.`;

/** The commands. @param done gets the exit code of the command that ran */
export function program(done: (code: number) => void): Command {
  const pgha = new Command("pgha")
    .description("Operates the clusters of this project. It knows a cluster by its stack's outputs.")
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
  const direct = ["--direct", "connect to private addresses without a tunnel through the bastion"] as const;

  command(
    "status",
    "One screen about the cluster: members, roles, lag, etcd, proxies, certificates, and every problem.",
    ["status", "status --watch 5", "status --json | jq .warnings"],
  )
    .option("--watch [seconds]", "look again and again (every 2 seconds)", atLeast(0.5))
    .action(async ({ stack, json, watch }: Common & { watch?: number | true }) => {
      done(await statusCommand(await reachNodes(stack), { json, watch: watch === true ? 2 : watch }));
    });

  command("validate", "Checks that the cluster does all it should; the failover check switches over under load.", [
    "validate",
    "validate --quick",
    "validate --json | jq '.checks[] | select(.ok | not)'",
  ])
    .option("--quick", "leave out what disturbs the cluster (failover capability)")
    .option(...direct)
    .action(async (options: AsClient & ValidateOptions) => {
      done(await validateCommand(await reachAsClient(options), options));
    });

  command("switchover", "Hands the leader's role to a standby, after making sure that nothing prevents it.", [
    "switchover",
    "switchover --to postgresql2 --yes",
    "switchover --wait 20",
    "switchover --dry-run",
  ])
    .option("--to <node>", "the standby that takes over (default: the one furthest ahead, which is quicker)")
    .option("--wait <s>", "how long to wait for open transactions and for the end of failsafe mode", atLeast(0), 1)
    .option("--force", "cut transactions that have been open for more than a second")
    .option("--yes", "do not ask")
    .option("--dry-run", "only say whether anything prevents it")
    .action(async ({ stack, ...options }: Common & SwitchoverOptions) => {
      done(await switchoverCommand(await reach(stack), options));
    });

  command(
    "restart",
    "Restarts PostgreSQL where a changed setting waits for it: standbys one by one, the leader last and after a switchover.",
    ["restart", "restart --yes"],
    false,
  )
    .option("--yes", "do not ask")
    .action(async ({ stack, ...options }: Common & { yes?: boolean }) => {
      done(await restartCommand(await reach(stack), options));
    });

  command(
    "reinit <node>",
    "Deletes a standby's data and copies the leader's to it: for one whose data is damaged, or that cannot follow any more.",
    ["reinit postgresql2", "reinit postgresql2 --yes"],
    false,
  )
    .option("--yes", "do not ask")
    .action(async (node: string, { stack, ...options }: Common & { yes?: boolean }) => {
      done(await reinitCommand(await reach(stack), node, options));
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
    .option(...direct)
    .action(async (options: AsClient & LoadOptions) => {
      done(await loadCommand(await reachAsClient(options), options));
    });

  command(
    "drill [faults...]",
    "Breaks the cluster on purpose, under load, one fault after the other; heals it, and reports what clients felt and " +
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
    .option("--list", "list the faults, and what is expected of each")
    .option("--repeat <n>", "how often each fault is injected", count, 1)
    .option("--clock <names>", "clocks to compare, separated by commas (default: the cluster's own)", commas)
    .option("--seconds <s>", "begin no drill after this many seconds", atLeast(1))
    .option("--rate <n>", "writes a second while it goes on", atLeast(1), 100)
    .option("--seed <text>", "repeat a random sequence")
    .option("--json <file>", "write the report as JSON; rewritten after every drill")
    .option("--html <file>", "the same, for people")
    .option("--yes", "do not ask")
    .option(...direct)
    .action(async (names: string[], options: AsClient & DrillOptions) => {
      done(await drillCommand(await (options.list ? reach(options.stack) : reachAsClient(options)), names, options));
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
    .option(...direct)
    .action(async (args: string[], options: AsClient & PsqlOptions) => {
      const asClient = options.app || options.owner;
      done(await psqlCommand(await (asClient ? reachAsClient(options) : reach(options.stack)), options, args));
    });

  command(
    "tunnel",
    "Keeps the proxies' ports open on 127.0.0.1, through the bastion, for psql and other programs of this machine.",
    ["tunnel --stack staging", "tunnel --stack staging --port 16432"],
  )
    .option("--port <n>", "the first local port; the others follow (default: any that are free)", count)
    .action(async ({ stack, ...options }: Common & { port?: number }) => {
      await tunnelCommand(await loadCluster(stack), options);
    });

  command("logs <node>", "The journal of a node's daemons.", ["logs postgresql1", "logs haproxy1 -n 20 -f"])
    .option("-f, --follow", "follow: show new lines as they come")
    .option("-n, --lines <count>", "lines to show", atLeast(0), 100)
    .action(async (node: string, { stack, ...options }: Common & { follow?: boolean; lines: number }) => {
      done(await logsCommand(await loadCluster(stack), node, options));
    });

  command(
    "ssh <node> [command...]",
    "A shell on a node, or a command there, whose exit code becomes this one's.",
    [
      "ssh etcd1",
      "ssh postgresql1 sudo patronictl -c /etc/patroni/patroni.yml list",
      "ssh haproxy1 --stack staging -- uptime",
    ],
    false,
  )
    .passThroughOptions()
    .action(async (node: string, args: string[], { stack }: Common) => {
      const given = afterNode(args, stack);
      done(await sshCommand(await loadCluster(given.stack), node, given.command));
    });

  command(
    "image",
    "Pins the newest official Debian 13 image of AWS in a stack's settings; machines that exist keep theirs.",
    ["image --stack staging", "image --stack prod --check"],
  )
    .option("--check", "change nothing: say whether the pinned image still exists")
    .action(async ({ stack, ...options }: Common & ImageOptions) => {
      done(await imageCommand(stack, options));
    });

  command("endpoints", "Where clients find the cluster.", ["endpoints", "endpoints --json"]).action(
    async ({ stack, json }: Common) => {
      const { cluster, endpoints } = await reachNodes(stack);
      console.log(json ? JSON.stringify(endpoints, null, 2) : formatEndpoints(cluster, endpoints));
      done(exitCode.ok);
    },
  );

  command(
    "env",
    `What a client needs to connect, as variables for a shell or a .env file. Clients: ${kinds.map(({ name }) => name).join(", ")}.`,
    [
      'env                  # eval "$(npx pgha env)"; psql',
      "env --for prisma >> .env",
      "env --for jdbc --show-secrets",
    ],
    false,
  )
    .option("--for <client>", "the client", "libpq")
    .option("--role <name>", "who logs in: app, owner, or a role's own name", "app")
    .option("--show-secrets", "print the password (default: it is in a file that only you can read)")
    .action(async ({ stack, ...options }: Common & EnvOptions) => {
      envCommand(await loadCluster(stack), options);
      done(exitCode.ok);
    });

  command(
    "migrate <command...>",
    "Runs a migration tool with the owner's connection in its environment (DATABASE_URL, PG..., FLYWAY_...), straight to the " +
      "leader, and has every PgBouncer connect anew afterwards. The command follows after --; its exit code becomes this one's.",
    [
      "migrate -- npx node-pg-migrate up",
      "migrate --for prisma -- npx prisma migrate deploy",
      "migrate --for sqlalchemy -- alembic upgrade head",
      "migrate -- python manage.py migrate",
      "migrate -- psql -f migration.sql",
    ],
    false,
  )
    .option("--for <client>", "the client whose form DATABASE_URL has, as of `pgha env`", "node")
    .option("--role <name>", "who logs in: owner, or a role's own name", "owner")
    .option(...direct)
    .action(async (args: string[], options: AsClient & MigrateOptions) => {
      done(await migrateCommand(await reachAsClient(options), options, args));
    });
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
