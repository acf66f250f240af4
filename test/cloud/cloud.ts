/**
 * A small AWS on this machine. moto answers AWS' interfaces, and what is done there to networks, machines and disks is done to Incus
 * too: so whatever speaks to AWS, the stand-in provider or the operator's commands, finds real machines.
 */
import { mkdirSync } from "node:fs";
import { parseCidr, addressAt } from "../../components/cidr";
import { gatewayOf } from "./bridge";
import { Balancer } from "./balancer";
import { clientsOf, type Clients } from "./clients";
import { ec2Handlers } from "./ec2";
import { Firewall } from "./firewall";
import { AwsError, openFront, type Front, type Handler } from "./front";
import { Hypervisor } from "./hypervisor";
import { leftInAws, leftInIncus, sweep } from "./leftovers";
import { MetadataService, type Identity } from "./metadata";
import { startMoto, type Moto } from "./moto";
import { getParameter } from "./rights";

export interface CloudArgs {
  /** For logs. */
  folder: string;
  region: string;
  /** Block of the VPC that will be made; its last sixteenth has the public addresses. */
  cidr: string;
}

export class Cloud {
  private constructor(
    private readonly args: CloudArgs,
    private readonly moto: Moto,
    private readonly metadata: MetadataService,
    private readonly front: Front,
    /** moto itself, which these ask without being noticed. */
    readonly aws: Clients,
    private readonly refusals: Map<string, AwsError>,
    private readonly mark: string,
    /** What clients connect to. */
    readonly balancer: Balancer,
  ) {}

  static async start(args: CloudArgs): Promise<Cloud> {
    mkdirSync(args.folder, { recursive: true });
    const mark = String(process.pid);
    await sweep();
    const moto = await startMoto(args.folder);
    const aws = clientsOf(moto.url, args.region);
    const metadata = new MetadataService((address) => identityAt(aws, args.region, address));
    await metadata.start();
    const refusals = new Map<string, AwsError>();
    const handlers = {
      ...ec2Handlers({
        aws,
        hypervisor: new Hypervisor(aws, mark),
        firewall: new Firewall(aws),
        bridge: { mark, metadataPort: metadata.port, frontPort: () => front.port },
        publicCidr: publicBlock(args.cidr),
      }),
      "ssm:GetParameter": getParameter(aws, metadata),
      "elasticloadbalancing:DeleteLoadBalancer": protectedBalancer(aws),
    };
    const front: Front = await openFront(moto.url, refusing(handlers, refusals));
    return new Cloud(args, moto, metadata, front, aws, refusals, mark, new Balancer(aws));
  }

  /** Where AWS' interfaces are for programs on this machine. */
  get endpoint(): string {
    return `http://127.0.0.1:${this.front.port}`;
  }

  /** Where they are for machines in the VPC; port 80 is one that their security groups let them reach. */
  get insideEndpoint(): string {
    return `http://${gatewayOf(this.args.cidr)}`;
  }

  /** Refuses the next call of an action, "ec2:RunInstances", as AWS would. */
  refuseOnce(action: string, code: string, message: string): void {
    this.refusals.set(action, new AwsError(code, message));
  }

  /** What is there in AWS and Incus that a destroyed stack should not have left. */
  async leftovers(): Promise<string[]> {
    const aws = clientsOf(this.endpoint, this.args.region);
    return [...(await leftInAws(aws)), ...(await leftInIncus(this.mark))];
  }

  /** Ends everything and removes what is left of it in Incus. */
  async stop(): Promise<void> {
    this.balancer.stop();
    await this.front.stop();
    await this.metadata.stop();
    await this.moto.stop();
    await sweep(this.mark);
  }
}

/** The last sixteenth of a block. */
function publicBlock(cidr: string): string {
  const { base, bits } = parseCidr(cidr)!;
  const size = 2 ** (32 - bits - 4);
  return `${addressAt({ base, bits }, 15 * size)}/${bits + 4}`;
}

/** Every action can be refused once, whoever would answer it else. */
function refusing(handlers: Record<string, Handler>, refusals: Map<string, AwsError>): Record<string, Handler> {
  return new Proxy(handlers, {
    get(all, action: string): Handler {
      return async (call, forward) => {
        const refusal = refusals.get(action);
        refusals.delete(action);
        if (refusal) throw refusal;
        return all[action] ? all[action](call, forward) : forward();
      };
    },
  });
}

/** moto lets a protected load balancer be deleted. */
function protectedBalancer({ elb }: Clients): Handler {
  return async (call, forward) => {
    const LoadBalancerArn = call.params.get("LoadBalancerArn")!;
    const { Attributes = [] } = await elb.describeLoadBalancerAttributes({ LoadBalancerArn });
    if (Attributes.some(({ Key, Value }) => Key === "deletion_protection.enabled" && Value === "true")) {
      const why = `Load balancer '${LoadBalancerArn}' cannot be deleted because deletion protection is enabled`;
      throw new AwsError("OperationNotPermitted", why);
    }
    return forward();
  };
}

/** The machine with a private address, as its metadata shows it. */
async function identityAt({ ec2, iam }: Clients, region: string, address: string): Promise<Identity | undefined> {
  const { Reservations = [] } = await ec2.describeInstances({
    Filters: [{ Name: "private-ip-address", Values: [address] }],
  });
  const found = Reservations.flatMap(({ Instances = [] }) => Instances).find(
    ({ State }) => State?.Name !== "terminated",
  );
  if (!found) return undefined;
  const InstanceProfileName = found.IamInstanceProfile?.Arn?.split("/").at(-1);
  const profile = InstanceProfileName && (await iam.getInstanceProfile({ InstanceProfileName })).InstanceProfile;
  const role = profile ? profile.Roles?.[0]?.RoleName : undefined;
  return { instanceId: found.InstanceId!, region, zone: found.Placement!.AvailabilityZone!, address, role };
}
