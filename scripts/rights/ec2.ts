/** What the deployer may do in EC2: make things that have the cluster's tag, and change those that have it. */
import { placeholders, type Deployment } from "./deployment";
import { allow, policy, type Policy } from "../../settings/aws/policy-document";

const tag = "pgha:cluster";

/** Calls that make something, by what they make. None of a group takes what another of it makes: see `deployerInEc2`. */
const makes = {
  /** Of nothing that exists. */
  first: {
    AllocateAddress: "elastic-ip",
    CreateInternetGateway: "internet-gateway",
    CreatePlacementGroup: "placement-group",
    CreateVolume: "volume",
    CreateVpc: "vpc",
  },
  /** Of a VPC. */
  inVpc: { CreateRouteTable: "route-table", CreateSecurityGroup: "security-group", CreateSubnet: "subnet" },
  /** Of subnets, groups and addresses. */
  last: {
    AuthorizeSecurityGroupEgress: "security-group-rule",
    AuthorizeSecurityGroupIngress: "security-group-rule",
    CreateNatGateway: "natgateway",
    RunInstances: "instance",
  },
};

/** Calls that only a VPC of the cluster's own needs. */
const ownNetwork = [
  "AllocateAddress",
  "AssociateAddress",
  "AssociateRouteTable",
  "AttachInternetGateway",
  "CreateInternetGateway",
  "CreateNatGateway",
  "CreateRoute",
  "CreateRouteTable",
  "CreateSubnet",
  "CreateVpc",
  "DeleteInternetGateway",
  "DeleteNatGateway",
  "DeleteRoute",
  "DeleteRouteTable",
  "DeleteSubnet",
  "DeleteVpc",
  "DetachInternetGateway",
  "DisassociateAddress",
  "DisassociateRouteTable",
  "ModifySubnetAttribute",
  "ModifyVpcAttribute",
  "ReleaseAddress",
  "ReplaceRoute",
  "ReplaceRouteTableAssociation",
];

/** Calls that change or end what exists, or make something in it. */
const changes = [
  "AssociateIamInstanceProfile",
  "AttachVolume",
  "AuthorizeSecurityGroupEgress",
  "AuthorizeSecurityGroupIngress",
  "CreateSecurityGroup",
  "CreateTags",
  "DeletePlacementGroup",
  "DeleteSecurityGroup",
  "DeleteTags",
  "DeleteVolume",
  "DetachVolume",
  "DisassociateIamInstanceProfile",
  "ModifyInstanceAttribute",
  "ModifyInstanceCreditSpecification",
  "ModifyInstanceMaintenanceOptions",
  "ModifyInstanceMetadataOptions",
  "ModifyNetworkInterfaceAttribute",
  "ModifySecurityGroupRules",
  "ModifyVolume",
  "RebootInstances",
  "ReplaceIamInstanceProfileAssociation",
  "RevokeSecurityGroupEgress",
  "RevokeSecurityGroupIngress",
  "RunInstances",
  "StartInstances",
  "StopInstances",
  "TerminateInstances",
];

/**
 * A call is allowed when it is for each thing that it touches. So what is made must be given the tag in the same call
 * (`aws:RequestTag`), and what exists must have it (`aws:ResourceTag`): nobody who has this policy can put the tag on anything
 * that existed before. Which keys and resources each call knows: service authorization reference, "Actions, resources, and
 * condition keys for Amazon EC2".
 */
export function deployerInEc2({ settings, account, vpc: own = placeholders.vpc }: Deployment): Policy {
  const { name: cluster, aws } = settings;
  const { region, vpc } = aws!;
  const ofAccount = (type: string, id = "*") => `arn:aws:ec2:${region}:${account}:${type}/${id}`;
  const needed = (call: string) => !vpc || !ownNetwork.includes(call);
  const ec2 = (calls: string[]) => calls.filter(needed).map((call) => `ec2:${call}`);
  const given = { StringEquals: { [`aws:RequestTag/${tag}`]: cluster } };
  const has = { StringEquals: { [`aws:ResourceTag/${tag}`]: cluster } };

  const make = (Sid: string, group: Record<string, string>) => {
    const calls = Object.keys(group).filter(needed);
    const types = [...new Set(calls.map((call) => group[call]!))];
    return calls.length === 0
      ? undefined
      : allow(
          Sid,
          ec2(calls),
          types.map((type) => ofAccount(type)),
          given,
        );
  };
  const making = Object.values(makes).flatMap((group) => Object.keys(group).filter(needed));

  return policy([
    allow("Look", ["ec2:Describe*", "ec2:GetSecurityGroupsForVpc"], "*"),
    make("MakeWithTheTag", makes.first),
    make("MakeInVpcWithTheTag", makes.inVpc),
    make("MakeOfPartsWithTheTag", makes.last),
    allow("TagWhatIsBeingMade", "ec2:CreateTags", ofAccount("*"), {
      StringEquals: { "ec2:CreateAction": making, [`aws:RequestTag/${tag}`]: cluster },
    }),
    // RunInstances is in it for the groups, subnets and placement groups that it names.
    allow(
      "ChangeWhatHasTheTag",
      ec2([...changes, ...ownNetwork.filter((call) => !(call in makes.first))]),
      ofAccount("*"),
      has,
    ),
    // What comes with a machine and is given no tag: its network interface, its root volume; and what it starts from.
    allow("PartsOfMachines", "ec2:RunInstances", [
      ofAccount("network-interface"),
      ofAccount("volume"),
      `arn:aws:ec2:${region}::image/*`,
    ]),
    ...(vpc
      ? [
          allow(
            "InAnExistingVpc",
            ["ec2:CreateSecurityGroup", "ec2:RunInstances"],
            [
              ofAccount("vpc", vpc.id),
              ...new Set(Object.values(vpc.nodes).map(({ subnet }) => ofAccount("subnet", subnet))),
            ],
          ),
        ]
      : [
          // The other end of an address that has the tag.
          allow(
            "AddressesOfMachines",
            ["ec2:AssociateAddress", "ec2:DisassociateAddress"],
            ofAccount("network-interface"),
          ),
          // A machine's groups are its network interface's, which has no tag. In a VPC of the cluster's own every one is the cluster's.
          allow("GroupsOfMachines", "ec2:ModifyNetworkInterfaceAttribute", ofAccount("network-interface"), {
            ArnEquals: { "ec2:Vpc": ofAccount("vpc", own) },
          }),
        ]),
  ]);
}
