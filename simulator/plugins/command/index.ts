// Stand-in for @pulumi/command 1.2.1: remote.Command and local.Command.
import { randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import type { Context, Plugin, Properties, ResourceType } from "../lib/plugin";
import type { Values } from "../lib/wire";
import type { Outputs, RunInputs } from "./capture";
import { connectionInput } from "./inputs";
import { runLocal } from "./local";

const load = createRequire(__filename);

const text = { type: "string" } as const;

const commonInputs: Properties = {
  create: text,
  update: text,
  delete: text,
  stdin: text,
  environment: { type: "map", items: text },
  triggers: { type: "list", replaces: true },
  logging: { type: "string", oneOf: ["stdout", "stderr", "stdoutAndStderr", "none"] },
  addPreviousOutputInEnv: { type: "boolean" },
};

type Run = (command: string, inputs: RunInputs, previous: Outputs, context: Context) => Promise<Outputs>;

/** ssh2 takes long to load and most runs, previews above all, dial nobody. */
const runRemote: Run = (...given) => (load("./remote") as typeof import("./remote")).runRemote(...given);

/** A resource that runs a command at its creation, at every change of its inputs, and at its end. */
function commandType(inputs: Properties, run: Run): ResourceType {
  const runIf = async (command: unknown, given: Values, state: Values, context: Context): Promise<Values> => {
    const previous: Outputs = { stdout: String(state.stdout ?? ""), stderr: String(state.stderr ?? "") };
    const outputs =
      command === undefined ? previous : await run(String(command), given as RunInputs, previous, context);
    return { ...outputs };
  };
  return {
    inputs: { ...commonInputs, ...inputs },
    computed: ["stdout", "stderr"],
    recomputes: true,
    async create(given, context) {
      const id = context.name + randomBytes(4).toString("hex");
      return { id, outputs: await runIf(given.create, given, {}, context) };
    },
    update: (given, state, context) => runIf(given.update ?? given.create, given, state, context),
    async delete(given, state, context) {
      await runIf(given.delete, given, state, context);
    },
  };
}

export const plugin: Plugin = {
  name: "command",
  version: "1.2.1",
  cancels: true,
  resources: {
    "command:remote:Command": commandType({ connection: connectionInput }, runRemote),
    "command:local:Command": commandType(
      {
        dir: text,
        interpreter: { type: "list", items: text },
        assetPaths: { type: "list", unsupported: "read the files in the program instead" },
        archivePaths: { type: "list", unsupported: "read the files in the program instead" },
      },
      runLocal,
    ),
  },
};
