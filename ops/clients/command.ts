import type { Cluster } from "../cluster";
import { assignments } from "./assign";
import { connectionOf, loginNamed } from "./connection";
import { kindNamed } from "./kinds";

export interface EnvOptions {
  /** Kind of client. */
  for: string;
  /** Its name, or `app` or `owner`. */
  role: string;
  showSecrets?: boolean;
}

/** `pgha env`: the lines for standard output, and what a person should know beside them. */
export function clientEnv(cluster: Cluster, options: EnvOptions): { lines: string; notes: string[] } {
  const kind = kindNamed(options.for);
  const connection = connectionOf(cluster, loginNamed(cluster, options.role), options.showSecrets === true);
  return {
    lines: assignments(kind.variables(connection)),
    notes: notes(cluster, connection.passwordFile, kind, options),
  };
}

function notes(
  { facts, stack }: Cluster,
  passwordFile: string,
  { clients, readsPasswordFile }: { clients: string; readsPasswordFile: boolean },
  { showSecrets }: EnvOptions,
): string[] {
  const said: string[] = [];
  if (!showSecrets && readsPasswordFile)
    said.push(
      `the password is not printed: ${clients} find it in the file that PGPASSFILE names, which only you can read`,
    );
  if (!showSecrets && !readsPasswordFile)
    said.push(`${clients} read no password file: --show-secrets prints the password, which is also in ${passwordFile}`);
  if (facts.bastion)
    said.push(
      `these addresses are for clients in the cluster's network; from here, \`npx pgha tunnel --stack ${stack}\` opens ports and prints them`,
    );
  return said;
}

/** `pgha env`. */
export function envCommand(cluster: Cluster, options: EnvOptions): void {
  const { lines, notes: said } = clientEnv(cluster, options);
  for (const note of said) console.error(`pgha: ${note}`);
  console.log(lines);
}
