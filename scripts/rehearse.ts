/**
 * `npm run rehearse -- staging|prod`: a whole life of that stack without an AWS account. Pulumi's engine and the program are the real
 * ones; AWS is moto, and its machines are containers on this host.
 */
import { keepRequests } from "../simulator/cloud/iam/kept";
import { Rehearsal } from "./rehearsal/rehearsal";
import type { RawSettings } from "../simulator/stack";
import { setup } from "./setup";
import { SetupError } from "./setup/step";
import { main } from "./stack";

const stacks = ["staging", "prod"] as const;
type Stack = (typeof stacks)[number];

type RehearsalStep = [what: string, work: (rehearsal: Rehearsal) => Promise<void>];

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

/** A change of a setting that PgBouncer reads, and no other. */
const poolChange: RehearsalStep = [
  "pool.size 40: shows, and is, a change of the proxies alone",
  (rehearsal) =>
    rehearsal.changes(
      { pool: { ...rehearsal.stack.setting<RawSettings>("pool"), size: 40 } },
      numbers(rehearsal.stack.setting<{ haproxy: number }>("nodes").haproxy).map((n) => `haproxy${n}`),
    ),
];

const unprotect: RehearsalStep = [
  "aws.protect false: what a reviewed commit would change",
  async ({ stack }) => {
    stack.set({ aws: { ...stack.setting<RawSettings>("aws"), protect: false } });
    await stack.up();
  },
];

const life: Record<Stack, RehearsalStep[]> = {
  staging: [
    ["up", (rehearsal) => rehearsal.up()],
    ["the validation suite passes", (rehearsal) => rehearsal.isWhole()],
    ["a second up changes nothing", (rehearsal) => rehearsal.staysAsItIs()],
    poolChange,
    ["a recreated machine finds its data", (rehearsal) => rehearsal.remakesAMachine()],
    ["destroy leaves nothing", (rehearsal) => rehearsal.leavesNothing()],
  ],
  prod: [
    ["up", (rehearsal) => rehearsal.up()],
    ["the validation suite passes", (rehearsal) => rehearsal.isWhole()],
    ["a second up changes nothing", (rehearsal) => rehearsal.staysAsItIs()],
    ["refuses to be destroyed", (rehearsal) => rehearsal.refusesToBeDestroyed()],
    unprotect,
    ["destroy leaves nothing", (rehearsal) => rehearsal.leavesNothing()],
  ],
};

/** Ends by a signal as by an error: everything is taken away first. */
function interrupted(): Promise<never> {
  return new Promise((_, reject) => {
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
      process.once(signal, () => reject(new SetupError(`ended by ${signal}`)));
    }
  });
}

async function play(stack: Stack): Promise<void> {
  const say = (text: string) => console.log(`${new Date().toTimeString().slice(0, 8)}  ${text}`);
  const timed = async <T>(what: string, work: Promise<T>): Promise<T> => {
    const started = Date.now();
    const result = await work;
    say(`${what} (${((Date.now() - started) / 1000).toFixed(1)} s)`);
    return result;
  };
  const rehearsal = await timed(`an AWS on this machine, and a stack as ${stack} is`, Rehearsal.begin(stack));
  const stop = interrupted();
  try {
    for (const [what, work] of life[stack]) {
      const failed = (error: Error) => Promise.reject(new SetupError(`${what}: ${error.message}`));
      await Promise.race([timed(what, work(rehearsal)).catch(failed), stop]);
    }
    // Of the whole life only: what a broken one did not ask would be missed.
    if (stack === "staging") keepRequests(rehearsal.cloud.authorization.requests);
  } finally {
    await timed("removed what was left", rehearsal.end());
  }
}

main(async ([stack, ...more]) => {
  if (!stacks.includes(stack as Stack) || more.length > 0) {
    throw new SetupError(`Usage: npm run rehearse -- ${stacks.join("|")}`);
  }
  await setup();
  await play(stack as Stack);
  return 0;
});
