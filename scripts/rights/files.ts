/** The policies as files. docs/ has them for `staging`, with placeholders; `npm run golden` keeps those. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { nodeBoundary } from "./boundary";
import { deployer } from "./deployer";
import type { Deployment } from "./deployment";
import { lengthOf, longest, type Policy } from "../../settings/aws/policy-document";
import { deployerInEc2 } from "./ec2";
import { deployerInIam } from "./iam";

/** What the deployer's role has attached. Several, for one would be longer than AWS takes. */
export const deployerPolicies = (of: Deployment): Policy[] => [deployer(of), deployerInEc2(of), deployerInIam(of)];

/**
 * Every document by the name of its file.
 * @throws Error when one is longer than AWS takes
 */
export function documents(of: Deployment): Record<string, Policy> {
  const [elsewhere, ec2, iam] = deployerPolicies(of);
  const all = {
    "deployer-policy.json": elsewhere!,
    "deployer-policy-ec2.json": ec2!,
    "deployer-policy-iam.json": iam!,
    "node-boundary.json": nodeBoundary(of),
  };
  for (const [name, document] of Object.entries(all)) {
    const length = lengthOf(document);
    if (length > longest) throw new Error(`${name} has ${length} characters, and AWS takes ${longest}`);
  }
  return all;
}

/** Writes what differs. @returns the names of the files that did */
export function writeDocuments(of: Deployment, folder: string): string[] {
  mkdirSync(folder, { recursive: true });
  return Object.entries(documents(of)).flatMap(([name, document]) => {
    const path = join(folder, name);
    const text = `${JSON.stringify(document, null, 2)}\n`;
    if (existsSync(path) && readFileSync(path, "utf8") === text) return [];
    writeFileSync(path, text);
    return [name];
  });
}
