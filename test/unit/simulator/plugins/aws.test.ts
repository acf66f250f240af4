/** The stand-in for @pulumi/aws: what it makes, finds again, changes, replaces and removes, as moto shows it. */
import assert from "node:assert/strict";
import type { Layer } from "../../../../simulator/cloud/front";
import { leftInAws } from "../../../../simulator/cloud/leftovers";
import { images } from "../../../../simulator/cloud/moto";
import type { Engine } from "../../../../simulator/plugins/engine";
import { isSecret, isUnknown, UNKNOWN, type Values } from "../../../../simulator/plugins/lib/wire";
import { Folder } from "../../../../simulator/plugins/tools";
import { AwsStage } from "../../support/aws";
import { everything, policy, sshRule, typeOf, type Made } from "../../support/aws-everything";

describe("stand-in plugin aws", function () {
  this.timeout(120_000);
  const made: Made = {};
  let stage: AwsStage;
  let aws: Engine;
  /** What was asked of AWS, action by action. */
  const calls: string[] = [];
  const listen: Layer = {
    "*": (call, forward) => {
      calls.push(call.action);
      return forward();
    },
  };

  before(async () => {
    stage = await AwsStage.open(() => [listen]);
    aws = stage.provider;
  });
  after(() => stage?.close());

  /** Changes inputs of a resource in place. @returns the paths that showed as changed */
  async function change(name: string, inputs: Values): Promise<string[]> {
    const old = made[name]!;
    const news = { ...old.inputs, ...inputs };
    const shown = await aws.diff(typeOf(name), old, news);
    const replaced = Object.entries(shown).filter(([, kind]) => kind.endsWith("_REPLACE"));
    assert.deepEqual(replaced, [], `${name} is changed in place`);
    made[name] = await aws.update(typeOf(name), old, news);
    return Object.keys(shown).sort();
  }

  const replaced = async (name: string, inputs: Values): Promise<boolean> => {
    const shown = await aws.diff(typeOf(name), made[name]!, { ...made[name]!.inputs, ...inputs });
    return Object.values(shown).some((kind) => kind.endsWith("_REPLACE"));
  };

  it("works only against endpoints that are not AWS, and refuses settings it does not know", async () => {
    const folder = new Folder();
    const other = await folder.start("aws");
    try {
      await assert.rejects(other.configure({ region: "us-east-1" }), /never calls AWS itself.*aws:endpoints/s);
      await assert.rejects(other.configure(stage.settings({ profile: "mine" })), /profile: .*no input "profile"/);
      const misspelt = stage.settings({ endpoints: '[{"ec3": "http://127.0.0.1"}]' });
      await assert.rejects(other.configure(misspelt), /no input "endpoints\[0\].ec3"/);
    } finally {
      await other.stop();
      folder.remove();
    }
  });

  it("makes one of everything in use; previews know what is known and nothing more", async () => {
    for (const [name, type, inputs] of everything) {
      const preview = await aws.create(type, inputs(made), { preview: true });
      if (preview.state.arn !== undefined) assert.ok(isUnknown(preview.state.arn), `${name} has no ARN in a preview`);
      made[name] = await aws.create(type, inputs(made));
    }
    const { instance, address, parameter } = made;
    assert.equal(instance!.state.privateIp, "10.94.0.5");
    assert.match(String(address!.state.publicIp), /^\d+(\.\d+){3}$/);
    assert.ok(isSecret(parameter!.marked.value), "a parameter's value is a secret");
    assert.deepEqual(instance!.state.tagsAll, { Name: "instance" });
  });

  it("finds everything again as it was made", async () => {
    for (const [name, type] of everything) {
      const again = await aws.read(type, made[name]!);
      assert.ok(again, `${name} is there`);
      assert.deepEqual(await aws.diff(type, again, made[name]!.inputs), {}, name);
    }
  });

  it("closes the default group, and lets a new one reach nothing by itself", async () => {
    const rules = async (name: string) => {
      const Filters = [{ Name: "group-id", Values: [made[name]!.id] }];
      return (await stage.clients.ec2.describeSecurityGroupRules({ Filters })).SecurityGroupRules!;
    };
    assert.deepEqual(await rules("closed"), []);
    assert.deepEqual((await rules("group")).map(({ FromPort }) => FromPort).sort(), [22, 2380]);
  });

  it("shows what was changed by hand, and what is gone", async () => {
    const { ec2 } = stage.clients;
    await ec2.createTags({ Resources: [made.vpc!.id], Tags: [{ Key: "Name", Value: "other" }] });
    const vpc = await aws.read(typeOf("vpc"), made.vpc!);
    assert.deepEqual(vpc!.inputs.tags, { Name: "other" });
    await ec2.createTags({ Resources: [made.vpc!.id], Tags: [{ Key: "Name", Value: "vpc" }] });
    const rule = await aws.create(typeOf("ssh"), { ...sshRule(made.group!.id), cidrIpv4: "198.51.100.0/24" });
    await ec2.revokeSecurityGroupIngress({ GroupId: made.group!.id, SecurityGroupRuleIds: [rule.id] });
    assert.equal(await aws.read(typeOf("ssh"), rule), undefined);
    await aws.delete(typeOf("ssh"), rule); // that it is gone is what was wanted
  });

  it("changes in place what AWS changes in place", async () => {
    const { ec2, iam, ssm, elb } = stage.clients;
    assert.deepEqual(await change("subnet", { tags: { Name: "subnet", more: "1" } }), ["tags.more", "tagsAll"]);
    const subnets = await ec2.describeSubnets({ SubnetIds: [made.subnet!.id] });
    assert.equal(subnets.Subnets![0]!.Tags!.length, 2);

    assert.deepEqual(await change("ssh", { fromPort: 2222, toPort: 2222 }), ["fromPort", "toPort"]);
    const rules = await ec2.describeSecurityGroupRules({ SecurityGroupRuleIds: [made.ssh!.id] });
    assert.equal(rules.SecurityGroupRules![0]!.FromPort, 2222);

    assert.deepEqual(await change("volume", { size: 5, iops: 4000 }), ["iops", "size"]);
    const { Volumes } = await ec2.describeVolumes({ VolumeIds: [made.volume!.id] });
    assert.deepEqual([Volumes![0]!.Size, Volumes![0]!.Iops], [5, 4000]);
    await assert.rejects(change("volume", { size: 4 }), /New size cannot be smaller/);

    await change("policy", { policy: policy("arn:aws:ssm:us-east-1:123456789012:parameter/other") });
    const there = await iam.getRolePolicy({ RoleName: "etcd1", PolicyName: "read" });
    assert.ok(decodeURIComponent(there.PolicyDocument!).includes("parameter/other"));

    await change("parameter", { value: "another key" });
    const { Parameter } = await ssm.getParameter({ Name: "/pgha/x/key", WithDecryption: true });
    assert.equal(Parameter!.Value, "another key");

    const healthCheck = { ...(made.targets!.inputs.healthCheck as Values), path: "/read" };
    assert.deepEqual(await change("targets", { healthCheck }), ["healthCheck.path"]);
    const { TargetGroups } = await elb.describeTargetGroups({ TargetGroupArns: [made.targets!.id] });
    assert.equal(TargetGroups![0]!.HealthCheckPath, "/read");
  });

  it("stops a machine for another type, and starts the same one again", async () => {
    assert.deepEqual(await change("instance", { instanceType: "t3.small" }), ["instanceType"]);
    const answer = await stage.clients.ec2.describeInstances({ InstanceIds: [made.instance!.id] });
    const { InstanceType, State } = answer.Reservations![0]!.Instances![0]!;
    assert.deepEqual([InstanceType, State?.Name], ["t3.small", "running"]);
  });

  it("tells a machine of CPU credits once it has the type for them, and of none when they are left out", async () => {
    const { inputs } = made.instance!;
    const unlimited = { creditSpecification: { cpuCredits: "unlimited" } };
    calls.length = 0;
    await change("instance", { instanceType: "t3.micro", ...unlimited });
    const told = calls.filter((action) => /^(Stop|Modify|Start)/.test(action));
    assert.deepEqual(told, [
      "StopInstances",
      "ModifyInstanceAttribute",
      "StartInstances",
      "ModifyInstanceCreditSpecification",
    ]);
    calls.length = 0;
    assert.deepEqual(await change("instance", { ...inputs, creditSpecification: undefined }), ["instanceType"]);
    assert.ok(!calls.includes("ModifyInstanceCreditSpecification"), calls.join());
  });

  it("has a machine keep its root disk when it is told to", async () => {
    const goes = async () => {
      const { Reservations } = await stage.clients.ec2.describeInstances({ InstanceIds: [made.instance!.id] });
      return Reservations![0]!.Instances![0]!.BlockDeviceMappings![0]!.Ebs!.DeleteOnTermination;
    };
    const root = made.instance!.inputs.rootBlockDevice as Values;
    await change("instance", { rootBlockDevice: { ...root, deleteOnTermination: false } });
    assert.equal(await goes(), false);
    await change("instance", { rootBlockDevice: root });
    assert.equal(await goes(), true);
  });

  it("changes the tags of a placement group by its id: AWS knows no tags by names", async () => {
    const { ec2 } = stage.clients;
    await assert.rejects(ec2.createTags({ Resources: ["etcd"], Tags: [{ Key: "a", Value: "b" }] }), /InvalidID/);
    await change("spread", { tags: { team: "db" } });
    const [group] = (await ec2.describePlacementGroups({ GroupNames: ["etcd"] })).PlacementGroups!;
    assert.deepEqual(group!.Tags, [{ Key: "team", Value: "db" }]);
    await change("spread", { tags: { Name: "s" } });
  });

  it("says how large the disk of an image is", async () => {
    const filters = [{ name: "image-id", values: [images[0]!.ami_id] }];
    const { rootDeviceName, blockDeviceMappings } = await aws.invoke("aws:ec2/getAmi:getAmi", { filters });
    const [root] = blockDeviceMappings as { deviceName: string; ebs: Values }[];
    assert.deepEqual([root!.deviceName, root!.ebs.volume_size], [rootDeviceName, "8"]);
  });

  it("stops a machine before it takes a disk from it, which one that was terminated outside refuses", async () => {
    const { ec2 } = stage.clients;
    const subnet = { subnetId: made.subnet!.id, privateIp: "10.94.0.9" };
    const machine = await aws.create(typeOf("instance"), { ...made.instance!.inputs, ...subnet });
    const disk = await aws.create(typeOf("volume"), made.volume!.inputs);
    const own = { ...made.attachment!.inputs, volumeId: disk.id, instanceId: machine.id };
    const attachment = await aws.create(typeOf("attachment"), own);
    await ec2.terminateInstances({ InstanceIds: [machine.id] });
    await assert.rejects(
      aws.delete(typeOf("attachment"), attachment),
      /IncorrectInstanceState|not in a state from which/,
    );
    await aws.delete(typeOf("volume"), disk);
    await aws.delete(typeOf("instance"), machine);
  });

  it("finishes what is under way when the engine cancels, so that nothing is made that no state knows", async () => {
    const folder = new Folder();
    const other = await folder.start("aws");
    try {
      await other.configure(stage.settings());
      const inputs = { ...made.instance!.inputs, subnetId: made.subnet!.id, privateIp: "10.94.0.10" };
      const machine = await other.create(typeOf("instance"), inputs);
      const begun = calls.length;
      const deleted = other.delete(typeOf("instance"), machine);
      while (!calls.slice(begun).includes("TerminateInstances")) await new Promise((resume) => setTimeout(resume, 20));
      await other.cancel();
      await deleted;
    } finally {
      await other.stop();
      folder.remove();
    }
  });

  it("does not terminate a machine that is protected", async () => {
    assert.deepEqual(await change("instance", { disableApiTermination: true }), ["disableApiTermination"]);
    await assert.rejects(aws.delete(typeOf("instance"), made.instance!), /may not be terminated/);
    await change("instance", { disableApiTermination: false });
  });

  it("replaces what AWS can't change, the old one first where both would have one name", async () => {
    const cases: [name: string, inputs: Values][] = [
      ["vpc", { cidrBlock: "10.95.0.0/22" }],
      ["subnet", { availabilityZone: "us-east-1b" }],
      ["group", { description: "other" }],
      ["ssh", { cidrIpv4: undefined, referencedSecurityGroupId: made.group!.id }],
      ["instance", { ami: "ami-0123456789abcdef0" }],
      ["instance", { privateIp: "10.94.0.6" }],
      ["instance", { rootBlockDevice: { ...(made.instance!.inputs.rootBlockDevice as Values), encrypted: false } }],
      ["volume", { availabilityZone: "us-east-1b" }],
      ["volume", { encrypted: false }],
      ["attachment", { volumeId: UNKNOWN }],
      ["balancer", { internal: false }],
      ["targets", { port: 5001 }],
      ["target", { targetId: "10.94.0.6" }],
      ["zone", { name: "other.internal" }],
      ["role", { name: "other" }],
    ];
    for (const [name, inputs] of cases) assert.ok(await replaced(name, inputs), `${name} ${JSON.stringify(inputs)}`);
    const first = (name: string, inputs: Values) =>
      aws.deletesFirst(typeOf(name), made[name]!, { ...made[name]!.inputs, ...inputs });
    assert.equal(await first("group", { description: "other" }), true);
    assert.equal(await first("group", { name: "other" }), false);
  });

  it("refuses inputs it does not have, with those it has", async () => {
    const faults = await aws.check(typeOf("instance"), { ...made.instance!.inputs, ephemeralBlockDevices: [] });
    assert.match(faults.join(), /no input "ephemeralBlockDevices"; it takes: ami, /);
    assert.match(
      (await aws.check(typeOf("table"), { vpcId: "vpc-1", routes: [] })).join(),
      /declare each as an aws.ec2.Route/,
    );
    await assert.rejects(aws.check("aws:s3/bucket:Bucket", {}), /has no resource aws:s3/);
    await assert.rejects(aws.invoke("aws:s3/getBucket:getBucket", {}), /has no function aws:s3/);
  });

  it("adds subnets to a load balancer, and AWS lets none go", async () => {
    await change("balancer", { subnets: [made.subnet!.id, made.second!.id] });
    await assert.rejects(
      stage.clients.elb.setSubnets({ LoadBalancerArn: made.balancer!.id, Subnets: [made.second!.id] }),
      /Subnet removal is not supported for Network Load Balancers/,
    );
    assert.ok(await replaced("balancer", { subnets: [made.second!.id] }));
  });

  it("changes a machine's groups by its network interface, as the real one does", async () => {
    const other = await aws.create(typeOf("group"), { name: "other", description: "d", vpcId: made.vpc!.id });
    const groups = async () => {
      const answer = await stage.clients.ec2.describeInstances({ InstanceIds: [made.instance!.id] });
      return answer.Reservations![0]!.Instances![0]!.NetworkInterfaces![0]!.Groups!.map(({ GroupId }) => GroupId);
    };
    await change("instance", { vpcSecurityGroupIds: [other.id] });
    assert.deepEqual(await groups(), [other.id]);
    await change("instance", { vpcSecurityGroupIds: [made.group!.id] });
    assert.deepEqual(await groups(), [made.group!.id]);
    await aws.delete(typeOf("group"), other);
  });

  it("gives everything the provider's default tags", async () => {
    await aws.configure(stage.settings({ defaultTags: '{"tags": {"team": "db"}}' }));
    assert.deepEqual(await change("vpc", {}), ["tagsAll"]);
    const { Vpcs } = await stage.clients.ec2.describeVpcs({ VpcIds: [made.vpc!.id] });
    assert.deepEqual(Vpcs![0]!.Tags!.map(({ Key }) => Key).sort(), ["Name", "team"]);
    assert.deepEqual((await aws.read(typeOf("vpc"), made.vpc!))!.inputs, made.vpc!.inputs);
    await aws.configure(stage.settings());
  });

  it("removes everything and leaves nothing", async () => {
    for (const [name, type] of [...everything].reverse()) {
      await aws.delete(type, made[name]!);
      // The default group stays as long as its VPC.
      if (name !== "closed") assert.equal(await aws.read(type, made[name]!), undefined, `${name} is gone`);
    }
    assert.deepEqual(await leftInAws(stage.clients), []);
  });
});
