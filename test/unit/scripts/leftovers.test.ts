import assert from "node:assert/strict";
import { clientsOf, findLeftovers, type Clients } from "../../../scripts/leftovers/find";

type Answer = object | ((input: Record<string, unknown>) => object);

/** Real clients whose commands are answered from a table, page by page. A command that is not in it is not expected. */
function clients(answers: Record<string, Answer>): Clients {
  const made = clientsOf("us-east-1");
  const send = async (command: { input: Record<string, unknown> }) => {
    const name = command.constructor.name.replace(/Command$/, "");
    const answer = answers[name] ?? {};
    return typeof answer === "function" ? (answer as (input: object) => object)(command.input) : answer;
  };
  for (const client of Object.values(made)) Object.assign(client, { send });
  return made;
}

const mine = [{ Key: "pgha:cluster", Value: "pgha-staging" }];
const others = [{ Key: "pgha:cluster", Value: "pgha-staging2" }];
const find = (answers: Record<string, Answer>) => findLeftovers(clients(answers), "pgha-staging");

describe("leftovers", () => {
  it("are none when AWS has nothing", async () => assert.deepEqual(await find({}), []));

  it("are what EC2 has tagged, from every page", async () => {
    const DescribeTags = ({ Filters, NextToken }: Record<string, unknown>) => {
      assert.deepEqual(Filters, [
        { Name: "key", Values: ["pgha:cluster"] },
        { Name: "value", Values: ["pgha-staging"] },
      ]);
      return NextToken
        ? { Tags: [{ ResourceType: "vpc", ResourceId: "vpc-1" }] }
        : { Tags: [{ ResourceType: "volume", ResourceId: "vol-1" }], NextToken: "more" };
    };
    assert.deepEqual(await find({ DescribeTags }), ["volume vol-1", "vpc vpc-1"]);
  });

  it("are not the tags of what is terminated or deleted, but of what still goes", async () => {
    const tag = (ResourceType: string, ResourceId: string) => ({ ResourceType, ResourceId });
    const state = (InstanceId: string, Name: string) => ({ InstanceId, State: { Name } });
    const left = await find({
      DescribeTags: {
        Tags: ["i-1", "i-2", "i-3"]
          .map((id) => tag("instance", id))
          .concat(tag("natgateway", "nat-1"), tag("natgateway", "nat-2")),
      },
      DescribeInstances: {
        Reservations: [{ Instances: [state("i-1", "terminated"), state("i-2", "shutting-down")] }],
      },
      DescribeNatGateways: {
        NatGateways: [
          { NatGatewayId: "nat-1", State: "deleting" },
          { NatGatewayId: "nat-2", State: "deleted" },
        ],
      },
    });
    assert.deepEqual(left, ["instance i-2", "natgateway nat-1"]);
  });

  it("are what the tagging API knows beside EC2", async () => {
    const arns = [
      "arn:aws:elasticloadbalancing:us-east-1:1:loadbalancer/net/pgha-staging/1",
      "arn:aws:ssm:us-east-1:1:parameter/pgha/pgha-staging/etcd1/ssh-host-key",
      "arn:aws:ec2:us-east-1:1:instance/i-1",
    ];
    const GetResources = { ResourceTagMappingList: arns.map((ResourceARN) => ({ ResourceARN })) };
    assert.deepEqual(await find({ GetResources }), arns.slice(0, 2));
  });

  it("are roles and instance profiles of the cluster, which belong to no region", async () => {
    const left = await find({
      ListRoles: { Roles: ["pgha-staging-etcd1", "pgha-staging-2-etcd1", "other"].map((RoleName) => ({ RoleName })) },
      ListRoleTags: ({ RoleName }) => ({ Tags: RoleName === "pgha-staging-etcd1" ? mine : others }),
      ListInstanceProfiles: { InstanceProfiles: [{ InstanceProfileName: "pgha-staging-etcd1" }] },
      GetInstanceProfile: { InstanceProfile: { Tags: mine } },
    });
    assert.deepEqual(left, ["IAM instance profile pgha-staging-etcd1", "IAM role pgha-staging-etcd1"]);
  });

  it("are hosted zones", async () => {
    const left = await find({
      ListHostedZones: {
        HostedZones: [
          { Id: "/hostedzone/Z1", Name: "pgha.internal." },
          { Id: "/hostedzone/Z2", Name: "x." },
        ],
      },
      ListTagsForResource: ({ ResourceId }) => ({ ResourceTagSet: { Tags: ResourceId === "Z1" ? mine : others } }),
    });
    assert.deepEqual(left, ["hosted zone Z1 (pgha.internal.)"]);
  });

  it("are not guessed: what AWS refuses to tell is an error", async () => {
    const refuse = () => {
      throw new Error("AccessDenied");
    };
    await assert.rejects(find({ ListRoles: refuse }), /AccessDenied/);
  });
});
