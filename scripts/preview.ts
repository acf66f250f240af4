/** `npm run preview [-- --stack NAME] [-- FLAGS FOR PULUMI]`: what `up` would change. */
import { setup } from "./setup";
import { main, pulumi, selectStack, stackArguments, stackSettings } from "./stack";

main(async (args) => {
  const { stack, extra } = stackArguments(args);
  stackSettings(stack);
  await setup();
  await selectStack(stack);
  return pulumi(["preview", "--stack", stack, ...extra]);
});
