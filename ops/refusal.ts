import type { Reason } from "./decide";
import { exitCode, OpsError } from "./errors";

/** A command that does not begin, with all that speaks against it. */
export class Refused extends OpsError {
  constructor(command: string, reasons: Pick<Reason, "text">[]) {
    super(
      `${command} refused, nothing was changed:\n${reasons.map(({ text }) => `  - ${text}`).join("\n")}`,
      exitCode.bad,
    );
  }
}
