/**
 * What IAM decides about a request by the policies of whoever makes it: the part of the policy language that documents of the
 * project use. What it does not know it refuses to judge, rather than guess.
 * After: IAM user guide, "Policy evaluation logic" and "IAM JSON policy elements: Condition operators".
 */
import type { Policy, Statement } from "../../../settings/aws/policy-document";

/** One question of a call: may this be done to this? A call asks it of everything that it touches. */
export interface Request {
  /** "ec2:RunInstances" */
  action: string;
  /** ARN of what it is done to; "*" where the action knows no resources. */
  resource: string;
  /** Condition keys and their values: "aws:ResourceTag/pgha:cluster". A key may have several. */
  context: Record<string, string | string[]>;
}

export type Decision = "allowed" | "denied" | "not allowed";

/** @throws Error when a policy has an element, operator or variable that this does not know */
export function decide(policies: Policy[], request: Request): Decision {
  const matching = policies.flatMap(({ Statement }) => Statement).filter((one) => matches(one, request));
  if (matching.some(({ Effect }) => Effect === "Deny")) return "denied";
  return matching.some(({ Effect }) => Effect === "Allow") ? "allowed" : "not allowed";
}

const elements = new Set(["Sid", "Effect", "Action", "Resource", "Condition"]);

function matches(statement: Statement, { action, resource, context }: Request): boolean {
  const unknown = Object.keys(statement).filter((key) => !elements.has(key));
  if (unknown.length > 0)
    throw new Error(`statement ${statement.Sid} has ${unknown.join(", ")}, which is not judged here`);
  return (
    [statement.Action].flat().some((pattern) => like(action.toLowerCase(), pattern.toLowerCase())) &&
    [statement.Resource].flat().some((pattern) => like(resource, pattern)) &&
    Object.entries(statement.Condition ?? {}).every(([operator, keys]) =>
      Object.entries(keys).every(([key, wanted]) => holds(operator, [wanted].flat(), valuesOf(context, key))),
    )
  );
}

/** Names of keys are the same in upper and lower case; those of tags in them are not. */
function valuesOf(context: Request["context"], key: string): string[] | undefined {
  const found = Object.entries(context).find(
    ([name]) => name === key || (!key.includes("/") && name.toLowerCase() === key.toLowerCase()),
  );
  return found && [found[1]].flat();
}

/** `*` is any text, also one with `/` and `:` in it; `?` is one character. */
function like(text: string, pattern: string): boolean {
  if (pattern.includes("${")) throw new Error(`${pattern} has a variable, which is not judged here`);
  const source = pattern
    .replace(/[.+^$()|[\]{}\\]/g, "\\$&")
    .replaceAll("*", ".*")
    .replaceAll("?", ".");
  return new RegExp(`^${source}$`, "s").test(text);
}

type Compare = (value: string, wanted: string) => boolean;
const same: Compare = (value, wanted) => value === wanted;
const operators: Record<string, { compare: Compare; not?: boolean }> = {
  StringEquals: { compare: same },
  StringNotEquals: { compare: same, not: true },
  StringLike: { compare: like },
  StringNotLike: { compare: like, not: true },
  ArnEquals: { compare: like },
  ArnLike: { compare: like },
  ArnNotLike: { compare: like, not: true },
  Bool: { compare: same },
};

function holds(operator: string, wanted: string[], values: string[] | undefined): boolean {
  if (operator === "Null") return wanted.some((one) => (one === "true") === (values === undefined));
  const [, set, name = "", ifExists] = /^(?:(ForAllValues|ForAnyValue):)?(\w+?)(IfExists)?$/.exec(operator) ?? [];
  const known = operators[name];
  if (!known) throw new Error(`the operator ${operator} is not judged here`);
  const { compare, not = false } = known;
  // A value holds when it is one of the wanted; for the operators with Not, when it is none of them.
  const fits = (value: string) => wanted.some((one) => compare(value, one)) !== not;
  if (values === undefined) return set === "ForAllValues" || (set === undefined && (not || ifExists !== undefined));
  if (set === "ForAllValues") return values.every(fits);
  if (set === "ForAnyValue") return values.some(fits);
  if (values.length > 1) throw new Error(`${operator} compares one value, and was given ${values.join(", ")}`);
  return fits(values[0]!);
}
