/** The extensions that a machine of the image can give to a database, as they stand in their file. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { checkoutRoot } from "../../ops/env";
import type { Extension } from "../../settings/extensions";
import type { ThrowAwayServer } from "./server";

/**
 * Those that are of no use, or cannot be created, unless PostgreSQL loads their library at its start, with the libraries that must come
 * before it: by their manuals ("Installation" in each README; PostgreSQL 17 manual, "F.32. pg_stat_statements"). Of most a server says
 * so when they are created (`test/integration/catalogue.test.ts`); others fail, or do nothing, when they are called.
 */
const preloads: Record<string, string[]> = {
  credcheck: ["credcheck"],
  pg_cron: ["pg_cron"],
  pg_qualstats: ["pg_qualstats"],
  pg_show_plans: ["pg_show_plans"],
  pg_squeeze: ["pg_squeeze"],
  pg_stat_kcache: ["pg_stat_statements", "pg_stat_kcache"],
  pg_stat_statements: ["pg_stat_statements"],
  pg_wait_sampling: ["pg_wait_sampling"],
  pgaudit: ["pgaudit"],
  pglogical: ["pglogical"],
  pldbgapi: ["plugin_debugger"],
  set_user: ["set_user"],
  timescaledb: ["timescaledb"],
};

/** The packages that the image carries along. */
export const carriedPackages = (): string[] =>
  readFileSync(join(checkoutRoot, "scripts/image/extensions"), "utf8").match(/^[^#\n].*/gm)!;

const query = `SELECT json_agg(json_build_object('name', e.name, 'trusted', v.trusted, 'schema', v.schema, 'requires', v.requires)
    ORDER BY e.name COLLATE "C")
  FROM pg_available_extensions e JOIN pg_available_extension_versions v ON v.name = e.name AND v.version = e.default_version`;

/** Prints the package of each control file named. That of PostGIS is a link; packages of scripts come with those of their libraries. */
const owners = `while read -r name; do
  dpkg-query -S "$(readlink -f "/usr/share/postgresql/17/extension/$name.control")" | cut -d: -f1 | sed 's/-scripts$//'
done`;

interface Row {
  name: string;
  trusted: boolean;
  schema: string | null;
  requires: string[] | null;
}

/** What the server can create once it has the packages that the image carries along, each with the package of its control file. */
export async function readExtensions(server: ThrowAwayServer): Promise<Record<string, Extension>> {
  const rows = JSON.parse(await server.do('ask -c "$(cat)"', query)) as Row[];
  const packages = (await server.do(owners, rows.map(({ name }) => `${name}\n`).join(""))).trim().split("\n");
  return Object.fromEntries(
    rows.map(({ name, trusted, schema, requires }, index) => [
      name,
      {
        package: packages[index]!,
        ...(trusted && { trusted }),
        ...(schema !== null && { schema }),
        ...(requires !== null && { requires }),
        ...(preloads[name] && { preload: preloads[name] }),
      },
    ]),
  );
}

/** The text of the file, a line for each. */
export const formatExtensions = (found: Record<string, Extension>): string =>
  `{\n${Object.entries(found)
    .map(([name, of]) => `  ${JSON.stringify(name)}: ${JSON.stringify(of)}`)
    .join(",\n")}\n}\n`;
