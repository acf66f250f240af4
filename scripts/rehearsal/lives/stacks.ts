/** The stacks as their files have them. */
import type { RawSettings } from "../../../simulator/stack";
import { nothingLeft, stays, up, whole, type Life, type Step } from "../life";
import { remakesAMachine } from "../nodes";

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

/** A change of a setting that PgBouncer reads, and no other. */
const poolChange: Step = [
  "pool.size 40: shows, and is, a change of the proxies alone",
  (rehearsal) =>
    rehearsal.changes(
      { pool: { ...rehearsal.stack.setting<RawSettings>("pool"), size: 40 } },
      numbers(rehearsal.stack.setting<{ haproxy: number }>("nodes").haproxy).map((n) => `haproxy${n}`),
    ),
];

const unprotect: Step = [
  "aws.protect false: what a reviewed commit would change",
  async (rehearsal) => {
    rehearsal.stack.set(rehearsal.withAws({ protect: false }));
    await rehearsal.up();
  },
];

export const staging: Life = {
  about: "the stack `staging`: `up`, a changed setting, a recreated machine that finds its data",
  of: "staging",
  steps: [up, whole, stays, poolChange, ["a recreated machine finds its data", remakesAMachine], nothingLeft],
};

export const prod: Life = {
  about: "the stack `prod`: `up`, refuses to be destroyed until a change of the settings lets it",
  of: "prod",
  steps: [
    up,
    whole,
    stays,
    ["refuses to be destroyed", (rehearsal) => rehearsal.refusesToBeDestroyed()],
    unprotect,
    nothingLeft,
  ],
};
