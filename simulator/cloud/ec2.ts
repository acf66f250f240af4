/** Calls of EC2 that do something to machines, disks and networks. */
import { addressAt, parseCidr } from "../../settings/cidr";
import { makeBridge, mapAddresses, removeBridge, bridgeOf, type BridgeArgs } from "./bridge";
import type { Clients } from "./clients";
import type { Firewall } from "./firewall";
import { AwsError, type Call, type Handler, type Layer, type Reply } from "./front";
import type { Hypervisor } from "./hypervisor";

/** Calls that change what security groups allow, or who is in them. */
const ruling = [
  "ModifyNetworkInterfaceAttribute",
  "AuthorizeSecurityGroupIngress",
  "AuthorizeSecurityGroupEgress",
  "ModifySecurityGroupRules",
  "RevokeSecurityGroupIngress",
  "RevokeSecurityGroupEgress",
];

/** Values of a list parameter: `InstanceId.1`, `InstanceId.2`. */
const listed = ({ params }: Call, name: string): string[] =>
  [...params].filter(([key]) => new RegExp(`^${name}\\.\\d+$`).test(key)).map(([, value]) => value);

const ok = ({ status }: Reply): boolean => status < 300;
const idIn = ({ body }: Reply, tag: string): string => new RegExp(`<${tag}>([^<]+)</${tag}>`).exec(body)?.[1] ?? "";

export interface Ec2Args {
  aws: Clients;
  hypervisor: Hypervisor;
  firewall: Firewall;
  /** What every bridge has. */
  bridge: Pick<BridgeArgs, "mark" | "metadataPort"> & { frontPort: () => number };
  /** Block of the public addresses; one that this machine's bridge covers, so that it can reach them. */
  publicCidr: string;
}

export function ec2Handlers({ aws, hypervisor, firewall, bridge, publicCidr }: Ec2Args): Layer {
  /** Lets moto answer, and then does the same to the machines. */
  const then =
    (work: (call: Call, reply: Reply) => Promise<unknown>): Handler =>
    async (call, forward) => {
      const reply = await forward();
      if (ok(reply)) await work(call, reply);
      return reply;
    };
  const forEach = (work: (id: string, call: Call) => Promise<unknown>) => (call: Call) =>
    Promise.all(listed(call, "InstanceId").map((id) => work(id, call)));

  let given = 0;
  /** Leads this machine to what has a public address. */
  const readdress = async () => {
    const { Addresses = [] } = await aws.ec2.describeAddresses({});
    const { Vpcs = [] } = await aws.ec2.describeVpcs({ Filters: [{ Name: "is-default", Values: ["false"] }] });
    const inUse = Addresses.filter(({ InstanceId }) => InstanceId);
    const pairs = await Promise.all(
      inUse.map(async ({ InstanceId, PublicIp }): Promise<[string, string]> => {
        const { PrivateIpAddress } = await hypervisor.instance(InstanceId!);
        return [PublicIp!, PrivateIpAddress!];
      }),
    );
    for (const { VpcId } of Vpcs) mapAddresses(VpcId!, pairs);
  };

  const runInstances: Handler = async (call, forward) => {
    const reply = await forward();
    if (!ok(reply)) return reply;
    const id = idIn(reply, "instanceId");
    const userData = Buffer.from(call.params.get("UserData") ?? "", "base64").toString();
    try {
      await hypervisor.create(id, userData);
      await firewall.sync();
    } catch (error) {
      await hypervisor.remove(id);
      await aws.ec2.terminateInstances({ InstanceIds: [id] });
      throw new AwsError("Unsupported", `${id} could not be made here: ${(error as Error).message}`);
    }
    return reply;
  };

  return Object.fromEntries(
    Object.entries({
      ...Object.fromEntries(ruling.map((action) => [action, then(() => firewall.sync())])),
      RunInstances: runInstances,
      StartInstances: then(async (call) => {
        await forEach((id) => hypervisor.start(id))(call);
        await firewall.sync();
      }),
      StopInstances: then(forEach((id, { params }) => hypervisor.stop(id, params.get("Force") === "true"))),
      RebootInstances: then(async (call) => {
        await forEach((id) => hypervisor.reboot(id))(call);
        await firewall.sync();
      }),
      TerminateInstances: then(forEach((id) => hypervisor.remove(id))),
      AttachVolume: then(({ params }) => hypervisor.attach(params.get("VolumeId")!, params.get("InstanceId")!)),
      DetachVolume: then(({ params }) => hypervisor.detach(params.get("VolumeId")!, params.get("InstanceId")!)),
      ModifyVolume: then(({ params }) => hypervisor.resize(params.get("VolumeId")!)),
      DeleteVolume: then(({ params }) => hypervisor.removeVolume(params.get("VolumeId")!)),
      CreateVpc: then(({ params }, reply) =>
        makeBridge(hypervisor.incus, {
          ...bridge,
          vpc: idIn(reply, "vpcId"),
          cidr: params.get("CidrBlock")!,
          frontPort: bridge.frontPort(),
        }),
      ),
      DeleteVpc: then(({ params }) => removeBridge(hypervisor.incus, bridgeOf(params.get("VpcId")!))),
      // moto's own addresses are of the loopback interface.
      AllocateAddress: async ({ params }, forward) => {
        const address = addressAt(parseCidr(publicCidr)!, 10 + given++);
        return forward(new URLSearchParams([...params, ["Address", address]]));
      },
      AssociateAddress: then(readdress),
      DisassociateAddress: then(readdress),
      ReleaseAddress: then(readdress),
    } satisfies Record<string, Handler>).map(([action, handler]) => [`ec2:${action}`, handler]),
  );
}
