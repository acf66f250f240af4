import { isNode, types, type Rule, type StackRule } from "../rule";

const description = "No machine of the cluster has a public address; the bastion alone may have one.";

/** An address that comes with the machine or from its subnet. Said outright, since the subnet's default may change. */
export const privateNodes: Rule = {
  name: "nodes-private",
  description,
  faults(resource) {
    const { type, props } = resource;
    if (isNode(resource) && props.associatePublicIpAddress !== false)
      return ["Set associatePublicIpAddress to false; pgha:aws.bastion is the way in."];
    if (type === types.subnet && props.mapPublicIpOnLaunch === true)
      return ["Set mapPublicIpOnLaunch to false: whatever is started there would get a public address."];
    return [];
  },
};

/** An address given to a machine afterwards: only the whole stack shows to which. */
export const noAddressForNodes: StackRule = {
  name: "no-elastic-address-for-nodes",
  description,
  faults: (resources) =>
    resources
      .filter(({ type }) => type === types.address || type === types.association)
      .filter(({ from }) => [...(from.instance ?? []), ...(from.instanceId ?? [])].some(isNode))
      .map(({ urn }) => ({ urn, fault: "It gives a machine of the cluster a public address: remove it." })),
};
