/** For whom rights are written: a cluster, and where it and its state are. */
import type { Settings } from "../../settings/schema";

export interface Deployment {
  settings: Settings;
  /** Name of the Pulumi stack. */
  stack: string;
  /** Number of the AWS account. */
  account: string;
  /** S3 bucket of the state; undefined when it is elsewhere. */
  bucket?: string;
  /** ARN of the KMS key that encrypts the secrets in the state; undefined when a passphrase does. */
  stateKey?: string;
  /** Id of the cluster's own VPC, once it exists. */
  vpc?: string;
  /** Id of its DNS zone, once it exists. Needed with `aws.dns` only. */
  zone?: string;
}

/** What stands for what is only known in an account of your own. */
export const placeholders = {
  account: "YOUR-ACCOUNT",
  bucket: "YOUR-STATE-BUCKET",
  stateKey: "arn:aws:kms:us-east-1:YOUR-ACCOUNT:key/YOUR-STATE-KEY",
  vpc: "YOUR-VPC",
  zone: "YOUR-ZONE",
};

/** The policy that bounds the machines' roles: what the settings name, else one of this name. */
export const boundaryOf = ({ settings, account }: Deployment): string =>
  settings.aws!.permissionsBoundary ?? `arn:aws:iam::${account}:policy/${settings.name}-node-boundary`;
