/** Holds the operator's calls to policies, as AWS would: in a rehearsal the deployer may do what docs/deployer-policy*.json say. */
import type { Policy } from "../../../settings/aws/policy-document";
import { operator, type Clients } from "../clients";
import { AwsError, type Call, type Layer } from "../front";
import { onBehalf } from "./behalf";
import { decide, type Request } from "./decide";
import { ec2Requests, noteGroup, type Ec2World } from "./ec2";
import { elbRequests, iamRequests, route53Requests, ssmRequests } from "./others";

/** moto's account. */
export const account = "123456789012";

/** Every question that a call asks of IAM. */
async function requestsOf(call: Call, world: Ec2World): Promise<Request[]> {
  const { service, action } = call;
  const { aws, region } = world;
  switch (service) {
    case "ec2":
      return ec2Requests(call, world);
    case "elasticloadbalancing":
      return elbRequests(call, region, account);
    case "iam":
      return iamRequests(call, aws, account);
    case "ssm":
      return ssmRequests(call, region, account);
    case "route53":
      return route53Requests(call);
    case "tagging":
      return [{ action: `tag:${action}`, resource: "*", context: {} }];
    case "sts":
      // Who one is, everybody may ask.
      return [];
    default:
      throw new Error(`nothing is known of the rights that ${service}:${action} needs`);
  }
}

export class Authorization {
  private policies?: () => Promise<Policy[]>;
  private readonly asked = new Map<string, Request>();

  private readonly world: Ec2World;

  constructor(aws: Clients, region: string) {
    this.world = { aws, region, account, placement: new Map() };
  }

  /** From now on the operator may do what these allow, and nothing else. */
  allowOnly(policies: () => Promise<Policy[]>): void {
    this.policies = policies;
  }

  /** What was asked so far, each question once. */
  get requests(): Request[] {
    return [...this.asked].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, request]) => request);
  }

  readonly layer: Layer = {
    "*": async (call, forward) => {
      if (this.policies && call.accessKey === operator.accessKey) await this.check(call, await this.policies());
      const reply = await forward();
      if (call.action === "CreatePlacementGroup") noteGroup(call, reply, this.world);
      return reply;
    },
  };

  private async check(call: Call, policies: Policy[]): Promise<void> {
    const all = [...(await requestsOf(call, this.world)), ...onBehalf(call, this.world.region, account)];
    for (const request of all) {
      const alike = withoutIds(request);
      this.asked.set(JSON.stringify(alike), alike);
      if (decide(policies, request) !== "allowed") throw refusal(call.service, request);
    }
  }
}

/** As AWS words it, but for what it hides: by what the request was judged. */
function refusal(service: string, { action, resource, context }: Request): AwsError {
  const why =
    `User: arn:aws:iam::${account}:user/deployer is not authorized to perform: ${action} on resource: ${resource} because no ` +
    `identity-based policy allows the ${action} action`;
  const judged = `Encoded authorization failure message: ${JSON.stringify(context)}`;
  if (service === "ec2") {
    return new AwsError(
      "UnauthorizedOperation",
      `You are not authorized to perform this operation. ${why}. ${judged}`,
      403,
    );
  }
  return service === "ssm"
    ? new AwsError("AccessDeniedException", `${why}. ${judged}`)
    : new AwsError("AccessDenied", `${why}. ${judged}`, 403);
}

/** The request with what differs from one account to another made alike. */
const withoutIds = (request: Request): Request =>
  JSON.parse(
    JSON.stringify(request)
      .replace(/\b([a-z]+)-[0-9a-f]{8,17}\b/g, "$1-0")
      .replace(/\/[0-9a-f]{16}\b/g, "/0")
      .replace(/hostedzone\/[A-Z0-9]+/g, "hostedzone/Z0"),
  ) as Request;
