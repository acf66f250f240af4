import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Image } from "@aws-sdk/client-ec2";
import { isMap, isScalar, parseDocument, type Document } from "yaml";
import { debian } from "../components/aws/debian";
import { regionIn } from "../settings/aws/region";
import { checkoutRoot } from "./env";
import { askEc2 } from "./aws";
import { exitCode, messageOf, OpsError } from "./errors";

/** An image as it is shown. */
interface Found {
  id: string;
  name: string;
  /** ISO 8601. */
  created: string;
}

export interface ImageOptions {
  /** Change nothing: only say whether the pinned image is still there. */
  check?: boolean;
  json?: boolean;
}

/**
 * `pgha image`: pins the newest official Debian 13 image in a stack's settings, `pgha:aws.image`. Machines that exist keep theirs.
 * @param folder where the settings are. @default this checkout
 */
export async function imageCommand(stack: string, options: ImageOptions, folder = checkoutRoot): Promise<number> {
  const file = join(folder, `Pulumi.${stack}.yaml`);
  const { text, settings } = readSettings(file, stack);
  const region = regionOfStack(settings, stack);
  const pinned = settings.getIn(path) as string | undefined;
  const newest = await newestImage(region);
  const there = pinned === undefined ? undefined : await imageById(region, pinned);
  const written = !options.check && pinned !== newest.id;
  if (written) writeFileSync(file, withImage(text, settings, newest.id));
  const state = { stack, region, pinned: pinned ?? null, there: there ?? null, newest, written };
  console.log(options.json ? JSON.stringify(state, null, 2) : report(state));
  return options.check && !there ? exitCode.bad : exitCode.ok;
}

const section = ["config", "pgha:aws"];
const path = [...section, "image"];

/** What is said of an image; with `--json` it is printed as it stands. */
interface State {
  stack: string;
  region: string;
  /** What the settings say. */
  pinned: string | null;
  /** The same at AWS; null: it is not there, or not any more. */
  there: Found | null;
  newest: Found;
  written: boolean;
}

function report({ stack, region, pinned, there, newest, written }: State): string {
  const say = ({ id, name, created }: Found) => `${id}  ${name}, of ${created.slice(0, 10)}`;
  const was = there ? say(there) : pinned ? `${pinned}  does not exist in ${region}, or no longer` : "none";
  const outcome = written
    ? `Written to Pulumi.${stack}.yaml: machines that are made from now on boot it; those that exist keep theirs.`
    : pinned === newest.id
      ? "The newest is pinned."
      : `\`npx pgha image --stack ${stack}\` pins the newest.`;
  return [`pinned  ${was}`, `newest  ${say(newest)}`, outcome].join("\n");
}

/** The settings with another image, and not a character changed beside it. */
function withImage(text: string, settings: Document, id: string): string {
  const old = settings.getIn(path, true);
  if (isScalar(old) && old.range) return text.slice(0, old.range[0]) + id + text.slice(old.range[1]);
  const map = settings.getIn(section);
  const first = isMap(map) && isScalar(map.items[0]?.key) && map.items[0].key.range?.[0];
  if (!isMap(map) || typeof first !== "number") throw new OpsError("the section pgha:aws is empty");
  const indent = " ".repeat(first - (text.lastIndexOf("\n", first) + 1));
  return `${text.slice(0, first)}image: ${id}${map.flow ? ", " : `\n${indent}`}${text.slice(first)}`;
}

function readSettings(file: string, stack: string): { text: string; settings: Document } {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new OpsError(`the settings of stack '${stack}' cannot be read: ${messageOf(error)}`);
  }
  const settings = parseDocument(text);
  if (settings.errors[0]) throw new OpsError(`Pulumi.${stack}.yaml is not YAML: ${settings.errors[0].message}`);
  if (!isMap(settings.getIn(section)))
    throw new OpsError(`Pulumi.${stack}.yaml has no section pgha:aws: an image is for stacks on AWS only`);
  return { text, settings };
}

function regionOfStack(settings: Document, stack: string): string {
  const region = regionIn(settings.getIn(["config", "aws:region"]));
  if (region !== undefined) return region;
  throw new OpsError(`no region: write aws:region into Pulumi.${stack}.yaml, or set AWS_REGION`);
}

const found = ({ ImageId = "", Name = "", CreationDate = "" }: Image): Found => ({
  id: ImageId,
  name: Name,
  created: CreationDate,
});

async function newestImage(region: string): Promise<Found> {
  const { Images = [] } = await askEc2(region, "ec2:DescribeImages", (client, { DescribeImagesCommand }) =>
    client.send(
      new DescribeImagesCommand({
        Owners: [debian.account],
        Filters: Object.entries(debian.filters).map(([name, value]) => ({ Name: name, Values: [value] })),
      }),
    ),
  );
  const [newest] = Images.map(found).sort((a, b) => b.created.localeCompare(a.created));
  if (!newest)
    throw new OpsError(`AWS has no image ${debian.filters.name} of Debian's (${debian.account}) in ${region}`);
  return newest;
}

/** @returns undefined when there is no such image, or no more */
async function imageById(region: string, id: string): Promise<Found | undefined> {
  // By a filter: an id that is gone is then an empty answer and no error.
  const { Images = [] } = await askEc2(region, "ec2:DescribeImages", (client, { DescribeImagesCommand }) =>
    client.send(new DescribeImagesCommand({ Filters: [{ Name: "image-id", Values: [id] }] })),
  );
  return Images.map(found)[0];
}
