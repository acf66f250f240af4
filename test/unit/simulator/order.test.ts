/** The rehearsal's AWS refuses what comes too early, and the stand-in of the provider waits for it, as the real one does. */
import assert from "node:assert/strict";
import { images } from "../../../simulator/cloud/moto";
import type { Values } from "../../../simulator/plugins/lib/wire";
import { AwsStage } from "../support/aws";
import { everything, typeOf, type Made } from "../support/aws-everything";

describe("the order in which things come and go on AWS", function () {
  this.timeout(60_000);
  const made: Made = {};
  let stage: AwsStage;

  const make = async (name: string) => {
    const [, type, inputs] = everything.find(([one]) => one === name)!;
    made[name] = await stage.provider.create(type, inputs(made));
  };
  const remove = async (name: string) => {
    await stage.provider.delete(typeOf(name), made[name]!);
    delete made[name];
  };
  /** Refused once, and noted with what holds it. */
  const refused = async (call: () => Promise<unknown>, name: string | RegExp, noted: RegExp) => {
    const before = stage.order.tooEarly.length;
    await assert.rejects(call(), { name });
    assert.match(stage.order.tooEarly.slice(before).join("; "), noted);
  };

  before(async () => {
    stage = await AwsStage.open();
  });
  after(() => stage.close());

  it("is right when everything is made in turn", async () => {
    for (const [name] of everything) await make(name);
    assert.deepEqual(stage.order.tooEarly, []);
  });

  it("keeps a security group while a machine, a load balancer or another group needs it", async () => {
    const { ec2 } = stage.clients;
    const { GroupId } = await ec2.createSecurityGroup({ GroupName: "held", Description: "d", VpcId: made.vpc!.id });
    const peer = { IpProtocol: "tcp", FromPort: 1, ToPort: 1, UserIdGroupPairs: [{ GroupId }] };
    await ec2.authorizeSecurityGroupIngress({ GroupId: made.group!.id, IpPermissions: [peer] });
    await refused(() => ec2.deleteSecurityGroup({ GroupId }), "DependencyViolation", /a rule of sg-/);
    await ec2.revokeSecurityGroupIngress({ GroupId: made.group!.id, IpPermissions: [peer] });
    await ec2.deleteSecurityGroup({ GroupId });
    const own = () => ec2.deleteSecurityGroup({ GroupId: made.group!.id });
    await refused(own, "DependencyViolation", /DeleteSecurityGroup sg-\w+: network interface eni-/);
  });

  it("keeps a subnet, a gateway, an address and the VPC while something is in them", async () => {
    const { ec2 } = stage.clients;
    const [InternetGatewayId, VpcId] = [made.igw!.id, made.vpc!.id];
    const SubnetId = made.subnet!.id;
    await refused(() => ec2.deleteSubnet({ SubnetId }), "DependencyViolation", /load balancer pgha/);
    const detach = () => ec2.detachInternetGateway({ InternetGatewayId, VpcId });
    await refused(detach, "DependencyViolation", /NAT gateway nat-/);
    const release = () => ec2.releaseAddress({ AllocationId: made.natAddress!.id });
    await refused(release, "InvalidIPAddress.InUse", /NAT gateway nat-/);
    await refused(() => ec2.deleteVpc({ VpcId }), "DependencyViolation", /subnet subnet-/);
  });

  it("makes no gateway and no load balancer for clients outside before the way out is attached", async () => {
    const { ec2, elb } = stage.clients;
    const closed = (await ec2.createVpc({ CidrBlock: "10.95.0.0/22" })).Vpc!.VpcId!;
    const SubnetId = (await ec2.createSubnet({ VpcId: closed, CidrBlock: "10.95.0.0/26" })).Subnet!.SubnetId!;
    const balancer = (Scheme: "internal" | "internet-facing") =>
      elb.createLoadBalancer({ Name: "early", Type: "network", Scheme, Subnets: [SubnetId] });
    await refused(() => balancer("internet-facing"), /^InvalidSubnet/, /no internet gateway is attached/);
    const nat = () => ec2.createNatGateway({ SubnetId, AllocationId: made.natAddress!.id });
    await refused(nat, "Gateway.NotAttached", /no internet gateway is attached/);
    const { LoadBalancers } = await balancer("internal");
    await elb.deleteLoadBalancer({ LoadBalancerArn: LoadBalancers![0]!.LoadBalancerArn });
    await ec2.deleteSubnet({ SubnetId });
    await ec2.deleteVpc({ VpcId: closed });
  });

  it("keeps a machine's disks and its address until it has shut down; who deletes a disk beside it waits, and that is no fault", async () => {
    for (const name of ["record", "zone", "target", "listener", "targets", "balancer", "address"]) await remove(name);
    const { ec2 } = stage.clients;
    const { id } = made.instance!;
    const before = stage.order.tooEarly.length;
    await ec2.terminateInstances({ InstanceIds: [id] });
    const state = async () =>
      (await ec2.describeInstances({ InstanceIds: [id] })).Reservations![0]!.Instances![0]!.State!.Name;
    assert.equal(await state(), "shutting-down");
    await assert.rejects(ec2.deleteVolume({ VolumeId: made.volume!.id }), { name: "VolumeInUse" });
    await Promise.all([remove("volume"), remove("instance")]);
    assert.deepEqual(stage.order.tooEarly.slice(before), []);
  });

  it("gives a machine's address to another one only once it is gone, and a profile once EC2 has heard of it", async () => {
    await make("instance");
    const { ec2, iam } = stage.clients;
    await ec2.terminateInstances({ InstanceIds: [made.instance!.id] });
    const another = (more: Values = {}) => {
      const [, type, inputs] = everything.find(([one]) => one === "instance")!;
      return stage.provider.create(type, { ...inputs(made), ...more });
    };
    await refused(() => another(), "Error", /RunInstances 10\.94\.0\.5: i-/);
    await remove("instance");
    await iam.createInstanceProfile({ InstanceProfileName: "new" });
    const run = () =>
      ec2.runInstances({ MinCount: 1, MaxCount: 1, ImageId: images[0]!.ami_id, IamInstanceProfile: { Name: "new" } });
    await assert.rejects(run(), /Invalid IAM Instance Profile/);
    made.instance = await another({ iamInstanceProfile: "new" });
    await remove("instance");
    await iam.deleteInstanceProfile({ InstanceProfileName: "new" });
  });

  it("is waited for by the provider: what is held goes as soon as it is free", async () => {
    await make("instance");
    const before = stage.order.tooEarly.length;
    await Promise.all([remove("group"), new Promise((done) => setTimeout(done, 300)).then(() => remove("instance"))]);
    assert.ok(stage.order.tooEarly.length > before, "and a rehearsal fails for it");
  });
});
