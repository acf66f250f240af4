/** `npm run preview [-- --stack NAME] [-- FLAGS FOR PULUMI]`: what `up` would change. */
import { judge } from "./policy";
import { setup } from "./setup";
import { main, pulumi, selectStack, stackArguments, stackSettings } from "./stack";

main(async (args) => {
  const { stack, extra } = stackArguments(args);
  const { driver } = stackSettings(stack);
  await setup({ driver });
  await selectStack(stack, driver);
  return driver === "aws" ? judge(stack, extra) : pulumi(["preview", "--stack", stack, ...extra]);
});
