/** Placement groups, which moto does not have. */
import { randomBytes } from "node:crypto";
import { AwsError, xml, type Handler, type Layer } from "./front";
import { listIn, type Tags } from "./iam/tags";

interface Group {
  id: string;
  name: string;
  strategy: string;
  tags: Tags;
}

const show = ({ id, name, strategy, tags }: Group): string => {
  const items = Object.entries(tags)
    .map(([key, value]) => `<item><key>${key}</key><value>${value}</value></item>`)
    .join("");
  return (
    `<groupName>${name}</groupName><groupId>${id}</groupId><strategy>${strategy}</strategy><state>available</state>` +
    `<groupArn>arn:aws:ec2:us-east-1:123456789012:placement-group/${name}</groupArn><tagSet>${items}</tagSet>`
  );
};

export function placementGroups(): Layer {
  const groups = new Map<string, Group>();
  const named = (name: string): Group => {
    const found = groups.get(name);
    if (!found) throw new AwsError("InvalidPlacementGroup.Unknown", `The placement group '${name}' is unknown.`);
    return found;
  };
  /** Calls on tags of a group, which know it by its id alone; those of all else are moto's. */
  const retagged =
    (root: string, change: (tags: Tags, given: Tags) => Tags): Handler =>
    async ({ params }, forward) => {
      const id = params.get("ResourceId.1") ?? "";
      if (!id.startsWith("pg-")) return forward();
      const group = [...groups.values()].find((one) => one.id === id);
      if (!group) throw new AwsError("InvalidPlacementGroup.Unknown", `The placement group '${id}' is unknown.`);
      group.tags = change(group.tags, listIn(params, "Tag"));
      return xml(root, "<return>true</return>");
    };
  return {
    "ec2:CreateTags": retagged("CreateTagsResponse", (tags, given) => ({ ...tags, ...given })),
    "ec2:DeleteTags": retagged("DeleteTagsResponse", (tags, given) =>
      Object.fromEntries(Object.entries(tags).filter(([key]) => given[key] === undefined)),
    ),
    "ec2:CreatePlacementGroup": async (call) => {
      const name = call.params.get("GroupName")!;
      if (groups.has(name)) {
        throw new AwsError("InvalidPlacementGroup.Duplicate", `The placement group '${name}' already exists.`);
      }
      const id = `pg-${randomBytes(8).toString("hex")}`;
      const group = {
        id,
        name,
        strategy: call.params.get("Strategy")!,
        tags: listIn(call.params, "TagSpecification.1.Tag"),
      };
      groups.set(name, group);
      return xml("CreatePlacementGroupResponse", `<placementGroup>${show(group)}</placementGroup>`);
    },
    "ec2:DescribePlacementGroups": async ({ params }) => {
      const asked = params.get("GroupName.1");
      const found = asked === null ? [...groups.values()] : [named(asked)];
      const items = found.map((group) => `<item>${show(group)}</item>`).join("");
      return xml("DescribePlacementGroupsResponse", `<placementGroupSet>${items}</placementGroupSet>`);
    },
    "ec2:DeletePlacementGroup": async ({ params }) => {
      groups.delete(named(params.get("GroupName")!).name);
      return xml("DeletePlacementGroupResponse", "<return>true</return>");
    },
  };
}
