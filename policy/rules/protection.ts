import { isNode, types, type Rule } from "../rule";

/** Data that only a reviewed change of a setting can delete. */
export const protection: Rule = {
  name: "production-protected",
  description:
    "In prod, and wherever pgha:aws.protect says so, data, machines and endpoint cannot be deleted by mistake.",
  faults(resource, { stack, protect }) {
    const { type, props } = resource;
    // `false` written out is the commit that prepares taking prod down; leaving it out is an oversight.
    const undeclared = stack === "prod" && protect === undefined;
    if (!protect && !undeclared) return [];
    const why = undeclared ? " Set pgha:aws.protect to true for stack prod." : "";
    if (type === types.volume && !resource.protect)
      return [`Give this volume the resource option protect: it holds the data.${why}`];
    if (isNode(resource) && props.disableApiTermination !== true) return [`Set disableApiTermination to true.${why}`];
    if (type === types.loadBalancer && props.enableDeletionProtection !== true)
      return [`Set enableDeletionProtection to true.${why}`];
    return [];
  },
};
