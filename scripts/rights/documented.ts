/** For whom the policies in docs/ are: `staging` as committed, in an account that is not known. */
import { settingsFromFile } from "../../settings/load";
import { checkoutRoot } from "../../ops/env";
import { placeholders, type Deployment } from "./deployment";

export function documented(): Deployment {
  const { account, bucket, stateKey } = placeholders;
  return { settings: settingsFromFile(checkoutRoot, "staging"), stack: "staging", account, bucket, stateKey };
}
