/**
 * `npm run catalogue`: writes settings/catalogue/postgresql-17.json anew, from a throw-away server of the machine image. `git diff` then
 * shows what a new PostgreSQL, a new time zone or a new library has brought.
 */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { checkoutRoot } from "../ops/env";
import { formatCatalogue, readCatalogue } from "./catalogue/read";
import { ThrowAwayServer } from "./catalogue/server";
import { setup } from "./setup";
import { main } from "./stack";

main(async () => {
  await setup();
  const server = new ThrowAwayServer("pgha-catalogue");
  try {
    await server.start();
    const catalogue = await readCatalogue(server);
    const name = `settings/catalogue/postgresql-${catalogue.version}.json`;
    const path = join(checkoutRoot, name);
    const [before, now] = [existsSync(path) && readFileSync(path, "utf8"), formatCatalogue(catalogue)];
    if (now !== before) writeFileSync(path, now);
    const count = Object.keys(catalogue.parameters).length;
    console.log(`${name}: ${count} parameters; ${now === before ? "up to date" : "changed: see git diff"}`);
  } finally {
    await server.remove();
  }
  return 0;
});
