// Lets Node.js load this checkout's TypeScript: `node --require ./loader.cjs FILE.ts`.
//
// Each file is compiled once, by esbuild, and the result is kept. tsx, which runs the tests, does more: it looks at every
// file of every package as well, which cost each `up` over a second. Types are checked by `npm run lint`.
const { createHash } = require("node:crypto");
const { mkdirSync, readFileSync, renameSync, writeFileSync } = require("node:fs");
const Module = require("node:module");
const { join, relative } = require("node:path");

const options = {
  loader: "ts",
  format: "cjs",
  target: "node22",
  // import() as require(): Node's own looks for no ".ts".
  supported: { "dynamic-import": false },
  sourcemap: "inline",
  sourcesContent: false,
};

const folder = join(__dirname, ".pgha", "compiled");
const salt = JSON.stringify([options, require("esbuild/package.json").version]);

/** JavaScript of a file. What is kept of it ends with the checksum of what it was made from. */
function compiled(filename) {
  const source = readFileSync(filename, "utf8");
  const mark = `\n// ${createHash("sha256").update(salt).update(source).digest("hex")}`;
  const file = join(folder, `${relative(__dirname, filename).replaceAll("/", "+")}.js`);
  try {
    const kept = readFileSync(file, "utf8");
    if (kept.endsWith(mark)) return kept;
  } catch {
    // Not compiled yet.
  }
  const { code } = require("esbuild").transformSync(source, { ...options, sourcefile: filename });
  keep(file, code + mark);
  return code;
}

/** Whole or not at all: several processes start at once. */
function keep(file, code) {
  const begun = `${file}.${process.pid}`;
  try {
    mkdirSync(folder, { recursive: true });
    writeFileSync(begun, code);
    renameSync(begun, file);
  } catch {
    // Where nothing can be written, each start compiles again.
  }
}

process.setSourceMapsEnabled(true);
require.extensions[".ts"] = (module, filename) => module._compile(compiled(filename), filename);
// Endings are tried in the order in which they were added: `kept.ts` is looked for before `kept.json`, which is its data.
const { ".json": data, ".node": native } = require.extensions;
for (const ending of [".json", ".node"]) delete require.extensions[ending];
Object.assign(require.extensions, { ".json": data, ".node": native });

/**
 * Packages that Pulumi's SDK loads at every start, half a second of the processor's time, for what is done seldom or never here:
 * it puts functions into the state by them, and this project's resources hold none (components/incus/resources.ts). Each is
 * loaded when something of it is used.
 */
const late = new Set(["typescript", "@npmcli/arborist"]);

/** By it Pulumi's SDK has every stack trace mapped, and takes several for each resource: they cost more than the resources. */
const mapper = "source-map-support/register";

const load = Module._load;
Module._load = function (request, parent, ...rest) {
  const now = () => load.call(this, request, parent, ...rest);
  if (request === mapper) return process.setSourceMapsEnabled(false);
  if (!late.has(request)) return now();
  return new Proxy({}, { get: (_, key) => key === "__esModule" || now()[key] });
};
