// Entry of the stand-in provider plugins: main.ts <name> [engine flags] <engine address>.
import { createRequire, enableCompileCache } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";

// Before anything large is loaded: compiled code is kept with the rest of the tool cache. What follows is therefore
// loaded by call, which import, hoisted to the top, is not.
enableCompileCache(join(process.env.XDG_CACHE_HOME || join(homedir(), ".cache"), "pgha", "node"));
const load = createRequire(__filename);

const PLUGINS = ["aws", "command", "random", "tls"];

async function main(): Promise<void> {
  const [name = "", ...rest] = process.argv.slice(2);
  const engine = rest.find((argument) => !argument.startsWith("-"));
  if (!PLUGINS.includes(name) || !engine) {
    throw new Error(`usage: pulumi-resource-{${PLUGINS.join(",")}} <engine address> (the Pulumi CLI starts it)`);
  }
  const { serve } = load("./lib/server") as typeof import("./lib/server");
  const { plugin } = load(`./${name}`) as typeof import("./tls");
  const port = await serve(plugin, engine);
  // The engine reads the port from the first line. One that was killed before it could is not seen to go later.
  process.stdout.write(`${port}\n`, (error) => {
    if (error) process.exit(1);
  });
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exit(1);
});
