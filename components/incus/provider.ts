/** Entry point of the dynamic provider's process: see `providerText` in `resources.ts`. */
import "../ends-with-engine";

export { instance } from "./instance";
export { network } from "./network";
