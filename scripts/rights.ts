/**
 * `npm run rights -- --stack NAME --account NUMBER ...`: the rights that whoever deploys a stack on AWS needs, and the boundary of
 * its machines' roles, as policies for IAM. Written after the stack's settings: what they do not ask for is not allowed.
 */
import { parseArgs } from "node:util";
import { join } from "node:path";
import { placeholders } from "./rights/deployment";
import { writeDocuments } from "./rights/files";
import { SetupError } from "./setup/step";
import { main, stackSettings } from "./stack";
import { stateDir } from "../ops/env";

const usage =
  "Usage: npm run rights -- --stack NAME --account NUMBER [--bucket NAME] [--state-key ARN] [--vpc ID] [--zone ID] [--out FOLDER]";

function readArguments(args: string[]) {
  try {
    const text = { type: "string" } as const;
    const options = { account: text, bucket: text, "state-key": text, vpc: text, zone: text, out: text };
    const { values } = parseArgs({ args, options: { ...options, stack: { type: "string", short: "s" } } });
    const { stack, account, "state-key": stateKey, out, ...more } = values;
    if (!stack) throw new Error("--stack takes a stack's name");
    if (!/^\d{12}$/.test(account ?? "")) throw new Error("--account takes the number of the AWS account, 12 digits");
    return { ...more, stack, account: account!, stateKey, out: out ?? join(stateDir, "rights", stack) };
  } catch (error) {
    throw new SetupError(`${(error as Error).message}\n${usage}`);
  }
}

main(async (args) => {
  const { out, ...of } = readArguments(args);
  const settings = stackSettings(of.stack);
  if (!settings.aws) throw new SetupError(`The stack ${of.stack} is not on AWS: it needs no rights there.`);
  writeDocuments({ ...of, settings }, out);
  console.log(
    `${out} has deployer-policy.json, deployer-policy-ec2.json, deployer-policy-iam.json and node-boundary.json for ${settings.name}.`,
  );
  const { dns, vpc } = settings.aws;
  const missing = [vpc || of.vpc ? [] : "--vpc", !dns || of.zone ? [] : "--zone"].flat();
  if (missing.length > 0) {
    const places = missing.map((flag) => placeholders[flag === "--vpc" ? "vpc" : "zone"]);
    console.log(`They want ${missing.join(" and ")}, once there is one (${places.join(", ")} until then).`);
  }
  return 0;
});
