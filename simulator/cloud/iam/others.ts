/** What the other services ask of IAM for a call. */
import type { Clients } from "../clients";
import type { Call } from "../front";
import type { Request } from "./decide";
import { listIn, requestTags, type Tags } from "./tags";

type Ask = (action: string, resource: string, context?: Request["context"]) => Request;

/** A call that gives tags to what it makes needs the right to do so. */
const andTags = (ask: Ask, action: string, resource: string, tags: Tags): Request[] =>
  Object.keys(tags).length > 0 ? [ask(action, resource, requestTags(tags))] : [];

/** Load balancers, listeners and target groups, by the ARNs they have or, with `*` for an id, will have. */
export function elbRequests({ action, params }: Call, region: string, account: string): Request[] {
  const ask: Ask = (what, resource, context = {}) => ({ action: `elasticloadbalancing:${what}`, resource, context });
  if (action.startsWith("Describe")) return [ask(action, "*")];
  const tags = listIn(params, "Tags.member");
  const name = params.get("Name");
  if (name) {
    const what = action === "CreateTargetGroup" ? "targetgroup" : "loadbalancer/net";
    const resource = `arn:aws:elasticloadbalancing:${region}:${account}:${what}/${name}/*`;
    return [ask(action, resource, requestTags(tags)), ...andTags(ask, "AddTags", resource, tags)];
  }
  const arns = [...params]
    .filter(([key]) => /^(LoadBalancerArn|TargetGroupArn|ListenerArn|ResourceArns\.member\.\d+)$/.test(key))
    // moto gives every load balancer the ARN of one for applications.
    .map(([, value]) => value.replace(/:(loadbalancer|listener)\/app\//, ":$1/net/"));
  const listener = `${arns[0]?.replace(":loadbalancer/", ":listener/")}/*`;
  return [
    ...arns.map((arn) => ask(action, arn, requestTags(tags))),
    ...(action === "CreateListener" ? andTags(ask, "AddTags", listener, tags) : []),
  ];
}

export async function iamRequests({ action, params }: Call, { iam }: Clients, account: string): Promise<Request[]> {
  const ask: Ask = (what, resource, context = {}) => ({ action: `iam:${what}`, resource, context });
  const arn = (kind: string, name: string) => `arn:aws:iam::${account}:${kind}/${name}`;
  const tags = listIn(params, "Tags.member");
  const [profile, RoleName] = [params.get("InstanceProfileName"), params.get("RoleName")];
  if (profile) {
    const resource = arn("instance-profile", profile);
    const pass = ask("PassRole", arn("role", RoleName ?? ""), { "iam:PassedToService": "ec2.amazonaws.com" });
    return [
      ask(action, resource, requestTags(tags)),
      ...(action === "CreateInstanceProfile" ? andTags(ask, "TagInstanceProfile", resource, tags) : []),
      ...(action === "AddRoleToInstanceProfile" ? [pass] : []),
    ];
  }
  if (!RoleName) return [ask(action, "*")];
  // Of a new role the boundary that it is given; of an existing one, the one that it has.
  const has = async () => (await iam.getRole({ RoleName }).catch(() => undefined))?.Role?.PermissionsBoundary;
  const boundary = params.get("PermissionsBoundary") ?? (await has())?.PermissionsBoundaryArn;
  const context = { ...requestTags(tags), ...(boundary && { "iam:PermissionsBoundary": boundary }) };
  const resource = arn("role", RoleName);
  return [ask(action, resource, context), ...(action === "CreateRole" ? andTags(ask, "TagRole", resource, tags) : [])];
}

export function ssmRequests({ action, body }: Call, region: string, account: string): Request[] {
  const ask: Ask = (what, resource, context = {}) => ({ action: `ssm:${what}`, resource, context });
  const given = JSON.parse(body.toString()) as {
    Name?: string;
    ResourceId?: string;
    Tags?: { Key: string; Value: string }[];
  };
  const name = given.Name ?? given.ResourceId;
  if (!name) return [ask(action, "*")];
  const resource = `arn:aws:ssm:${region}:${account}:parameter${name}`;
  const tags = Object.fromEntries((given.Tags ?? []).map(({ Key, Value }) => [Key, Value]));
  return [
    ask(action, resource, requestTags(tags)),
    ...(action === "PutParameter" ? andTags(ask, "AddTagsToResource", resource, tags) : []),
  ];
}

/** Calls of Route 53, by method and path below the version. */
const route53Calls: [RegExp, string][] = [
  [/^GET \/change\//, "GetChange"],
  [/^GET \/hostedzone\/?$/, "ListHostedZones"],
  [/^POST \/hostedzone\/?$/, "CreateHostedZone"],
  [/^GET \/hostedzone\/[^/]+$/, "GetHostedZone"],
  [/^POST \/hostedzone\/[^/]+$/, "UpdateHostedZoneComment"],
  [/^DELETE \/hostedzone\/[^/]+$/, "DeleteHostedZone"],
  [/^GET \/hostedzone\/[^/]+\/dnssec$/, "GetDNSSEC"],
  [/^GET \/hostedzone\/[^/]+\/rrset/, "ListResourceRecordSets"],
  [/^POST \/hostedzone\/[^/]+\/rrset/, "ChangeResourceRecordSets"],
  [/^POST \/hostedzone\/[^/]+\/associatevpc$/, "AssociateVPCWithHostedZone"],
  [/^POST \/hostedzone\/[^/]+\/disassociatevpc$/, "DisassociateVPCFromHostedZone"],
  [/^GET \/tags\/hostedzone\//, "ListTagsForResource"],
  [/^POST \/tags\/hostedzone\//, "ChangeTagsForResource"],
];

export function route53Requests({ method, path, body }: Call): Request[] {
  const below = path.split("?")[0]!.replace(/^\/2013-04-01/, "");
  const action = route53Calls.find(([pattern]) => pattern.test(`${method} ${below}`))?.[1];
  if (!action) throw new Error(`${method} ${path} is not a Route 53 call known here`);
  const zone = /^\/(?:tags\/)?hostedzone\/([^/]+)/.exec(below)?.[1];
  const xml = body.toString();
  const all = (tag: string) => [...xml.matchAll(new RegExp(`<${tag}>([^<]*)</${tag}>`, "g"))].map(([, text]) => text!);
  const vpcs = all("VPCId").map((id, index) => `VPCId=${id},VPCRegion=${all("VPCRegion")[index]}`);
  const records = action === "ChangeResourceRecordSets";
  const sets = records
    ? [...xml.matchAll(/<ResourceRecordSet>.*?<Name>([^<]*)<\/Name>.*?<Type>([^<]*)<\/Type>/gs)]
    : [];
  return [
    {
      action: `route53:${action}`,
      resource: zone ? `arn:aws:route53:::hostedzone/${zone}` : "*",
      context: {
        ...(vpcs.length > 0 && { "route53:VPCs": vpcs }),
        ...(records && {
          "route53:ChangeResourceRecordSetsNormalizedRecordNames": sets.map(([, name]) =>
            name!.toLowerCase().replace(/\.$/, ""),
          ),
          "route53:ChangeResourceRecordSetsRecordTypes": sets.map(([, , type]) => type!),
        }),
      },
    },
  ];
}
