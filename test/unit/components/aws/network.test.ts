import assert from "node:assert/strict";
import { rules } from "../../../../settings/aws/flows";
import { settingsFromConfig } from "../../../../settings/load";
import { ofType, runAws, type Inputs } from "../../support/run-aws";
import { stackConfig } from "../../support/config";
import { resource } from "../../support/goldens";
import type { Calls } from "../../support/mocks-aws";
import type { Run } from "../../support/program";
import { declaredPublic } from "../../support/declared-public";

describe("network on AWS", () => {
  const settings = settingsFromConfig(stackConfig("staging"), "staging");
  let run: Run;
  /** The same with clients outside, and a name for them. */
  let open: Run;
  before(async () => {
    run = await runAws("staging");
    open = await runAws("staging", {
      public: true,
      clients: ["198.51.100.0/24"],
      dns: "pgha.internal",
      natPerZone: true,
    });
  });

  describe("security groups", () => {
    const groupOf = (id: unknown) => String(id).replace("id-of-pgha-aws-firewall-", "");
    const declared = (of: Run) =>
      ["Ingress", "Egress"].flatMap((direction) =>
        ofType(of, `SecurityGroup${direction}Rule`).map(({ name, inputs }) => {
          assert.equal(inputs.fromPort, inputs.toPort, name);
          assert.equal(inputs.ipProtocol, "tcp", name);
          const other = inputs.cidrIpv4 ?? groupOf(inputs.referencedSecurityGroupId);
          return `${groupOf(inputs.securityGroupId)} ${direction.toLowerCase()} ${String(other)} ${String(inputs.fromPort)}`;
        }),
      );

    it("have the rules of the flows and no other", () => {
      const expected = rules(settings).map(
        ({ group, direction, peer, port }) =>
          `${group} ${direction} ${"group" in peer ? peer.group : peer.cidr} ${port}`,
      );
      assert.deepEqual(declared(run).sort(), expected.sort());
      for (const { name, inputs } of ofType(run, "SecurityGroup")) {
        assert.equal(inputs.ingress, undefined, name);
        assert.equal(inputs.egress, undefined, name);
      }
    });

    it("let nobody in from the internet but the operators, to the bastion", () => {
      const open = declaredPublic(settings).map(({ group, cidr, port }) => `${group} ingress ${cidr} ${port}`);
      const found = declared(run).filter((rule) => / ingress (?!10\.)\d/.test(rule));
      assert.deepEqual(found, open);
      assert.deepEqual(found, ["bastion ingress 203.0.113.0/24 22"]);
    });

    it("are each machine's own, one for its role; none is in the VPC's default one", () => {
      for (const name of ["etcd1", "postgresql1", "haproxy1"]) {
        const groups = resource(run, `${name}-instance`).inputs.vpcSecurityGroupIds as string[];
        assert.deepEqual(groups.map(groupOf), [name.replace("1", "")]);
      }
      for (const { name, type, inputs } of run.resources.values()) {
        if (type === "aws:ec2/instance:Instance")
          assert.equal((inputs.vpcSecurityGroupIds as string[]).length, 1, name);
      }
    });
  });

  describe("the way out", () => {
    const targets = (of: Run) =>
      ["a", "b", "c"].map(
        (zone) => resource(of, `pgha-aws-network-private-us-east-1${zone}-default`).inputs.natGatewayId,
      );

    it("is one NAT gateway for all zones, or one in each", () => {
      assert.equal(ofType(run, "NatGateway").length, 1);
      assert.equal(new Set(targets(run)).size, 1);
      assert.equal(ofType(open, "NatGateway").length, 3);
      assert.equal(new Set(targets(open)).size, 3);
    });
  });

  describe("the bastion", () => {
    it("has the only public address of a machine, in a public subnet, and no more rights than others", () => {
      const addresses = ofType(run, "Eip").filter(({ inputs }) => inputs.instance !== undefined);
      assert.deepEqual(
        addresses.map(({ inputs }) => inputs.instance),
        ["id-of-pgha-aws-bastion-instance"],
      );
      const { inputs } = resource(run, "pgha-aws-bastion-instance");
      assert.equal(inputs.subnetId, "id-of-pgha-aws-network-public-us-east-1a");
      assert.equal(inputs.associatePublicIpAddress, undefined, "false would replace it at every up, see instance.ts");
      assert.equal(inputs.iamInstanceProfile, "pgha-staging-bastion");
    });

    it("is ready before any node converges", () => {
      for (const name of ["etcd1", "postgresql1", "haproxy1"]) {
        const needs = resource(run, `${name}-converge`).dependencies.map((urn) => run.resources.get(urn)!.name);
        assert.ok(needs.includes("pgha-aws-bastion-address"), name);
      }
    });
  });

  describe("the endpoint", () => {
    it("is an internal load balancer over all zones, which asks the proxies what is behind them", () => {
      const { inputs } = resource(run, "pgha-aws-endpoint-balancer");
      assert.equal(inputs.internal, true);
      assert.equal(inputs.enableCrossZoneLoadBalancing, true);
      assert.deepEqual(
        inputs.subnets,
        ["a", "b", "c"].map((zone) => `id-of-pgha-aws-network-clients-us-east-1${zone}`),
      );
      for (const [use, port] of Object.entries({ write: 5000, read: 5001, pooled: 6432, pooledRead: 6433 })) {
        const inside = { write: 5010, read: 5011, pooled: 6442, pooledRead: 6443 }[use];
        const group = resource(run, `pgha-aws-endpoint-to-${use}`).inputs;
        const health = group.healthCheck as Inputs;
        assert.deepEqual(
          [health.protocol, health.port, health.path, health.matcher],
          ["HTTP", "8010", `/${use}`, "200"],
        );
        assert.deepEqual(group.targetHealthStates, [{ enableUnhealthyConnectionTermination: false }]);
        assert.deepEqual([group.connectionTermination, group.deregistrationDelay], [true, 60]);
        assert.deepEqual(
          [group.preserveClientIp, group.proxyProtocolV2],
          ["false", true],
          "the client's address is told",
        );
        const listener = resource(run, `pgha-aws-endpoint-${use}-listener`);
        assert.equal(listener.inputs.port, port);
        const needs = listener.dependencies.map((urn) => run.resources.get(urn)!.name);
        for (const proxy of ["haproxy1", "haproxy2"])
          assert.ok(needs.includes(`${proxy}-converge`), "leads to the proxies once they listen");
        for (const [proxy, address] of Object.entries({ haproxy1: "10.100.0.22", haproxy2: "10.100.1.22" })) {
          const target = resource(run, `pgha-aws-endpoint-to-${use}-${proxy}`).inputs;
          assert.deepEqual([target.targetId, target.port], [address, inside]);
        }
      }
      assert.equal(ofType(run, "Listener").length, 4);
      assert.equal(ofType(run, "Zone").length, 0, "no DNS zone unless it is asked for");
    });

    it("is in the public subnets when clients are outside", () => {
      const { inputs } = resource(open, "pgha-aws-endpoint-balancer");
      assert.equal(inputs.internal, false);
      assert.equal((inputs.subnets as string[])[0], "id-of-pgha-aws-network-public-us-east-1a");
    });

    it("is made only once its subnets lead to the internet when clients are outside: AWS refuses it before", () => {
      const needs = resource(open, "pgha-aws-endpoint-balancer").dependencies.map(
        (urn) => open.resources.get(urn)!.name,
      );
      assert.ok(needs.includes("pgha-aws-network-public-default"), "the route to the internet gateway");
      for (const zone of ["a", "b", "c"])
        assert.ok(needs.includes(`pgha-aws-network-public-us-east-1${zone}-routes`), zone);
    });

    it("has a name in a private zone of the VPC when the settings want one", () => {
      const zone = resource(open, "pgha-aws-endpoint-zone").inputs;
      assert.deepEqual([zone.name, zone.vpcs], ["pgha.internal", [{ vpcId: "id-of-pgha-aws-network-vpc" }]]);
      const record = resource(open, "pgha-aws-endpoint-record").inputs;
      assert.equal(record.name, "db.pgha.internal");
      assert.equal((record.aliases as Inputs[])[0]!.name, "pgha-staging-1.elb.us-east-1.amazonaws.com");
    });
  });
});

describe("network on AWS in an existing VPC", () => {
  const zones = ["us-east-1a", "us-east-1b", "us-east-1c"];
  const vpc = {
    id: "vpc-0123456789abcdef0",
    nodes: Object.fromEntries(
      zones.map((zone, index) => [zone, { subnet: `subnet-0000000${index}`, cidr: `10.100.${index}.0/24` }]),
    ),
  };
  const bastion = { host: "bastion.example.com", port: 2222, user: "ops", hostKey: "ssh-ed25519 AAAAC3Nz" };
  const answers: Calls = {
    "aws:ec2/getVpc:getVpc": ({ id }) => ({ id, enableDnsSupport: true, enableDnsHostnames: true }),
    "aws:ec2/getSubnet:getSubnet": ({ id }) => {
      const index = Number(String(id).at(-1));
      return { vpcId: vpc.id, availabilityZone: zones[index], cidrBlock: `10.100.${index}.0/24` };
    },
    "aws:ec2/getRouteTable:getRouteTable": () => ({
      routes: [{ cidrBlock: "0.0.0.0/0", gatewayId: "", natGatewayId: "nat-0123456789abcdef0" }],
    }),
  };
  let run: Run;
  before(async () => (run = await runAws("staging", { vpc, bastion }, answers)));

  it("makes nothing of its own in it but security groups", () => {
    const made = /^aws:ec2\/(vpc|subnet|internetGateway|natGateway|routeTable|route|eip|defaultSecurityGroup)\w*:/i;
    const found = [...run.resources.values()].filter(({ type }) => made.test(type));
    assert.deepEqual(
      found.map(({ name }) => name),
      [],
    );
    for (const { name, inputs } of ofType(run, "SecurityGroup")) assert.equal(inputs.vpcId, vpc.id, name);
  });

  it("puts machines and the load balancer into its subnets", () => {
    assert.equal(resource(run, "postgresql3-instance").inputs.subnetId, "subnet-00000002");
    assert.equal(resource(run, "postgresql3-instance").inputs.privateIp, "10.100.2.12");
    const { subnets } = resource(run, "pgha-aws-endpoint-balancer").inputs;
    assert.deepEqual(subnets, ["subnet-00000000", "subnet-00000001", "subnet-00000002"]);
  });

  it("goes in by the existing bastion, for which no machine is made", () => {
    const { outputs } = resource(run, "pgha-aws-bastion");
    assert.deepEqual(outputs, { host: "bastion.example.com" });
    assert.equal(ofType(run, "Instance").length, 8);
  });
});
