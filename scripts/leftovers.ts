/**
 * `npm run leftovers -- --stack NAME [--wait SECONDS]`: whether anything of a stack on AWS is still there after its `destroy`,
 * whatever Pulumi knows of it. Lists what is, and fails.
 */
import { parseArgs } from "node:util";
import { clientsOf, findLeftovers } from "./leftovers/find";
import { SetupError } from "./setup/step";
import { main, stackSettings } from "./stack";

/** What is being deleted goes within a minute or two; AWS's lists of tags are late by about as much. */
const defaultWait = 300;

const pause = (seconds: number) => new Promise((resume) => setTimeout(resume, seconds * 1000));

function readArguments(args: string[]): { stack: string; wait: number } {
  const usage = "Usage: npm run leftovers -- --stack NAME [--wait SECONDS]";
  try {
    const { values } = parseArgs({
      args,
      options: { stack: { type: "string", short: "s" }, wait: { type: "string" } },
    });
    const wait = Number(values.wait ?? defaultWait);
    if (!values.stack || !(wait >= 0)) throw new Error("--stack takes a stack's name, --wait a number of seconds");
    return { stack: values.stack, wait };
  } catch (error) {
    throw new SetupError(`${(error as Error).message}\n${usage}`);
  }
}

main(async (args) => {
  const { stack, wait } = readArguments(args);
  const { name, aws } = stackSettings(stack);
  if (!aws) throw new SetupError(`The stack ${stack} is not on AWS; npm run destroy leaves nothing of it.`);
  const clients = clientsOf(aws.region);
  const deadline = Date.now() + wait * 1000;
  let left = await findLeftovers(clients, name);
  while (left.length > 0 && Date.now() < deadline) {
    await pause(10);
    left = await findLeftovers(clients, name);
  }
  if (left.length === 0) {
    console.log(`Nothing of ${name} is left in ${aws.region}.`);
    return 0;
  }
  console.error(`Left of ${name} in ${aws.region}, ${left.length} in all:`);
  for (const line of left) console.error(`  ${line}`);
  return 1;
});
