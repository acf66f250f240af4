/** `npm run destroy [-- --stack NAME] [-- FLAGS FOR PULUMI]`: removes a cluster and its data. */
import { setup } from "./setup";
import { main, pulumi, releaseDeadLocks, stackArguments, stackDriver, stackExists } from "./stack";

main(async (args) => {
  const { stack, extra } = stackArguments(args);
  await setup({ driver: stackDriver(stack) });
  if (!(await stackExists(stack))) {
    console.log(`There is no stack ${stack}: nothing to remove.`);
    return 0;
  }
  await releaseDeadLocks(stack);
  return pulumi(["destroy", "--yes", "--skip-preview", "--suppress-progress", "--stack", stack, ...extra]);
});
