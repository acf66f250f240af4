/** `bash scripts/run tools`: all that a stack on AWS needs on the machine that deploys, each plugin included, for .github/scripts/tools.sh. */
import { setup } from "./setup";
import { installEveryPlugin } from "./setup/plugins";
import { main } from "./stack";

main(async () => {
  await setup({ driver: "aws", tell: true });
  installEveryPlugin();
  return 0;
});
