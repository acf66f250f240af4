/** Placement groups, which moto does not have. */
import { randomBytes } from "node:crypto";
import { AwsError, xml, type Call, type Layer } from "./front";

interface Group {
  id: string;
  name: string;
  strategy: string;
  tags: [key: string, value: string][];
}

function tagsOf({ params }: Call): Group["tags"] {
  const tags: Group["tags"] = [];
  for (let n = 1; params.has(`TagSpecification.1.Tag.${n}.Key`); n++) {
    const of = (part: string) => params.get(`TagSpecification.1.Tag.${n}.${part}`) ?? "";
    tags.push([of("Key"), of("Value")]);
  }
  return tags;
}

const show = ({ id, name, strategy, tags }: Group): string => {
  const items = tags.map(([key, value]) => `<item><key>${key}</key><value>${value}</value></item>`).join("");
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
  return {
    "ec2:CreatePlacementGroup": async (call) => {
      const name = call.params.get("GroupName")!;
      if (groups.has(name)) {
        throw new AwsError("InvalidPlacementGroup.Duplicate", `The placement group '${name}' already exists.`);
      }
      const id = `pg-${randomBytes(8).toString("hex")}`;
      const group = { id, name, strategy: call.params.get("Strategy")!, tags: tagsOf(call) };
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
