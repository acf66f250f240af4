/** `npm run up [-- --stack NAME] [-- FLAGS FOR PULUMI]`: from whatever is there to a working cluster. */
import { clientPorts } from "../components/plan";
import { printEndpoints } from "../ops/endpoints";
import { machinesMissing } from "./machines";
import { setup } from "./setup";
import { requirePorts } from "./setup/ports";
import { main, pulumi, releaseDeadLocks, selectStack, stackArguments, stackSettings } from "./stack";

main(async (args) => {
  const { stack, extra } = stackArguments(args);
  const settings = stackSettings(stack);
  await setup();
  if (settings.driver === "incus") {
    const proxies = Array.from({ length: settings.nodes.haproxy }, (_, proxy) => clientPorts(settings, proxy));
    await requirePorts(
      settings.name,
      proxies.flatMap((ports) => Object.values(ports)),
    );
  }
  await selectStack(stack);
  await releaseDeadLocks(stack);
  const refresh = settings.driver !== "incus" || (await machinesMissing(settings)) ? ["--refresh"] : [];
  const quiet = ["--suppress-progress", "--suppress-outputs"];
  const code = await pulumi(["up", "--yes", "--skip-preview", ...quiet, ...refresh, "--stack", stack, ...extra]);
  if (code === 0) await printEndpoints(stack);
  return code;
});
