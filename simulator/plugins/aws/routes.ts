// Route tables, their routes, and which subnet follows which.
import type { ResourceType } from "../lib/plugin";
import type { Values } from "../lib/wire";
import { ec2, found, gone } from "./client";
import { allTags, observedTags, specification, tagged, tagMap } from "./tags";

const text = { type: "string" } as const;
const needed = { type: "string", required: true, replaces: true } as const;

async function table(id: unknown) {
  return (await found(ec2().describeRouteTables({ RouteTableIds: [String(id)] })))?.RouteTables?.[0];
}

export const RouteTable: ResourceType = tagged({
  inputs: {
    vpcId: needed,
    routes: { type: "list", unsupported: "declare each as an aws.ec2.Route" },
  },
  computed: ["arn", "ownerId"],
  async create(inputs) {
    const { RouteTable: made } = await ec2().createRouteTable({
      VpcId: String(inputs.vpcId),
      TagSpecifications: specification("route-table", allTags(inputs)),
    });
    const id = made!.RouteTableId!;
    return { id, outputs: { arn: `arn:aws:ec2:::route-table/${id}`, ownerId: made!.OwnerId } };
  },
  async read(_state, { id }) {
    const there = await table(id);
    return there && observedTags(tagMap(there.Tags));
  },
  delete: (_inputs, _state, { id }) => gone(ec2().deleteRouteTable({ RouteTableId: id })),
});

const target = ({ gatewayId, natGatewayId }: Values) => ({
  GatewayId: gatewayId as string | undefined,
  NatGatewayId: natGatewayId as string | undefined,
});

const place = ({ routeTableId, destinationCidrBlock }: Values) => ({
  RouteTableId: String(routeTableId),
  DestinationCidrBlock: String(destinationCidrBlock),
});

export const Route: ResourceType = {
  inputs: { routeTableId: needed, destinationCidrBlock: needed, gatewayId: text, natGatewayId: text },
  computed: ["origin", "state"],
  check: ({ gatewayId, natGatewayId }) =>
    gatewayId !== undefined && natGatewayId !== undefined
      ? [{ property: "natGatewayId", reason: "only one of gatewayId and natGatewayId can be the target" }]
      : [],
  async create(inputs) {
    await ec2().createRoute({ ...place(inputs), ...target(inputs) });
    return {
      id: `r-${String(inputs.routeTableId)}-${String(inputs.destinationCidrBlock)}`,
      outputs: { origin: "CreateRoute", state: "active" },
    };
  },
  async update(inputs, state) {
    await ec2().replaceRoute({ ...place(inputs), ...target(inputs) });
    return state;
  },
  async read(state) {
    const routes = (await table(state.routeTableId))?.Routes ?? [];
    const route = routes.find(({ DestinationCidrBlock }) => DestinationCidrBlock === state.destinationCidrBlock);
    return route && { gatewayId: route.GatewayId || undefined, natGatewayId: route.NatGatewayId || undefined };
  },
  delete: (inputs) => gone(ec2().deleteRoute(place(inputs))),
};

/** The association of a subnet with a table. Its id changes with the table, so it is not what it is known by here. */
async function association({ routeTableId, subnetId }: Values): Promise<string | undefined> {
  const there = (await table(routeTableId))?.Associations ?? [];
  return there.find((one) => one.SubnetId === subnetId)?.RouteTableAssociationId;
}

export const RouteTableAssociation: ResourceType = {
  inputs: { routeTableId: { type: "string", required: true }, subnetId: needed },
  computed: [],
  async create(inputs) {
    const made = await ec2().associateRouteTable({
      RouteTableId: String(inputs.routeTableId),
      SubnetId: String(inputs.subnetId),
    });
    return { id: made.AssociationId!, outputs: {} };
  },
  async update(inputs, state) {
    const AssociationId = await association(state);
    if (!AssociationId)
      throw new Error(`subnet ${String(state.subnetId)} follows no route table of this stack any more`);
    await ec2().replaceRouteTableAssociation({ AssociationId, RouteTableId: String(inputs.routeTableId) });
    return {};
  },
  read: async (state) => ((await association(state)) ? {} : undefined),
  async delete(_inputs, state) {
    const AssociationId = await association(state);
    if (AssociationId) await gone(ec2().disassociateRouteTable({ AssociationId }));
  },
};
