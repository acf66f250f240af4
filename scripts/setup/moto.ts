/** moto, which answers AWS' interfaces in a rehearsal. */
import { join } from "node:path";
import { checkoutRoot } from "../../ops/env";
import { pythonProgram } from "./python";

/** Sees to moto, for what needs it: rehearsals, and tests of them. @returns its server's program */
export const withMoto = (): string =>
  pythonProgram(
    {
      name: "moto",
      why: "AWS' interfaces for rehearsals",
      requirements: join(checkoutRoot, "simulator", "cloud", "requirements.txt"),
    },
    "moto_server",
  );
