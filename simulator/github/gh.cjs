#!/usr/bin/env node
// `gh api`, as far as the scripts of .github use it, against the GitHub of a test.
const { spawnSync } = require("node:child_process");
const { readFileSync } = require("node:fs");

const fail = (text, code) => {
  console.error(text);
  process.exit(code);
};

function readArguments([command, ...args]) {
  if (command !== "api") fail(`gh: ${command} is not known to this stand-in`, 2);
  const given = { fields: [] };
  for (let next; (next = args.shift()) !== undefined;) {
    if (next === "--method" || next === "-X") given.method = args.shift();
    else if (next === "--jq") given.jq = args.shift();
    else if (next === "--paginate") given.paginate = true;
    else if (next === "--silent") given.silent = true;
    else if (["--field", "-F", "--raw-field", "-f"].includes(next)) {
      const [, key, value] = /^([^=]+)=([^]*)$/.exec(args.shift());
      const isFile = /^(--field|-F)$/.test(next) && value.startsWith("@");
      given.fields.push([key, isFile ? readFileSync(value.slice(1), "utf8") : value]);
    } else if (next.startsWith("-") || given.path) fail(`gh: ${next} is not known to this stand-in`, 2);
    else given.path = next;
  }
  // As gh: what has fields is sent, unless it is said otherwise.
  given.method ??= given.fields.length > 0 ? "POST" : "GET";
  return given;
}

async function main() {
  const { GH_TOKEN, GITHUB_API_URL } = process.env;
  const { path, method, fields, jq, paginate, silent } = readArguments(process.argv.slice(2));
  if (!GH_TOKEN) fail("gh: To use GitHub CLI in a GitHub Actions workflow, set the GH_TOKEN environment variable.", 4);
  const url = new globalThis.URL(`${GITHUB_API_URL}/${path}`);
  if (method === "GET") for (const [key, value] of fields) url.searchParams.set(key, value);
  for (let next = url.href; next;) {
    const answer = await globalThis.fetch(next, {
      method,
      headers: { authorization: `token ${GH_TOKEN}` },
      ...(method !== "GET" && { body: JSON.stringify(Object.fromEntries(fields)) }),
    });
    const text = await answer.text();
    if (!answer.ok) {
      process.stdout.write(text);
      fail(`gh: ${JSON.parse(text).message} (HTTP ${answer.status})`, 1);
    }
    if (jq !== undefined) {
      const { status, stdout, stderr } = spawnSync("jq", ["-r", jq], { input: text, encoding: "utf8" });
      if (status !== 0) fail(stderr, 1);
      process.stdout.write(stdout);
    } else if (!silent) process.stdout.write(text);
    next = paginate ? /<([^>]+)>; rel="next"/.exec(answer.headers.get("link") ?? "")?.[1] : undefined;
  }
}

main().catch((error) => fail(`gh: ${error.message}`, 1));
