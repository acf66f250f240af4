/** What of a cluster is still at AWS: everything that has its tag `pgha:cluster`, wherever AWS keeps it. */
import {
  EC2Client,
  paginateDescribeInstances,
  paginateDescribeNatGateways,
  paginateDescribeTags,
} from "@aws-sdk/client-ec2";
import {
  GetInstanceProfileCommand,
  IAMClient,
  ListRoleTagsCommand,
  paginateListInstanceProfiles,
  paginateListRoles,
} from "@aws-sdk/client-iam";
import { paginateGetResources, ResourceGroupsTaggingAPIClient } from "@aws-sdk/client-resource-groups-tagging-api";
import { ListTagsForResourceCommand, paginateListHostedZones, Route53Client } from "@aws-sdk/client-route-53";

/** The tag that every resource of a cluster has (components/aws/tags.ts). */
const key = "pgha:cluster";

export interface Clients {
  ec2: EC2Client;
  tagging: ResourceGroupsTaggingAPIClient;
  iam: IAMClient;
  route53: Route53Client;
}

/** Clients with the credentials of the environment; AWS_ENDPOINT_URL leads them elsewhere. */
export function clientsOf(region: string): Clients {
  const config = { region };
  return {
    ec2: new EC2Client(config),
    tagging: new ResourceGroupsTaggingAPIClient(config),
    iam: new IAMClient(config),
    route53: new Route53Client(config),
  };
}

/**
 * @param cluster its name (`pgha:name`)
 * @returns a line for each resource, "instance i-0123"; sorted
 */
export async function findLeftovers(clients: Clients, cluster: string): Promise<string[]> {
  const found = await Promise.all([
    ofEc2(clients.ec2, cluster),
    byTaggingApi(clients.tagging, cluster),
    roles(clients.iam, cluster),
    instanceProfiles(clients.iam, cluster),
    hostedZones(clients.route53, cluster),
  ]);
  return [...new Set(found.flat())].sort();
}

/** EC2 shows tags for about an hour after these are gone; whether they still are, their state says. */
async function ofEc2(client: EC2Client, cluster: string): Promise<string[]> {
  const tagged: { type: string; id: string }[] = [];
  const byTag = [
    { Name: "key", Values: [key] },
    { Name: "value", Values: [cluster] },
  ];
  for await (const { Tags = [] } of paginateDescribeTags({ client }, { Filters: byTag })) {
    for (const { ResourceType, ResourceId } of Tags) tagged.push({ type: ResourceType ?? "", id: ResourceId ?? "" });
  }
  const alive: Record<string, Set<string>> = { instance: new Set(), natgateway: new Set() };
  const Filters = [{ Name: `tag:${key}`, Values: [cluster] }];
  for await (const { Reservations = [] } of paginateDescribeInstances({ client }, { Filters })) {
    for (const { InstanceId, State } of Reservations.flatMap(({ Instances = [] }) => Instances)) {
      if (State?.Name !== "terminated") alive.instance!.add(InstanceId ?? "");
    }
  }
  for await (const { NatGateways = [] } of paginateDescribeNatGateways({ client }, { Filter: Filters })) {
    for (const { NatGatewayId, State } of NatGateways)
      if (State !== "deleted") alive.natgateway!.add(NatGatewayId ?? "");
  }
  return tagged.filter(({ type, id }) => alive[type]?.has(id) ?? true).map(({ type, id }) => `${type} ${id}`);
}

/** Everything else of the region: load balancer, target groups, parameters, and whatever a later version adds. */
async function byTaggingApi(client: ResourceGroupsTaggingAPIClient, cluster: string): Promise<string[]> {
  const arns: string[] = [];
  for await (const page of paginateGetResources({ client }, { TagFilters: [{ Key: key, Values: [cluster] }] })) {
    for (const { ResourceARN } of page.ResourceTagMappingList ?? []) arns.push(ResourceARN ?? "");
  }
  return arns.filter((arn) => !/^arn:[^:]+:(ec2|iam|route53):/.test(arn));
}

const hasTag = (tags: { Key?: string; Value?: string }[] = [], cluster: string) =>
  tags.some(({ Key, Value }) => Key === key && Value === cluster);

/** A list in IAM has no tags; a role of the cluster is named after it. */
async function roles(client: IAMClient, cluster: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { Roles = [] } of paginateListRoles({ client }, {})) {
    for (const { RoleName = "" } of Roles.filter((role) => role.RoleName?.startsWith(`${cluster}-`))) {
      const { Tags } = await client.send(new ListRoleTagsCommand({ RoleName }));
      if (hasTag(Tags, cluster)) found.push(`IAM role ${RoleName}`);
    }
  }
  return found;
}

async function instanceProfiles(client: IAMClient, cluster: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { InstanceProfiles = [] } of paginateListInstanceProfiles({ client }, {})) {
    for (const { InstanceProfileName = "" } of InstanceProfiles) {
      if (!InstanceProfileName.startsWith(`${cluster}-`)) continue;
      const { InstanceProfile } = await client.send(new GetInstanceProfileCommand({ InstanceProfileName }));
      if (hasTag(InstanceProfile?.Tags, cluster)) found.push(`IAM instance profile ${InstanceProfileName}`);
    }
  }
  return found;
}

/** The tagging API knows hosted zones in us-east-1 only. */
async function hostedZones(client: Route53Client, cluster: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { HostedZones = [] } of paginateListHostedZones({ client }, {})) {
    for (const { Id = "", Name } of HostedZones) {
      const ResourceId = Id.replace("/hostedzone/", "");
      const { ResourceTagSet } = await client.send(
        new ListTagsForResourceCommand({ ResourceType: "hostedzone", ResourceId }),
      );
      if (hasTag(ResourceTagSet?.Tags, cluster)) found.push(`hosted zone ${ResourceId} (${Name})`);
    }
  }
  return found;
}
