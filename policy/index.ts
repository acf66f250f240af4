/** The policy pack: every rule mandatory, so that a preview that breaks one fails and nothing is changed. */
import {
  PolicyPack,
  type PolicyResource,
  type ResourceValidationPolicy,
  type StackValidationPolicy,
} from "@pulumi/policy";
import { declaredBy } from "./declared";
import { plain } from "./plain";
import type { Placed, Values } from "./rule";
import { rules, stackRules } from "./rules";

const config = JSON.parse(process.env.PULUMI_CONFIG || "{}") as Record<string, string>;
const declared = declaredBy(config, process.env.PULUMI_STACK ?? "");

const values = (props: unknown) => plain(props) as Values;

const ofResources = rules.map(({ name, description, faults }): ResourceValidationPolicy => ({
  name,
  description,
  validateResource({ type, props, opts }, report) {
    const { protect, ignoreChanges } = opts;
    for (const fault of faults({ type, props: values(props), protect, ignoreChanges }, declared)) report(fault);
  },
}));

const seen = ({ type, props }: PolicyResource) => ({ type, props: values(props) });

const placed = (resource: PolicyResource): Placed => ({
  ...seen(resource),
  urn: resource.urn,
  name: resource.name,
  from: Object.fromEntries(
    Object.entries(resource.propertyDependencies).map(([input, resources]) => [input, resources.map(seen)]),
  ),
});

const ofStacks = stackRules.map(({ name, description, faults }): StackValidationPolicy => ({
  name,
  description,
  validateStack({ resources }, report) {
    for (const { urn, fault } of faults(resources.map(placed))) report(fault, urn);
  },
}));

new PolicyPack("pgha", { enforcementLevel: "mandatory", policies: [...ofResources, ...ofStacks] });

// A CLI that was killed can't end this process, which would serve nobody for ever.
const cli = process.ppid;
setInterval(() => process.ppid === cli || process.exit(), 1000).unref();
