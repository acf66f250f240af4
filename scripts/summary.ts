/**
 * `npm run summary -- [--stack NAME] [--out FILE] [-- FLAGS FOR PULUMI]`: what `up` would do to each node, as Markdown for a pull
 * request. `--expect-no-changes` makes every change a failure, with `--unless-gone` but for a stack of which nothing is left.
 * `--golden FILE` makes the summary of a diff of the golden files instead, and needs no stack.
 */
import { readFileSync, writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { oneAtATime } from "../policy/one-at-a-time";
import { policyFlags } from "./policy";
import { setup } from "./setup";
import { SetupError } from "./setup/step";
import { main, stackDriver } from "./stack";
import type { Preview } from "./summary/events";
import { goldenMarkdown } from "./summary/golden";
import { summaryMarkdown } from "./summary/markdown";
import { previewOf } from "./summary/preview";

/** Exit code when there are changes and none were expected: apart from 1, a preview that failed. */
const unexpected = 3;

const options = {
  stack: { type: "string", short: "s", default: "dev" },
  out: { type: "string" },
  golden: { type: "string" },
  "expect-no-changes": { type: "boolean", default: false },
  "unless-gone": { type: "boolean", default: false },
} as const;

const usage = `Usage: npm run summary -- [--stack NAME] [--out FILE] [--expect-no-changes [--unless-gone]] [-- FLAGS FOR PULUMI]
       npm run summary -- --golden FILE [--out FILE]`;

function readArguments(args: string[]) {
  const end = args.indexOf("--");
  const [own, extra] = end < 0 ? [args, []] : [args.slice(0, end), args.slice(end + 1)];
  try {
    return { ...parseArgs({ args: own, options }).values, extra };
  } catch (error) {
    throw new SetupError(`${(error as Error).message}\n${usage}`);
  }
}

main(async (args) => {
  const wanted = readArguments(args);
  const { stack, out, golden, extra } = wanted;
  const give = (markdown: string) => (out ? writeFileSync(out, markdown) : process.stdout.write(markdown));
  if (golden !== undefined) {
    give(goldenMarkdown(readFileSync(golden, "utf8")));
    return 0;
  }
  const driver = stackDriver(stack);
  await setup({ driver });
  const result = await previewOf(stack, [...(driver === "aws" ? policyFlags : []), ...extra]);
  const mayBeGone = !wanted["expect-no-changes"] || wanted["unless-gone"];
  if (!result) {
    give(`### ${stack}: nothing exists yet\n\nThe backend has no such stack; the first \`up\` makes it.\n`);
    return mayBeGone ? 0 : unexpected;
  }
  const { preview, printed } = result;
  if (out) console.log(printed);
  give(summaryMarkdown(stack, preview, printed));
  if (!preview.ok || oneAtATime(preview.engineSteps, stack).length > 0) return 1;
  const drifted = wanted["expect-no-changes"] && preview.steps.length > 0 && !(mayBeGone && isGone(preview));
  return drifted ? unexpected : 0;
});

/** Whether all of it would have to be made. */
const isGone = ({ steps, unchanged }: Preview) =>
  unchanged === 0 && steps.every(({ operation }) => operation === "create");
