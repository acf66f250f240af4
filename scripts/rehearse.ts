/**
 * `npm run rehearse -- NAME...`: whole lives of a stack without an AWS account, one after the other. Pulumi's engine and the program
 * are the real ones; AWS is moto, and its machines are containers on this host.
 */
import { keepRequests } from "../simulator/cloud/iam/kept";
import type { Life } from "./rehearsal/life";
import { lives } from "./rehearsal/lives";
import { Rehearsal } from "./rehearsal/rehearsal";
import { setup } from "./setup";
import { SetupError } from "./setup/step";
import { main } from "./stack";

/** Ends by a signal as by an error: everything is taken away first. */
function interrupted(): Promise<never> {
  return new Promise((_, reject) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.once(signal, () => reject(new SetupError(`ended by ${signal}`)));
    }
  });
}

const say = (text: string) => console.log(`${new Date().toTimeString().slice(0, 8)}  ${text}`);

async function timed<T>(what: string, work: Promise<T>): Promise<T> {
  const started = Date.now();
  const result = await work;
  say(`${what} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
  return result;
}

async function play(name: string, { of, shape, steps }: Life): Promise<void> {
  const rehearsal = await timed(`${name}: an AWS on this machine, and a stack as ${of} is`, Rehearsal.begin(of, shape));
  const stop = interrupted();
  try {
    for (const [what, work] of steps) {
      const failed = (error: Error) => Promise.reject(new SetupError(`${what}: ${error.message}`));
      await Promise.race([timed(what, work(rehearsal)).catch(failed), stop]);
    }
    // Of the whole life only: what a broken one did not ask would be missed.
    if (name === "staging") keepRequests(rehearsal.cloud.authorization.requests);
  } finally {
    await timed("removed what was left", rehearsal.end());
  }
}

function usage(): string {
  const width = Math.max(...Object.keys(lives).map((name) => name.length));
  const list = Object.entries(lives).map(
    ([name, { about }]) => `  ${name.padEnd(width)}  ${about.replaceAll("`", "")}`,
  );
  return ["Usage: npm run rehearse -- NAME...", ...list].join("\n");
}

main(async (names) => {
  if (names.length === 0 || names.some((name) => !Object.hasOwn(lives, name))) throw new SetupError(usage());
  await setup();
  for (const name of names) await play(name, lives[name]!);
  return 0;
});
