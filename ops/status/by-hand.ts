/** Parameters that somebody has set on a node by `ALTER SYSTEM`. They go before those of the settings, and a copy of the node has them, too. */
import { catalogue, knownName } from "../../settings/parameters/catalogue";
import { unsettable } from "../../settings/parameters/controlled";
import type { Status } from "./model";

/** Asks for their names, as JSON, those that wait for a restart too. Values are not asked for: there may be a secret in one. */
export const byHandSettings = `SELECT coalesce(json_agg(DISTINCT name), '[]') FROM pg_file_settings
  WHERE sourcefile LIKE '%/postgresql.auto.conf'`;

/** Why the settings would not have it; undefined: they know nothing against it. */
function objection(name: string): string | undefined {
  const known = knownName(name);
  return unsettable(name, "", known === undefined ? undefined : catalogue.parameters[known]);
}

const undo = (name: string) => `\`ALTER SYSTEM RESET ${name}\` and \`SELECT pg_reload_conf()\``;

/** A line for each of them that breaks what the cluster promises. */
export const byHandWarnings = ({ database }: Status): string[] =>
  database.flatMap(({ name: node, byHand }) =>
    byHand.flatMap((name) => {
      const reason = objection(name);
      return reason ? [`${node}: ALTER SYSTEM has set ${name}: ${reason}; ${undo(name)} there end that`] : [];
    }),
  );

/** A line for each node that has others. */
export const byHandNotes = ({ database }: Status): string[] =>
  database.flatMap(({ name: node, byHand }) => {
    const harmless = byHand.filter((name) => !objection(name));
    return harmless.length === 0
      ? []
      : [
          `${node}: ALTER SYSTEM has set ${harmless.join(", ")}, before what the settings say; ${undo("NAME")} there end that`,
        ];
  });
