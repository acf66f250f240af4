import { OpsError } from "../errors";

/**
 * A value as shells (sh, bash, zsh, fish) and readers of .env files (dotenv, Node.js' --env-file, python-dotenv) read it alike. They agree
 * on what stands between single quotes, and on double quotes around what none of them takes for more than itself.
 * @throws OpsError for what no quotes are right for in all of them; only the path of the checkout can be like that
 */
function quoted(value: string): string {
  if (!/['\\\n]/.test(value)) return `'${value}'`;
  if (!/["$`\\\n!]/.test(value)) return `"${value}"`;
  throw new OpsError(
    `shells and .env files do not agree on how to quote ${JSON.stringify(value)}; ` +
      "move the checkout to a folder without quotes, backslashes and dollar signs in its path",
  );
}

/** Variables as lines for `eval "$(...)"` and for a .env file. */
export const assignments = (variables: Record<string, string>) =>
  Object.entries(variables)
    .map(([name, value]) => `export ${name}=${quoted(value)}`)
    .join("\n");
