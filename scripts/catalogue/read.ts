/** The catalogue as a running server has it, and as it stands in its file. */
import type { Catalogue } from "../../settings/parameters/catalogue";
import type { ThrowAwayServer } from "./server";

/** Of SQL's nulls nothing remains; numbers that JSON cannot tell from others stay as PostgreSQL prints them. */
const query = `SELECT json_build_object(
  'version', current_setting('server_version_num')::int / 10000,
  'parameters', (
    SELECT json_object_agg(name, json_strip_nulls(json_build_object(
      'type', vartype, 'context', context, 'unit', unit, 'min', min_val::float8, 'max', max_val::float8, 'values', enumvals
    )) ORDER BY name COLLATE "C") FROM pg_settings),
  'encodings', (
    SELECT json_agg(name ORDER BY name COLLATE "C")
    FROM generate_series(0, 99) AS number, pg_encoding_to_char(number) AS name WHERE name <> ''),
  'timeZones', (SELECT json_agg(name ORDER BY name COLLATE "C") FROM pg_timezone_names))`;

/** What the server knows; parameters and names sorted by their bytes. */
export async function readCatalogue(server: ThrowAwayServer): Promise<Catalogue> {
  const asked = JSON.parse(await server.do('ask -c "$(cat)"', query)) as Omit<Catalogue, "libraries" | "locales">;
  const lines = async (script: string) => (await server.do(script)).trim().split("\n");
  const { version, parameters, encodings, timeZones } = asked;
  return {
    version,
    parameters,
    libraries: await lines(`cd "$libraries" && ls *.so | sed 's/\\.so$//' | LC_ALL=C sort`),
    locales: await lines("locale -a | LC_ALL=C sort"),
    encodings,
    timeZones,
  };
}

/** The text of the file: one line for each parameter, names as many as fit, so that a new catalogue's difference can be read. */
export function formatCatalogue(catalogue: Catalogue): string {
  const lines = Object.entries(catalogue).map(([key, value]) => `  ${JSON.stringify(key)}: ${block(value)}`);
  return `{\n${lines.join(",\n")}\n}\n`;
}

function block(value: number | string[] | Catalogue["parameters"]): string {
  if (typeof value === "number") return String(value);
  if (Array.isArray(value)) return `[\n${wrapped(value.map((name) => JSON.stringify(name)))}\n  ]`;
  const lines = Object.entries(value).map(([name, of]) => `    ${JSON.stringify(name)}: ${JSON.stringify(of)}`);
  return `{\n${lines.join(",\n")}\n  }`;
}

/** Words with commas between them, in lines of at most 120 characters. */
function wrapped(words: string[]): string {
  const lines = [""];
  for (const word of words) {
    const line = lines.at(-1)!;
    if (line && 4 + line.length + word.length + 3 > 120) lines.push(word);
    else lines[lines.length - 1] = line ? `${line}, ${word}` : word;
  }
  return lines.map((line) => `    ${line}`).join(",\n");
}
