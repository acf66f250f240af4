/** The most that a machine of a cluster may ever do, whatever its role says: what `aws.permissionsBoundary` names. */
import { hostKeyParameter } from "../../components/aws/identity";
import type { Deployment } from "./deployment";
import { allow, policy, type Policy } from "../../settings/aws/policy-document";

/**
 * Who makes roles could give them any right. A boundary is what keeps that from being of use: a role can do what it *and* its
 * boundary allow, so that even a role made by a thief of the deployer's credentials reads this cluster's host keys and no more.
 */
export const nodeBoundary = ({ settings, account }: Deployment): Policy =>
  policy([
    allow(
      "OwnHostKeys",
      "ssm:GetParameter",
      `arn:aws:ssm:${settings.aws!.region}:${account}:parameter${hostKeyParameter(settings.name, "*")}`,
    ),
  ]);
