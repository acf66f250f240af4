import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type * as tls from "@pulumi/tls";
import type { Plan } from "../../settings/plan";
import { tagsOf } from "./tags";

/** Name of the SSM parameter with the private half of a machine's SSH host key. */
export const hostKeyParameter = (cluster: string, node: string) => `/pgha/${cluster}/${node}/ssh-host-key`;

/** Who may take the role: EC2, for an instance. */
const trust = JSON.stringify({
  Version: "2012-10-17",
  Statement: [{ Effect: "Allow", Action: "sts:AssumeRole", Principal: { Service: "ec2.amazonaws.com" } }],
});

export interface IdentityArgs {
  plan: Plan;
  /** Whose it is, with the role it plays. */
  node: { name: string; role: string };
  hostKey: tls.PrivateKey;
}

/** What a machine is at AWS. */
export interface Identity {
  /** Name of its instance profile. */
  profile: pulumi.Output<string>;
  /** What must exist before it boots: it reads its host key once, before its SSH server starts. */
  before: pulumi.Resource[];
}

/**
 * A machine's identity at AWS. It may do one thing: read its own SSH host key, which is how that secret gets to it without
 * being in its user data. The parameter is encrypted with the account's key for SSM (`aws/ssm`), whose use goes with the right
 * to read it.
 */
export function identity(name: string, { plan, node, hostKey }: IdentityArgs, parent: pulumi.Resource): Identity {
  // Named after the cluster and the node: a second one of the name cannot exist while the first one does.
  const opts = { parent, deleteBeforeReplace: true };
  const own = `${plan.cluster}-${node.name}`;
  const tags = tagsOf(plan, node.name, node);
  const parameter = new aws.ssm.Parameter(
    `${name}-host-key`,
    {
      name: hostKeyParameter(plan.cluster, node.name),
      type: "SecureString",
      value: pulumi.secret(hostKey.privateKeyOpenssh),
      description: `SSH host key of ${own}`,
      tags,
    },
    opts,
  );
  const role = new aws.iam.Role(
    `${name}-role`,
    {
      name: own,
      assumeRolePolicy: trust,
      description: `${own}: reads its own SSH host key`,
      permissionsBoundary: plan.settings.aws!.permissionsBoundary,
      tags,
    },
    opts,
  );
  const policy = new aws.iam.RolePolicy(
    `${name}-policy`,
    {
      name: "read-own-host-key",
      role: role.name,
      policy: pulumi.jsonStringify({
        Version: "2012-10-17",
        Statement: [{ Effect: "Allow", Action: "ssm:GetParameter", Resource: parameter.arn }],
      }),
    },
    opts,
  );
  const profile = new aws.iam.InstanceProfile(`${name}-profile`, { name: own, role: role.name, tags }, opts);
  return { profile: profile.name, before: [parameter, policy] };
}
