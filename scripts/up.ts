/** `npm run up [-- --stack NAME] [-- FLAGS FOR PULUMI]`: from whatever exists to a working cluster. */
import { clientPorts } from "../settings/plan";
import { formatEndpoints } from "../ops/endpoints";
import { reachNodes } from "../ops/reach";
import { wholeWithin } from "../ops/status";
import { machinesMissing } from "./machines";
import { noticeOfPending } from "./pending";
import { judge, policyFlags } from "./policy";
import { setup } from "./setup";
import { requirePorts } from "./setup/ports";
import { main, pulumi, releaseDeadLocks, selectStack, stackArguments, stackExists, stackSettings } from "./stack";

/** How long the cluster may take to become whole once every node is at its settings, seconds: proxies look every few. */
const patience = 30;

/** The end of it: what `pgha status` says, and where clients find the cluster. @returns the exit code */
async function end(stack: string): Promise<number> {
  const reached = await reachNodes(stack);
  const { whole, cluster, warnings } = await wholeWithin(reached, patience);
  if (whole) {
    console.log(formatEndpoints(reached.cluster, reached.endpoints));
    return 0;
  }
  console.error(
    [
      `Every node of ${cluster} has taken its settings, but ${patience} s later the cluster is not whole:`,
      ...warnings.map((text) => `  - ${text}`),
      `See \`npx pgha status --stack ${stack}\`.`,
    ].join("\n"),
  );
  return 1;
}

main(async (args) => {
  const { stack, extra } = stackArguments(args);
  const settings = stackSettings(stack);
  await setup({ driver: settings.driver });
  if (settings.driver === "incus") {
    const proxies = Array.from({ length: settings.nodes.haproxy }, (_, proxy) => clientPorts(settings, proxy));
    await requirePorts(
      (await stackExists(stack)) ? undefined : settings.name,
      proxies.flatMap((ports) => Object.values(ports)),
    );
  }
  await selectStack(stack, settings.driver);
  await releaseDeadLocks(stack);
  const refresh = settings.driver !== "incus" || (await machinesMissing(settings)) ? ["--refresh"] : [];
  const quiet = ["--suppress-progress", "--suppress-outputs"];
  const onAws = settings.driver === "aws";
  if (onAws) {
    const notice = await noticeOfPending(stack);
    if (notice) console.error(notice);
    // Rules are held against the whole preview before anything is changed; on this host there is nothing for them to see.
    const refused = await judge(stack, [...quiet, ...refresh, ...extra]);
    if (refused !== 0) return refused;
  }
  const policy = onAws ? policyFlags : [];
  const flags = ["--yes", "--skip-preview", ...policy, ...quiet, ...refresh, "--stack", stack, ...extra];
  const code = await pulumi(["up", ...flags]);
  return code === 0 ? end(stack) : code;
});
