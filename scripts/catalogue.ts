/**
 * `npm run catalogue`: writes settings/catalogue/postgresql-17.json and extensions.json anew, from a throw-away server of the machine
 * image. `git diff` then shows what a new PostgreSQL, a new time zone, library or extension has brought.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkoutRoot } from "../ops/env";
import { formatCatalogue, readCatalogue } from "./catalogue/read";
import { ThrowAwayServer } from "./catalogue/server";
import { carriedPackages, formatExtensions, readExtensions } from "./catalogue/extensions";
import { setup } from "./setup";
import { main } from "./stack";

function write(file: string, now: string, holds: string): void {
  const name = `settings/catalogue/${file}`;
  const path = join(checkoutRoot, name);
  const before = existsSync(path) && readFileSync(path, "utf8");
  if (now !== before) writeFileSync(path, now);
  console.log(`${name}: ${holds}; ${now === before ? "up to date" : "changed: see git diff"}`);
}

main(async () => {
  await setup();
  const server = new ThrowAwayServer("pgha-catalogue");
  try {
    await server.start();
    const catalogue = await readCatalogue(server);
    const count = Object.keys(catalogue.parameters).length;
    write(`postgresql-${catalogue.version}.json`, formatCatalogue(catalogue), `${count} parameters`);
    await server.install(carriedPackages());
    const extensions = await readExtensions(server);
    write("extensions.json", formatExtensions(extensions), `${Object.keys(extensions).length} extensions`);
  } finally {
    await server.remove();
  }
  return 0;
});
