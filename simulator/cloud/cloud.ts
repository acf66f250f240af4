/**
 * A small AWS on this machine. moto answers AWS' interfaces, and what is done there to networks, machines and disks is done to Incus
 * too: so whatever speaks to AWS, the stand-in provider or the operator's commands, finds real machines.
 */
import { mkdirSync } from "node:fs";
import { parseCidr, addressAt } from "../../settings/cidr";
import { gatewayOf } from "./bridge";
import { Balancer } from "./balancer";
import { administrator, clientsOf, type Clients } from "./clients";
import { ec2Handlers } from "./ec2";
import { Firewall } from "./firewall";
import { AwsError, openFront, type Front, type Handler, type Layer } from "./front";
import { gaps } from "./gaps";
import { Authorization } from "./iam/authorization";
import { Hypervisor } from "./hypervisor";
import { leftInAws, leftInIncus, refuseSecond, sweep } from "./leftovers";
import { MetadataService, type Identity } from "./metadata";
import { startMoto, type Moto } from "./moto";
import { Order } from "./order";
import { getParameter } from "./rights";

export interface CloudArgs {
  /** moto's server program. */
  moto: string;
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
    private readonly events: Map<string, Handler>,
    private readonly mark: string,
    /** What clients connect to. */
    readonly balancer: Balancer,
    /** What the operator may do: everything, until it is told. */
    readonly authorization: Authorization,
    private readonly order: Order,
  ) {}

  /** @throws Error when another rehearsal is under way on this machine */
  static async start(args: CloudArgs): Promise<Cloud> {
    mkdirSync(args.folder, { recursive: true });
    const mark = String(process.pid);
    await refuseSecond();
    await sweep();
    const moto = await startMoto(args.moto, args.folder);
    const aws = clientsOf(moto.url, args.region);
    const metadata = new MetadataService((address) => identityAt(aws, args.region, address));
    await metadata.start();
    const events = new Map<string, Handler>();
    const world = {
      ...ec2Handlers({
        aws,
        hypervisor: new Hypervisor(aws, mark),
        firewall: new Firewall(aws),
        bridge: { mark, metadataPort: metadata.port, frontPort: () => front.port },
        publicCidr: publicBlock(args.cidr),
      }),
      "ssm:GetParameter": getParameter(aws, metadata),
    };
    const authorization = new Authorization(aws, args.region);
    const order = new Order(aws);
    const layers = [authorization.layer, once(events), world, order.layer, gaps(aws)];
    const front: Front = await openFront(moto.url, layers);
    return new Cloud(args, moto, metadata, front, aws, events, mark, new Balancer(aws), authorization, order);
  }

  /** Where AWS' interfaces are for programs on this machine. */
  get endpoint(): string {
    return `http://127.0.0.1:${this.front.port}`;
  }

  /** Where they are for machines in the VPC; port 80 is one that their security groups let them reach. */
  get insideEndpoint(): string {
    return `http://${gatewayOf(this.args.cidr)}`;
  }

  /** The account as its administrator reaches it: what is made there is real, as what the operator makes, but bound by no policy. */
  get account(): Clients {
    return clientsOf(this.endpoint, this.args.region, administrator);
  }

  /** Refuses the next call of an action, "ec2:RunInstances", as AWS would. */
  refuseOnce(action: string, code: string, message: string): void {
    this.events.set(action, () => Promise.reject(new AwsError(code, message)));
  }

  /** Does something once the next call of an action is done, before whoever called hears of it. */
  onceDone(action: string, work: () => unknown): void {
    this.events.set(action, async (_call, forward) => {
      const reply = await forward();
      await work();
      return reply;
    });
  }

  /** What was refused because something else was not made yet, or not gone. */
  get tooEarly(): string[] {
    return this.order.tooEarly;
  }

  /** What exists in AWS and Incus that a destroyed stack should not have left. */
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

/** Something else can happen to the next call of any action. */
const once = (events: Map<string, Handler>): Layer => ({
  "*": async (call, forward) => {
    const key = `${call.service}:${call.action}`;
    const event = events.get(key);
    events.delete(key);
    return event ? event(call, forward) : forward();
  },
});

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
