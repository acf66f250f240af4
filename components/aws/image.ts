import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { AwsSettings } from "../../settings/sections/aws";
import { debian } from "./debian";

const filter = (name: string, value: string) => ({ name, values: [value] });

/** How the image is looked up: the one that the settings pin, else the newest official one. */
export function imageQuery({ image }: Pick<AwsSettings, "image">): aws.ec2.GetAmiArgs {
  // A pinned image may be past its deprecation date: it still boots.
  if (image) return { filters: [filter("image-id", image)], includeDeprecated: true };
  return {
    owners: [debian.account],
    mostRecent: true,
    filters: Object.entries(debian.filters).map(([name, value]) => filter(name, value)),
  };
}

/** Id of the image that new machines are made from. Existing ones keep theirs. */
export function imageId(settings: Pick<AwsSettings, "image">): pulumi.Output<string> {
  return settings.image ? pulumi.output(settings.image) : aws.ec2.getAmiOutput(imageQuery(settings)).id;
}
