/** What the deployer may do in IAM: make the machines' roles, which can never do more than their boundary says. */
import { roles } from "../../settings/roles";
import { boundaryOf, type Deployment } from "./deployment";
import { allow, policy, type Policy } from "../../settings/aws/policy-document";

/** Nodes have one digit at most: `?` keeps a cluster with a longer name out. */
export function deployerInIam(of: Deployment): Policy {
  const { name } = of.settings;
  const machines = [...roles.map((role) => `${name}-${role}?`), `${name}-bastion`];
  const iam = (...calls: string[]) => calls.map((call) => `iam:${call}`);
  const all = (kind: string) => machines.map((machine) => `arn:aws:iam::${of.account}:${kind}/${machine}`);
  const bounded = { StringEquals: { "iam:PermissionsBoundary": boundaryOf(of) } };
  return policy([
    allow("Look", iam("ListInstanceProfiles", "ListRoles"), "*"),
    // Nothing that gives a right to a role without the boundary; nothing that takes a boundary away, or changes who may be it.
    allow(
      "RolesWithinTheBoundary",
      iam("CreateRole", "PutRolePermissionsBoundary", "PutRolePolicy"),
      all("role"),
      bounded,
    ),
    allow(
      "Roles",
      iam(
        "DeleteRole",
        "DeleteRolePolicy",
        "GetRole",
        "GetRolePolicy",
        "ListAttachedRolePolicies",
        "ListInstanceProfilesForRole",
        "ListRolePolicies",
        "ListRoleTags",
        "TagRole",
        "UntagRole",
        "UpdateRoleDescription",
      ),
      all("role"),
    ),
    allow(
      "InstanceProfiles",
      iam(
        "AddRoleToInstanceProfile",
        "CreateInstanceProfile",
        "DeleteInstanceProfile",
        "GetInstanceProfile",
        "ListInstanceProfileTags",
        "RemoveRoleFromInstanceProfile",
        "TagInstanceProfile",
        "UntagInstanceProfile",
      ),
      all("instance-profile"),
    ),
    allow("RolesForMachinesOnly", "iam:PassRole", all("role"), {
      StringEquals: { "iam:PassedToService": "ec2.amazonaws.com" },
    }),
    allow(
      "LoadBalancerServiceRoleOfTheAccount",
      "iam:CreateServiceLinkedRole",
      `arn:aws:iam::${of.account}:role/aws-service-role/elasticloadbalancing.amazonaws.com/*`,
      { StringEquals: { "iam:AWSServiceName": "elasticloadbalancing.amazonaws.com" } },
    ),
  ]);
}
