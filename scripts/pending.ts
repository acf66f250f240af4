/** What an `up` that was killed was making. AWS may have it, and nothing of it is in the state. */
import { run } from "../ops/process";
import { checkoutRoot, pulumiEnv } from "../ops/env";

interface Exported {
  deployment?: { pending_operations?: { type: string; resource: { urn: string } }[] };
}

/** Names of those resources. @param text what `pulumi stack export` prints */
export function pendingCreates(text: string): string[] {
  const { deployment } = JSON.parse(text) as Exported;
  const creates = (deployment?.pending_operations ?? []).filter(({ type }) => type === "creating");
  return creates.map(({ resource }) => resource.urn.split("::").at(-1)!);
}

/** Says it, with what to do. Pulumi itself says it only of an `up` without `--refresh`. Nothing where nothing was cut off. */
export const pendingNotice = (stack: string, names: string[]): string =>
  names.length === 0
    ? ""
    : [
        `An earlier run was killed while it made ${names.join(", ")}. AWS may have it, and Pulumi does not know it: where this run is told`,
        "that something exists already or is in use, look at it, delete it, and run this again. Once all is well, forget it:",
        `  npm run pulumi -- refresh --yes --clear-pending-creates --stack ${stack}`,
      ].join("\n");

/** As noted in the state of a stack. */
export async function noticeOfPending(stack: string): Promise<string> {
  const args = ["stack", "export", "--stack", stack, "--non-interactive"];
  const { code, stdout } = await run("pulumi", args, { cwd: checkoutRoot, env: pulumiEnv() });
  // A stack that cannot be read is for the run itself to complain of.
  return code === 0 ? pendingNotice(stack, pendingCreates(stdout)) : "";
}
