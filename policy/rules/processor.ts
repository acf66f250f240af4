import { texts, types, type Rule } from "../rule";

/**
 * Families with a g right after the generation are Arm (m7g, c6gn, im4gn), as are a1, the Macs and those with a GB
 * superchip (p6e-gb200). EC2 user guide, "Naming conventions".
 */
const isArm = (type: string) => /^(a1|mac\d)|^[a-z]+\d+g|-gb\d/.test(type.split(".")[0]!);

export const processor: Rule = {
  name: "machines-x86-64",
  description: "Every machine is x86-64: images, packages and etcd are of that architecture.",
  faults: ({ type, props }) =>
    type === types.instance && texts(props.instanceType).some(isArm)
      ? [`${String(props.instanceType)} is Arm: set pgha:machines.<role>.type to an x86-64 type, such as m7i.large.`]
      : [],
};
