import assert from "node:assert/strict";
import { declaredBy } from "../../../policy/declared";
import { plain } from "../../../policy/plain";
import type { Declared, Placed, Values } from "../../../policy/rule";
import { rules, stackRules } from "../../../policy/rules";

const nothing: Declared = { stack: "staging", public: false, clients: [] };
const world = "0.0.0.0/0";
const open: Declared = { ...nothing, public: true, clients: [world, "203.0.113.0/24"] };

/** Types under test, by short names. */
const type = {
  instance: "aws:ec2/instance:Instance",
  volume: "aws:ebs/volume:Volume",
  subnet: "aws:ec2/subnet:Subnet",
  balancer: "aws:lb/loadBalancer:LoadBalancer",
  group: "aws:ec2/securityGroup:SecurityGroup",
  defaultGroup: "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup",
  groupRule: "aws:ec2/securityGroupRule:SecurityGroupRule",
  ingress: "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
  egress: "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
  role: "aws:iam/role:Role",
  rolePolicy: "aws:iam/rolePolicy:RolePolicy",
  attachment: "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
  parameter: "aws:ssm/parameter:Parameter",
};

/** What the rules have nothing against. */
const node = {
  instanceType: "m7i.large",
  metadataOptions: { httpEndpoint: "enabled", httpTokens: "required", httpPutResponseHopLimit: 1 },
  rootBlockDevice: { encrypted: true },
  associatePublicIpAddress: false,
  userData: "#cloud-config\nssh_keys: {ed25519_public: ssh-ed25519 AAAA}\n",
  tags: { "pgha:role": "etcd", "pgha:node": "etcd1" },
};
const bastion = { ...node, associatePublicIpAddress: true, tags: { "pgha:role": "bastion" } };

interface Case {
  declared?: Declared;
  protect?: boolean;
  ignoreChanges?: string[];
}

/** Everything the rules say of a resource, as "rule: what to do". */
function judged(token: string, props: Values, { declared = nothing, protect = false, ignoreChanges }: Case = {}) {
  const resource = { type: token, props, protect, ignoreChanges: ignoreChanges ?? ["ami", "userData"] };
  return rules.flatMap(({ name, faults }) => faults(resource, declared).map((fault) => `${name}: ${fault}`));
}

function passes(token: string, props: Values, rest?: Case) {
  assert.deepEqual(judged(token, props, rest), []);
}

/** One rule breaks, and says this. */
function breaks(pattern: RegExp, token: string, props: Values, rest?: Case) {
  const faults = judged(token, props, rest);
  assert.equal(faults.length, 1, faults.join("\n"));
  assert.match(faults[0]!, pattern);
}

describe("policy", () => {
  it("has nothing against a node, a bastion, and what is not an AWS resource", () => {
    passes(type.instance, node);
    passes(type.instance, bastion);
    passes("pgha:index:PostgresCluster", {});
    passes("command:remote:Command", { create: "sudo systemctl restart postgresql" });
  });

  it("names every rule once, with a sentence about it", () => {
    const all = [...rules, ...stackRules];
    assert.equal(new Set(all.map(({ name }) => name)).size, all.length);
    for (const { name, description } of all) {
      assert.match(name, /^[a-z0-9-]+$/);
      assert.match(description, /^[A-Z].*\.$/);
    }
  });

  describe("metadata-service-v2", () => {
    const options = (changed: Values) => ({ ...node, metadataOptions: { ...node.metadataOptions, ...changed } });

    it("wants a token and one hop", () => {
      breaks(/^metadata-service-v2: .*httpTokens to "required"/, type.instance, options({ httpTokens: "optional" }));
      breaks(/^metadata-service-v2: .*HopLimit to 1/, type.instance, options({ httpPutResponseHopLimit: 2 }));
    });

    it("wants both said, for AWS has other defaults", () => {
      assert.equal(judged(type.instance, { ...node, metadataOptions: undefined }).length, 2);
    });

    it("is content with no metadata service at all", () =>
      passes(type.instance, { ...node, metadataOptions: { httpEndpoint: "disabled" } }));
  });

  describe("disks-encrypted", () => {
    it("wants data volumes encrypted", () => {
      passes(type.volume, { encrypted: true });
      breaks(/^disks-encrypted: Set encrypted/, type.volume, { encrypted: false });
      breaks(/^disks-encrypted: Set encrypted/, type.volume, { size: 100 });
    });

    it("wants root disks and further disks encrypted", () => {
      breaks(/^disks-encrypted: .*rootBlockDevice/, type.instance, { ...node, rootBlockDevice: { volumeSize: 20 } });
      breaks(/^disks-encrypted: .*rootBlockDevice/, type.instance, { ...node, rootBlockDevice: undefined });
      const ebsBlockDevices = [{ deviceName: "/dev/sdb", encrypted: true }, { deviceName: "/dev/sdc" }];
      breaks(/^disks-encrypted: .*\/dev\/sdc/, type.instance, { ...node, ebsBlockDevices });
    });
  });

  describe("nothing-open-to-the-world", () => {
    const rule = (from: number, cidrIpv4 = world, to = from) => ({
      cidrIpv4,
      fromPort: from,
      toPort: to,
      ipProtocol: "tcp",
    });

    it("keeps SSH and PostgreSQL closed, whatever the settings declare", () => {
      breaks(/port 22 to 0\.0\.0\.0\/0.*pgha:aws\.bastion\.allow/, type.ingress, rule(22), { declared: open });
      breaks(/port 5432 .*Only 5000, 5001, 6432/, type.ingress, rule(5432), { declared: open });
      breaks(/port 8010 /, type.ingress, rule(8010), { declared: open });
    });

    it("opens client ports that are declared public, and to whom they are", () => {
      for (const port of [5000, 5001, 6432]) {
        passes(type.ingress, rule(port), { declared: open });
        breaks(/pgha:aws\.public to true/, type.ingress, rule(port));
        breaks(/pgha:aws\.public to true/, type.ingress, rule(port), { declared: { ...open, public: false } });
        breaks(/name 0\.0\.0\.0\/0 in pgha:aws\.clients/, type.ingress, rule(port), {
          declared: { ...open, clients: [] },
        });
      }
    });

    it("sees IPv6, halves of the internet, ranges of ports and every protocol", () => {
      breaks(/port 5432 to ::\/0/, type.ingress, { ...rule(5432), cidrIpv4: undefined, cidrIpv6: "::/0" });
      breaks(/to 128\.0\.0\.0\/1/, type.ingress, rule(22, "128.0.0.0/1"));
      breaks(/ports 5000 to 5432/, type.ingress, rule(5000, world, 5432), { declared: open });
      breaks(/every port/, type.ingress, { ...rule(5000), ipProtocol: "-1" }, { declared: open });
      breaks(/every port/, type.ingress, { cidrIpv4: world, ipProtocol: "tcp" }, { declared: open });
    });

    it("sees every way in which a security group lets in", () => {
      const older = { cidrBlocks: ["10.0.0.0/8", world], fromPort: 22, toPort: 22, protocol: "tcp" };
      breaks(/port 22/, type.group, { ingress: [older] });
      breaks(/port 22/, type.defaultGroup, { ingress: [{ ...older, cidrBlocks: [], ipv6CidrBlocks: ["::/0"] }] });
      breaks(/port 22/, type.groupRule, { ...older, type: "ingress" });
    });

    it("has nothing against named networks, other groups and what goes out", () => {
      passes(type.ingress, rule(22, "203.0.113.0/24"));
      passes(type.ingress, rule(5432, "10.0.0.0/8"));
      passes(type.ingress, { referencedSecurityGroupId: "sg-0123456789abcdef0", fromPort: 22, toPort: 22 });
      passes(type.egress, rule(443));
      passes(type.groupRule, { cidrBlocks: [world], fromPort: 443, toPort: 443, protocol: "tcp", type: "egress" });
      passes(type.group, { egress: [{ cidrBlocks: [world], fromPort: 443, toPort: 443, protocol: "tcp" }] });
      passes(type.defaultGroup, {});
    });
  });

  describe("nodes-private", () => {
    it("refuses a public address on a node, and one left to the subnet", () => {
      breaks(/^nodes-private: .*associatePublicIpAddress/, type.instance, { ...node, associatePublicIpAddress: true });
      breaks(/^nodes-private: .*associatePublicIpAddress/, type.instance, {
        ...node,
        associatePublicIpAddress: undefined,
      });
      breaks(/^nodes-private: /, type.instance, { ...bastion, tags: {} });
    });

    it("refuses a subnet that hands out public addresses", () => {
      passes(type.subnet, { mapPublicIpOnLaunch: false });
      breaks(/^nodes-private: .*mapPublicIpOnLaunch/, type.subnet, { mapPublicIpOnLaunch: true });
    });
  });

  describe("no-elastic-address-for-nodes", () => {
    const judgedStack = (resource: Pick<Placed, "type" | "from">) =>
      stackRules.flatMap(({ faults }) => faults([{ urn: "urn:a", name: "a", props: {}, ...resource }]));
    const machine = (props: Values) => ({ type: type.instance, props });

    it("refuses one for a node, by itself or by an association", () => {
      const address = "aws:ec2/eip:Eip";
      assert.deepEqual(judgedStack({ type: address, from: { instance: [machine(node)] } }), [
        { urn: "urn:a", fault: "It gives a machine of the cluster a public address: remove it." },
      ]);
      const association = "aws:ec2/eipAssociation:EipAssociation";
      assert.equal(judgedStack({ type: association, from: { instanceId: [machine(node)] } }).length, 1);
      assert.deepEqual(judgedStack({ type: address, from: { instance: [machine(bastion)] } }), []);
      assert.deepEqual(judgedStack({ type: address, from: { tags: [machine(node)] } }), []);
      assert.deepEqual(judgedStack({ type: address, from: {} }), []);
    });
  });

  describe("production-protected", () => {
    const prod = (protect?: boolean): Declared => ({ ...nothing, stack: "prod", protect });
    const volume = { encrypted: true };
    const balancer = { internal: true, enableDeletionProtection: true };

    it("wants data, machines and endpoint protected in prod", () => {
      for (const declared of [prod(), prod(true), { ...nothing, protect: true }]) {
        breaks(/^production-protected: .*option protect/, type.volume, volume, { declared });
        breaks(/^production-protected: .*disableApiTermination/, type.instance, node, { declared });
        breaks(/DeletionProtection/, type.balancer, { ...balancer, enableDeletionProtection: false }, { declared });
        passes(type.volume, volume, { declared, protect: true });
        passes(type.instance, { ...node, disableApiTermination: true }, { declared });
        passes(type.instance, bastion, { declared });
        passes(type.balancer, balancer, { declared });
      }
    });

    it("names the setting where prod does not say", () =>
      breaks(/Set pgha:aws\.protect to true for stack prod\.$/, type.volume, volume, { declared: prod() }));

    it("lets go where the settings say so outright, and of other stacks", () => {
      passes(type.volume, volume, { declared: prod(false) });
      passes(type.volume, volume);
      passes(type.instance, node);
    });
  });

  describe("endpoint-internal", () => {
    it("wants private addresses unless the settings declare public ones", () => {
      passes(type.balancer, { internal: true });
      passes(type.balancer, { internal: false }, { declared: open });
      breaks(/^endpoint-internal: .*pgha:aws\.public/, type.balancer, { internal: false });
      breaks(/^endpoint-internal: .*pgha:aws\.public/, type.balancer, {});
    });
  });

  describe("rights-without-wildcards", () => {
    const arn = "arn:aws:ssm:us-east-1:123456789012:parameter/pgha/pgha-prod/etcd1/ssh-host-key";
    const allow = { Effect: "Allow", Action: "ssm:GetParameter", Resource: arn };
    const policy = (statement: unknown) => ({
      policy: JSON.stringify({ Version: "2012-10-17", Statement: statement }),
    });

    it("is content with named actions on named resources", () => {
      passes(type.rolePolicy, policy(allow));
      passes(type.rolePolicy, policy([{ ...allow, Action: ["ssm:GetParameter", "kms:Decrypt"] }]));
      passes(type.rolePolicy, policy({ Effect: "Deny", Action: "*", Resource: "*" }));
      passes(type.rolePolicy, {}); // known in the update only
    });

    it("refuses wildcards, and what allows everything else", () => {
      breaks(/instead of \*/, type.rolePolicy, policy({ ...allow, Action: "*" }));
      breaks(
        /instead of ssm:\*/,
        type.rolePolicy,
        policy([allow, { ...allow, Action: ["ssm:GetParameter", "ssm:*"] }]),
      );
      breaks(/ARN instead of \*/, type.rolePolicy, policy({ ...allow, Resource: "*" }));
      breaks(
        /ARN instead of .*pgha\/\*/,
        type.rolePolicy,
        policy({ ...allow, Resource: [arn.replace(/pgha-.*/, "*")] }),
      );
      breaks(/NotAction/, type.rolePolicy, policy({ Effect: "Allow", NotAction: "iam:PassRole", Resource: arn }));
      breaks(/actions that are needed/, type.rolePolicy, { policy: "no JSON" });
      breaks(/instead of ec2:\*/, "aws:iam/policy:Policy", policy({ ...allow, Action: "ec2:*" }));
    });

    it("refuses managed policies, and a role for everybody", () => {
      const trust = (principal: unknown) =>
        JSON.stringify({ Statement: [{ Effect: "Allow", Principal: principal, Action: "sts:AssumeRole" }] });
      passes(type.role, { assumeRolePolicy: trust({ Service: "ec2.amazonaws.com" }) });
      breaks(/who may take this role/, type.role, { assumeRolePolicy: trust("*") });
      breaks(/who may take this role/, type.role, { assumeRolePolicy: trust({ AWS: ["*"] }) });
      const managed = "arn:aws:iam::aws:policy/AmazonSSMFullAccess";
      breaks(/RolePolicy/, type.role, {
        assumeRolePolicy: trust({ Service: "ec2.amazonaws.com" }),
        managedPolicyArns: [managed],
      });
      breaks(/instead of s3:\*/, type.role, { inlinePolicies: [policy({ ...allow, Action: "s3:*" })] });
      breaks(/RolePolicy/, type.attachment, { policyArn: managed });
    });
  });

  describe("secrets-kept", () => {
    const key = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaA==\n-----END OPENSSH PRIVATE KEY-----\n";

    it("wants parameters encrypted", () => {
      passes(type.parameter, { type: "SecureString", value: key });
      breaks(/^secrets-kept: .*SecureString/, type.parameter, { type: "String", value: "x" });
    });

    it("finds a private key in user data, encoded or not, and does not repeat it", () => {
      const pattern = /^secrets-kept: Take the private key out of the user data; a machine fetches it from [^\n]*$/;
      const encoded = Buffer.from(`#!/bin/sh\ncat >key <<END\n${key}END\n`).toString("base64");
      breaks(pattern, type.instance, { ...node, userData: `#cloud-config\n${key}` });
      breaks(pattern, type.instance, { ...node, userData: "-----BEGIN PRIVATE KEY-----" });
      breaks(pattern, type.instance, { ...node, userData: undefined, userDataBase64: encoded });
      passes(type.instance, { ...node, userData: "-----BEGIN PUBLIC KEY-----" });
    });
  });

  describe("machines-x86-64", () => {
    const arm = ["a1.large", "t4g.small", "m7g.large", "c6gn.xlarge", "r8gd.large", "im4gn.large", "is4gen.medium", "x2gd.large", "mac2.metal"]; // prettier-ignore
    const x86 = ["t3.micro", "m7i.large", "m7i-flex.large", "c7a.large", "r7iz.large", "g4dn.xlarge", "g6.xlarge", "u-6tb1.metal", "i4i.large"]; // prettier-ignore

    for (const instanceType of arm)
      it(`refuses ${instanceType}`, () =>
        breaks(/^machines-x86-64: .* is Arm: set pgha:machines/, type.instance, { ...node, instanceType }));
    for (const instanceType of x86) it(`takes ${instanceType}`, () => passes(type.instance, { ...node, instanceType }));
  });

  describe("nodes-keep-running", () => {
    it("wants changes of image and user data ignored", () => {
      breaks(/^nodes-keep-running: Name ami /, type.instance, node, { ignoreChanges: ["userData"] });
      breaks(/^nodes-keep-running: Name userData /, type.instance, node, { ignoreChanges: ["ami"] });
      breaks(/^nodes-keep-running: Remove/, type.instance, { ...node, userDataReplaceOnChange: true });
    });
  });

  describe("what is declared", () => {
    const declared = (aws: unknown) => declaredBy({ "pgha:aws": JSON.stringify(aws), "pgha:driver": "aws" }, "prod");

    it("is read from the stack's configuration", () =>
      assert.deepEqual(declared({ public: true, clients: [world], protect: false, zones: ["us-east-1a"] }), {
        stack: "prod",
        public: true,
        clients: [world],
        protect: false,
      }));

    it("is nothing where the configuration does not say, or can't be read", () => {
      const none = { stack: "prod", public: false, clients: [], protect: undefined };
      assert.deepEqual(declaredBy({}, "prod"), none);
      assert.deepEqual(declared(null), none);
      assert.deepEqual(declaredBy({ "pgha:aws": "{" }, "prod"), none);
      assert.deepEqual(declared({ public: "yes", clients: "all", protect: "no" }), none);
    });
  });

  it("leaves out what the preview does not know", () => {
    const unknown = new Proxy({ a: 1, b: "?" } as Values, {
      get(target, key) {
        if (key === "b") throw new Error("string value at .b can't be known during preview");
        return target[key as string];
      },
    });
    assert.deepEqual(plain({ list: [1, unknown, null], text: "x" }), { list: [1, { a: 1 }, null], text: "x" });
  });
});
