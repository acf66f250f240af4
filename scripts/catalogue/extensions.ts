/** The extensions that a machine of the image can give to a database, as they stand in their file. */
import type { Extension } from "../../settings/extensions";
import type { ThrowAwayServer } from "./server";

/**
 * Those that are of no use unless PostgreSQL loads their library at its start: no server tells (PostgreSQL 17 manual, "F.32.
 * pg_stat_statements"). Others load theirs when they are called.
 */
const preloads: Record<string, string> = { pg_stat_statements: "pg_stat_statements" };

const query = `SELECT e.name, v.trusted, v.schema FROM pg_available_extensions e
  JOIN pg_available_extension_versions v ON v.name = e.name AND v.version = e.default_version ORDER BY e.name COLLATE "C"`;

/** What the server can create, each with the package of its control file. */
export async function readExtensions(server: ThrowAwayServer): Promise<Record<string, Extension>> {
  const said = await server.do(
    `ask -F ' ' -c "$(cat)" | while read -r name trusted schema; do
  echo "$name $trusted \${schema:--} $(dpkg-query -S "/usr/share/postgresql/17/extension/$name.control" | cut -d: -f1)"
done`,
    query,
  );
  const lines = said
    .trim()
    .split("\n")
    .map((line) => line.split(" ") as [string, string, string, string]);
  return Object.fromEntries(
    lines.map(([name, trusted, schema, from]) => [
      name,
      {
        package: from,
        ...(trusted === "t" && { trusted: true }),
        ...(schema !== "-" && { schema }),
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
