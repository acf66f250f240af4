import { object, objects, texts, type Rule, type Values } from "../rule";

const statements = (document: unknown): Values[] => {
  try {
    return objects(object(typeof document === "string" ? JSON.parse(document) : document).Statement);
  } catch {
    return [{ Effect: "Allow", Action: "*" }]; // what can't be read can't be judged
  }
};

const wildcard = (text: string) => /[*?]/.test(text);

function faultsOf(document: unknown): string[] {
  return statements(document)
    .filter(({ Effect }) => Effect !== "Deny")
    .flatMap((statement) => {
      const faults: string[] = [];
      for (const key of ["NotAction", "NotResource", "NotPrincipal"])
        if (key in statement) faults.push(`${key} allows everything else: write what is allowed.`);
      const actions = texts(statement.Action).filter(wildcard);
      if (actions.length > 0) faults.push(`Write the actions that are needed instead of ${actions.join(", ")}.`);
      const resources = texts(statement.Resource).filter(wildcard);
      if (resources.length > 0) faults.push(`Write the resource's whole ARN instead of ${resources.join(", ")}.`);
      const principals = [...texts(statement.Principal), ...Object.values(object(statement.Principal)).flatMap(texts)];
      if (principals.some(wildcard)) faults.push("Write who may take this role instead of *.");
      return faults;
    });
}

const attached = ["Write out the rights that are needed in a RolePolicy: a managed policy allows more, and may grow."];

/** Where rights are written. */
const rights: Record<string, (props: Values) => string[]> = {
  "aws:iam/rolePolicy:RolePolicy": ({ policy }) => faultsOf(policy),
  "aws:iam/policy:Policy": ({ policy }) => faultsOf(policy),
  "aws:iam/role:Role": ({ assumeRolePolicy, inlinePolicies, managedPolicyArns }) => [
    ...faultsOf(assumeRolePolicy),
    ...objects(inlinePolicies).flatMap(({ policy }) => faultsOf(policy)),
    ...(texts(managedPolicyArns).length > 0 ? attached : []),
  ],
  "aws:iam/rolePolicyAttachment:RolePolicyAttachment": () => attached,
  "aws:iam/policyAttachment:PolicyAttachment": () => attached,
};

export const leastRights: Rule = {
  name: "rights-without-wildcards",
  description: "A machine may do what is written out for it, to what is named: no wildcard in any IAM policy.",
  // A document that the preview does not know yet is judged during the update.
  faults: ({ type, props }) => rights[type]?.(props) ?? [],
};
