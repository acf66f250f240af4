/** `npm run pulumi -- ARGS`: the Pulumi CLI in its environment. It sees to the tools only; `npm run up` also to what machines need. */
import { setup } from "./setup";
import { main, pulumi } from "./stack";

main(async (args) => {
  await setup({ driver: "aws" });
  return pulumi(args);
});
