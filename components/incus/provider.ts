/** Entry point of the dynamic provider's process: see `providerText` in `resources.ts`. */
import { endWithEngine } from "../engine";

export { instance } from "./instance";
export { network } from "./network";

endWithEngine();
