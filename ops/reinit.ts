import { setTimeout as pause } from "node:timers/promises";
import { dataDirectory } from "../cloud-init/services/patroni/files";
import { patroniCurl, type Reached } from "./ask";
import { nodeNamed } from "./cluster";
import { confirmed } from "./confirm";
import { askDecision } from "./decide";
import { exitCode, OpsError } from "./errors";
import { Refused } from "./refusal";
import { getStatus } from "./status";
import { leaveTrail } from "./trail";

/** How long a copy may stand still, seconds. */
const patience = 180;
/** Pause between two looks, milliseconds. */
const lookEvery = 1000;

/** `pgha reinit NODE`. */
export async function reinitCommand(reached: Reached, name: string, options: { yes?: boolean }): Promise<number> {
  const { cluster, runner } = reached;
  const { go, reasons } = await askDecision(reached, "reinit", name);
  if (!go) throw new Refused("reinit", reasons);
  const question = `Delete the data of ${name}, and copy that of the leader to it? Writes go on.`;
  if (!options.yes && !(await confirmed(question, "a reinit"))) {
    console.log("Nothing was changed.");
    return exitCode.bad;
  }
  await leaveTrail(reached, [name], `copies the database to ${name} again`);
  const body = `-H 'Content-Type: application/json' -d '{"force": true}'`;
  const ask = patroniCurl(nodeNamed(cluster, name), "/reinitialize", `-f --max-time 10 -X POST ${body}`);
  const { code, stderr, unreachable } = await runner.run(name, ask, { timeout: 15_000 });
  if (code !== 0) {
    const why = unreachable ?? (stderr.trim().split("\n").at(-1) || `exit code ${code}`);
    throw new OpsError(`Patroni did not begin: ${why}; \`pgha logs ${name}\` shows more`, exitCode.bad);
  }
  const seconds = await becomesCopied(reached, name);
  console.log(`${name} streams from the leader again, after ${seconds.toFixed(1)} s.`);
  return exitCode.ok;
}

/** Waits until a node streams, for as long as its copy gets on. @returns seconds */
async function becomesCopied(reached: Reached, name: string): Promise<number> {
  const started = performance.now();
  let last = "";
  let told = started;
  let begun = false;
  for (let moved = started; performance.now() - moved < patience * 1000; await pause(lookEvery)) {
    const node = (await getStatus(reached)).database.find((one) => one.name === name);
    // What the node has left in etcd says "streaming" for a moment more.
    begun ||= node?.state !== "streaming";
    if (begun && node?.state === "streaming" && node.problem === null) return (performance.now() - started) / 1000;
    const { stdout } = await reached.runner.run(name, `du -s --block-size=1M ${dataDirectory} | cut -f1`);
    const size = stdout.trim();
    if (size && size !== last) [last, moved] = [size, performance.now()];
    if (performance.now() - told < 10_000) continue;
    told = performance.now();
    console.log(`${name} has ${last} MiB so far (${node?.state ?? "state unknown"}).`);
  }
  throw new OpsError(
    `${name} has got nothing new for ${patience} s and does not stream; \`pgha logs ${name}\` shows more`,
    exitCode.bad,
  );
}
