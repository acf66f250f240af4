/** What EC2 asks of IAM for a call: may it be done to each thing that it names, and to each that it makes? */
import type { Clients } from "../clients";
import type { Call, Reply } from "../front";
import { listIn, requestTags, resourceTags, type Tags } from "./tags";
import type { Request } from "./decide";

/** Types of resources by the beginnings of their ids. */
const types: Record<string, string> = {
  ami: "image",
  eipalloc: "elastic-ip",
  eni: "network-interface",
  i: "instance",
  igw: "internet-gateway",
  nat: "natgateway",
  rtb: "route-table",
  sg: "security-group",
  sgr: "security-group-rule",
  snap: "snapshot",
  subnet: "subnet",
  vol: "volume",
  vpc: "vpc",
};

/** What calls make. Only these can have tags in the request; a machine comes with a network interface and a disk. */
const makes: Record<string, string[]> = {
  AllocateAddress: ["elastic-ip"],
  AuthorizeSecurityGroupEgress: ["security-group-rule"],
  AuthorizeSecurityGroupIngress: ["security-group-rule"],
  CreateInternetGateway: ["internet-gateway"],
  CreateNatGateway: ["natgateway"],
  CreatePlacementGroup: ["placement-group"],
  CreateRouteTable: ["route-table"],
  CreateSecurityGroup: ["security-group"],
  CreateSubnet: ["subnet"],
  CreateVolume: ["volume"],
  CreateVpc: ["vpc"],
  RunInstances: ["instance", "network-interface", "volume"],
};

export interface Ec2World {
  aws: Clients;
  region: string;
  /** In which everything is but public images. */
  account: string;
  /** Tags of placement groups by name and by id, kept from when they were made: moto has none. */
  placement: Map<string, Tags>;
}

export async function ec2Requests(call: Call, { aws, region, account, placement }: Ec2World): Promise<Request[]> {
  const { action, params } = call;
  const ask = (resource: string, context: Request["context"] = {}, what = action): Request => ({
    action: `ec2:${what}`,
    resource,
    context: { "aws:RequestedRegion": region, ...context },
  });
  // These name no resources to IAM.
  if (/^(Describe|Get)/.test(action)) return [ask("*")];
  const arn = (type: string, id: string) => `arn:aws:ec2:${region}:${type === "image" ? "" : account}:${type}/${id}`;

  const given = tagSpecifications(params);
  const made = (makes[action] ?? []).map((type) => ask(arn(type, "*"), requestTags(given[type] ?? {})));
  const tagged = Object.entries(given).map(([type, tags]) =>
    ask(arn(type, "*"), { ...requestTags(tags), "ec2:CreateAction": action }, "CreateTags"),
  );

  /** In which VPC a network interface is: what a right to it can be held by, for it has no tags. */
  const inVpc = async (type: string, id: string): Promise<Request["context"]> => {
    if (type !== "network-interface") return {};
    // That of a gateway that was deleted is gone before its address is let go.
    const of = { Filters: [{ Name: "network-interface-id", Values: [id] }] };
    const [there] = (await aws.ec2.describeNetworkInterfaces(of)).NetworkInterfaces ?? [];
    return there ? { "ec2:Vpc": arn("vpc", there.VpcId!) } : {};
  };

  const tags = action === "CreateTags" || action === "DeleteTags" ? requestTags(listIn(params, "Tag")) : {};
  const named = await Promise.all(
    (await idsIn(call, aws)).map(async (id) => {
      const type = types[/^([a-z]+)-[0-9a-f]+$/.exec(id)?.[1] ?? ""] ?? "placement-group";
      const has = type === "placement-group" ? (placement.get(id) ?? {}) : await tagsOf(aws, id);
      return ask(arn(type, id), { ...tags, ...resourceTags(has), ...(await inVpc(type, id)) });
    }),
  );
  const all = [...made, ...tagged, ...named, ...(await passedRole(call, aws, account))];
  return all.length > 0 ? all : [ask("*")];
}

/** Keeps the tags of a placement group that was made. */
export function noteGroup({ params }: Call, { body }: Reply, { placement }: Ec2World): void {
  const tags = tagSpecifications(params)["placement-group"] ?? {};
  const names = [params.get("GroupName"), /<groupId>([^<]+)</.exec(body)?.[1]];
  for (const name of names) if (name) placement.set(name, tags);
}

/** Everything that exists and that the call is about, also by another name for it. */
async function idsIn({ action, params }: Call, { ec2 }: Clients): Promise<string[]> {
  const ids = new Set<string>();
  for (const [key, value] of params) {
    if (/^(Tag\.|TagSpecification|UserData$|ClientToken$)/.test(key)) continue;
    // To take a rule away it is the group alone that counts.
    if (action.startsWith("Revoke") && key !== "GroupId") continue;
    if (/^[a-z]+-[0-9a-f]{8,17}$/.test(value) && types[value.split("-")[0]!]) ids.add(value);
    if (key === "Placement.GroupName" || (action === "DeletePlacementGroup" && key === "GroupName")) ids.add(value);
    if (/^ResourceId\.\d+$/.test(key)) ids.add(value);
  }
  const association = params.get("AssociationId") ?? "";
  const of = (name: string) => ({ Filters: [{ Name: name, Values: [association] }] });
  if (association.startsWith("rtbassoc-")) {
    const [table] = (await ec2.describeRouteTables(of("association.route-table-association-id"))).RouteTables ?? [];
    const subnet = table?.Associations?.find((one) => one.RouteTableAssociationId === association)?.SubnetId;
    for (const id of [table?.RouteTableId, subnet]) if (id) ids.add(id);
  }
  if (association.startsWith("eipassoc-")) {
    const [address] = (await ec2.describeAddresses(of("association-id"))).Addresses ?? [];
    for (const id of [address?.AllocationId, address?.NetworkInterfaceId]) if (id) ids.add(id);
  }
  if (association.startsWith("iip-assoc-")) {
    const found = await ec2.describeIamInstanceProfileAssociations({ AssociationIds: [association] });
    for (const { InstanceId } of found.IamInstanceProfileAssociations ?? []) if (InstanceId) ids.add(InstanceId);
  }
  if (action === "AssociateAddress" && params.get("InstanceId")) {
    // AWS' reference leaves open whether it asks for the machine's interface too: the stricter reading.
    const { Reservations = [] } = await ec2.describeInstances({ InstanceIds: [params.get("InstanceId")!] });
    const eni = Reservations[0]?.Instances?.[0]?.NetworkInterfaces?.[0]?.NetworkInterfaceId;
    if (eni) ids.add(eni);
  }
  return [...ids];
}

async function tagsOf({ ec2 }: Clients, id: string): Promise<Tags> {
  const { Tags = [] } = await ec2.describeTags({ Filters: [{ Name: "resource-id", Values: [id] }] });
  return Object.fromEntries(Tags.map(({ Key, Value }) => [Key!, Value!]));
}

/** Tags that a call gives to what it makes, by type. */
function tagSpecifications(params: URLSearchParams): Record<string, Tags> {
  const all: Record<string, Tags> = {};
  for (let n = 1; params.has(`TagSpecification.${n}.ResourceType`); n++) {
    all[params.get(`TagSpecification.${n}.ResourceType`)!] = listIn(params, `TagSpecification.${n}.Tag`);
  }
  return all;
}

/** A machine that is given a profile is given the role in it. */
async function passedRole({ params }: Call, { iam }: Clients, account: string): Promise<Request[]> {
  const InstanceProfileName = params.get("IamInstanceProfile.Name");
  if (!InstanceProfileName) return [];
  const { InstanceProfile } = await iam.getInstanceProfile({ InstanceProfileName });
  return (InstanceProfile?.Roles ?? []).map(({ RoleName }) => ({
    action: "iam:PassRole",
    resource: `arn:aws:iam::${account}:role/${RoleName}`,
    context: { "iam:PassedToService": "ec2.amazonaws.com" },
  }));
}
