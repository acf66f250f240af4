#!/usr/bin/env node
// The command `pgha`: sees to a Node.js that is new enough, then hands over to cli.ts.
const { existsSync } = require("node:fs");
const { join } = require("node:path");

const least = 22;
const bundled = join(__dirname, "..", "node_modules", ".bin", "node");

if (Number(process.versions.node.split(".")[0]) < least) {
  if (!existsSync(bundled)) {
    console.error(
      `pgha: needs Node.js ${least} or newer, this is ${process.version}; run \`npm ci\`, which brings one along`,
    );
    process.exit(2);
  }
  const { status, signal } = require("node:child_process").spawnSync(bundled, process.argv.slice(1), {
    stdio: "inherit",
  });
  if (signal) process.kill(process.pid, signal);
  process.exit(status ?? 2);
}

require("node:module").enableCompileCache?.();
require("../loader.cjs");
require("./cli.ts").main(process.argv);
