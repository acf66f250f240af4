/** What an account has before a stack comes into it: a VPC that leads outside, and a bastion. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ResourceType } from "@aws-sdk/client-ec2";
import { cloudConfig } from "../../cloud-init/user-data";
import { gatewayOf } from "../../simulator/cloud/bridge";
import type { Clients } from "../../simulator/cloud/clients";
import { images } from "../../simulator/cloud/moto";
import { makeSshKey, type SshKey } from "../../simulator/plugins/sshd";
import { until } from "../../simulator/stack";
import { cidr } from "./settings";

/** Its zones, and the blocks of their subnets. */
const blocks = {
  "us-east-1a": { nodes: "10.94.0.0/26", clients: "10.94.1.0/28" },
  "us-east-1b": { nodes: "10.94.0.64/26", clients: "10.94.1.16/28" },
};
/** Of the subnet that leads to the internet, which has the NAT gateway and the bastion. */
export const publicBlock = "10.94.2.0/26";

export interface Existing {
  vpc: { id: string; nodes: Record<string, { subnet: string; cidr: string }> };
  /** The subnets for the load balancer. */
  clients: Record<string, string>;
  bastion: { host: string; user: string; hostKey: string };
  /** The private key that logs in to it. */
  bastionKey: string;
}

const named = (kind: ResourceType, name: string) => [
  { ResourceType: kind, Tags: [{ Key: "Name", Value: `office-${name}` }] },
];

/** Makes it, as the administrator. */
export async function existing({ ec2 }: Clients): Promise<Existing> {
  const VpcId = (await ec2.createVpc({ CidrBlock: cidr, TagSpecifications: named("vpc", "vpc") })).Vpc!.VpcId!;
  await ec2.modifyVpcAttribute({ VpcId, EnableDnsSupport: { Value: true } });
  await ec2.modifyVpcAttribute({ VpcId, EnableDnsHostnames: { Value: true } });
  const subnet = async (CidrBlock: string, AvailabilityZone: string) =>
    (await ec2.createSubnet({ VpcId, CidrBlock, AvailabilityZone })).Subnet!.SubnetId!;
  const outside = await subnet(publicBlock, "us-east-1a");
  const { InternetGateway } = await ec2.createInternetGateway({});
  const GatewayId = InternetGateway!.InternetGatewayId!;
  await ec2.attachInternetGateway({ InternetGatewayId: GatewayId, VpcId });
  const routes = async (way: { GatewayId: string } | { NatGatewayId: string }, subnets: string[]) => {
    const RouteTableId = (await ec2.createRouteTable({ VpcId })).RouteTable!.RouteTableId!;
    await ec2.createRoute({ RouteTableId, DestinationCidrBlock: "0.0.0.0/0", ...way });
    for (const SubnetId of subnets) await ec2.associateRouteTable({ RouteTableId, SubnetId });
  };
  await routes({ GatewayId }, [outside]);
  const { AllocationId } = await ec2.allocateAddress({ Domain: "vpc" });
  const { NatGateway } = await ec2.createNatGateway({ AllocationId, SubnetId: outside });
  const nodes: Existing["vpc"]["nodes"] = {};
  const clients: Existing["clients"] = {};
  for (const [zone, block] of Object.entries(blocks)) {
    nodes[zone] = { subnet: await subnet(block.nodes, zone), cidr: block.nodes };
    clients[zone] = await subnet(block.clients, zone);
  }
  const inside = [...Object.values(nodes).map((one) => one.subnet), ...Object.values(clients)];
  await routes({ NatGatewayId: NatGateway!.NatGatewayId! }, inside);
  return { vpc: { id: VpcId, nodes }, clients, ...(await bastionIn(ec2, VpcId, outside)) };
}

/** A machine that logs in whoever has its key, and leads on. */
async function bastionIn(ec2: Clients["ec2"], VpcId: string, SubnetId: string) {
  const user = "ops";
  const [host, login] = keys("host", "login");
  const group = { GroupName: "office-bastion", Description: "SSH", VpcId };
  const GroupId = (await ec2.createSecurityGroup(group)).GroupId!;
  const from = [{ CidrIp: `${gatewayOf(cidr)}/32` }];
  const ssh = { IpProtocol: "tcp", FromPort: 22, ToPort: 22, IpRanges: from };
  await ec2.authorizeSecurityGroupIngress({ GroupId, IpPermissions: [ssh] });
  const userData = cloudConfig({
    hostname: "bastion",
    users: [{ name: user, shell: "/bin/bash", lock_passwd: true, ssh_authorized_keys: [login!.publicKey] }],
    ssh_keys: { ed25519_private: host!.privateKey, ed25519_public: host!.publicKey },
  });
  const { Instances } = await ec2.runInstances({
    MinCount: 1,
    MaxCount: 1,
    ImageId: images[0]!.ami_id,
    InstanceType: "t3.nano",
    UserData: Buffer.from(userData).toString("base64"),
    BlockDeviceMappings: [{ DeviceName: "/dev/xvda", Ebs: { VolumeSize: 8, VolumeType: "gp3", Encrypted: true } }],
    NetworkInterfaces: [{ DeviceIndex: 0, SubnetId, PrivateIpAddress: "10.94.2.10", Groups: [GroupId] }],
    TagSpecifications: named("instance", "bastion"),
  });
  const { InstanceId } = Instances![0]!;
  await until("the bastion to run", 60, async () => {
    const { Reservations } = await ec2.describeInstances({ InstanceIds: [InstanceId!] });
    return Reservations![0]!.Instances![0]!.State?.Name === "running";
  });
  const { AllocationId, PublicIp } = await ec2.allocateAddress({ Domain: "vpc" });
  await ec2.associateAddress({ AllocationId, InstanceId });
  return { bastion: { host: PublicIp!, user, hostKey: host!.publicKey }, bastionKey: login!.privateKey };
}

function keys(...names: string[]): SshKey[] {
  const folder = mkdtempSync(join(tmpdir(), "pgha-keys-"));
  try {
    return names.map((name) => makeSshKey(join(folder, name)));
  } finally {
    rmSync(folder, { recursive: true });
  }
}
