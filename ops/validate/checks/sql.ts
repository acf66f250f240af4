import type { Client, ClientConfig } from "pg";
import type { ProxyOutput } from "../../../components/outputs";
import { messageOf } from "../../errors";
import { clientConfig as doorConfig, leave, open } from "../../load/connect";
import { dropTable as drop, makeValidationTable, newTable, sweepTables } from "../../load/run-table";
import { cluster } from "../context";

export { open };

export type Who = "app" | "owner";
export type Use = "write" | "read" | "pooled";

/** A port of a proxy, as clients use it. */
export interface Door {
  who: Who;
  use: Use;
  proxy: ProxyOutput;
}

export const proxies = () => cluster().facts.proxies;

/** How a client connects: TLS, with the server's certificate and name verified. `encrypted: false`: in plaintext. */
export function clientConfig({ who, use, proxy }: Door, { encrypted = true, patience = 5000 } = {}): ClientConfig {
  const config = doorConfig(cluster(), { who, path: use, proxy }, patience);
  return { ...config, application_name: "pgha validate", ssl: encrypted && config.ssl };
}

/** Uses a connection and closes it. */
export async function using<T>(client: Client, work: (client: Client) => Promise<T>): Promise<T> {
  try {
    return await work(client);
  } finally {
    leave(client);
  }
}

/** Does work over the first proxy that lets us through and can do it, as clients do that know all of them. */
export async function throughAnyProxy<T>(who: Who, use: Use, work: (client: Client) => Promise<T>): Promise<T> {
  const faults: string[] = [];
  for (const proxy of proxies()) {
    try {
      return await using(await open(clientConfig({ who, use, proxy })), work);
    } catch (error) {
      faults.push(`${proxy.name}: ${messageOf(error)}`);
    }
  }
  throw new Error(faults.join("; "));
}

/** The table the checks write to. The owner makes it; the application's user gets its rights by default. */
export const tableName = newTable("validate");

export const makeTable = () =>
  throughAnyProxy("owner", "write", async (client) => {
    await sweepTables(client);
    await makeValidationTable(client, tableName);
  });

export const dropTable = () => throughAnyProxy("owner", "write", (client) => drop(client, tableName));
