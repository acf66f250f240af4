/** `npm run pulumi -- ARGS`: the Pulumi CLI of the set-up, in its environment. */
import { setup } from "./setup";
import { main, pulumi } from "./stack";

main(async (args) => {
  await setup();
  return pulumi(args);
});
