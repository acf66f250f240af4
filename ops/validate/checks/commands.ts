import { join } from "node:path";
import { askLeader, parseJson } from "../../ask";
import { run, type Finished } from "../../process";
import type { Status } from "../../status";
import { cluster, reached } from "../context";

/** Runs `pgha` as an operator does. */
const pgha = (...args: string[]): Promise<Finished> => {
  const [command, ...rest] = args;
  const script = join(__dirname, "..", "..", "pgha.cjs");
  return run(process.execPath, [script, command!, "--stack", cluster().stack, ...rest], { timeout: 60_000 });
};

async function succeeds(running: Promise<Finished>): Promise<string> {
  const { code, stdout, stderr } = await running;
  if (code !== 0) throw new Error(`exit code ${code}: ${stderr.trim()}`);
  return stdout;
}

describe("operational commands", () => {
  // All four at once: each takes its time to start.
  let status: Promise<Finished>;
  let logs: Promise<Finished>;
  let psql: Promise<Finished>;
  let switchover: Promise<Finished>;
  before(() => {
    status = pgha("status", "--json");
    logs = askLeader(reached()).then(({ name }) => pgha("logs", name, "-n", "5"));
    psql = pgha("psql", "--", "-XAtc", "SELECT 40 + 2");
    switchover = pgha("switchover", "--dry-run", "--json", "--wait", `${cluster().facts.clock.ttl + 5}`);
    // Whatever fails is reported by its own check.
    for (const running of [status, logs, psql, switchover]) running.catch(() => undefined);
  });

  it("status runs and its exit code says what it found", async () => {
    const { code, stdout, stderr } = await status;
    const found = parseJson<Status>(stdout);
    if (!found) throw new Error(`exit code ${code}: ${stderr.trim()}`);
    const named = [...found.etcd, ...found.database, ...found.proxies].length;
    if (named !== cluster().nodes.length) throw new Error(`names ${named} of ${cluster().nodes.length} nodes`);
    // A cluster that is not healthy is reported by exit code 1: the checks above say what is wrong with it.
    if (code !== (found.whole ? 0 : 1)) throw new Error(`exit code ${code}, though whole is ${found.whole}`);
  });

  it("logs shows the leader's journal", async () => {
    if ((await succeeds(logs)).trim() === "") throw new Error("printed nothing");
  });

  it("psql runs a query on the leader", async () => {
    const printed = (await succeeds(psql)).trim();
    if (printed !== "42") throw new Error(`printed '${printed}', expected 42`);
  });

  it("switchover --dry-run finds a standby that could take over", async () => {
    const plan = parseJson<{ from: string; to: string | null }>(await succeeds(switchover));
    if (!plan?.from || plan.to === undefined) throw new Error("did not say who would take over from whom");
  });
});
