/** Transactions with node-postgres that ride through a failover. Copy it with retry.ts and pool.ts. */
import { DatabaseError, type ClientBase, type Pool } from "pg";
import { passes, retry, type RetryOptions } from "./retry";

/** The commit was sent and no answer came: it may have been done or not, and only the database knows. */
export class CommitUnknown extends Error {
  override name = "CommitUnknown";
}

/**
 * Runs a transaction, again and again while it is certain that nothing of it was committed.
 * @param work may run several times: let it do nothing but query
 * @throws CommitUnknown when the commit broke. `once` finds out what became of it; running it again may do it twice.
 */
export function transaction<T>(
  pool: Pool,
  work: (client: ClientBase) => Promise<T>,
  options?: RetryOptions,
): Promise<T> {
  return retry(() => attempt(pool, work), options);
}

/**
 * Runs a transaction exactly once under this id, however often it is tried, by whichever process: the table `requests`
 * (requests.sql) remembers it in the same transaction.
 * @param id chosen before the first try, and the same for every try
 * @returns what `work` gave; undefined when an earlier try had committed
 */
export function once<T>(
  pool: Pool,
  id: string,
  work: (client: ClientBase) => Promise<T>,
  options?: RetryOptions,
): Promise<T | undefined> {
  // An update, where DO NOTHING would do for the count: the row that it finds may not be on a standby yet, and only a
  // commit that has written something waits until it, and all before it, is.
  const remember = `INSERT INTO requests (id) VALUES ($1)
    ON CONFLICT (id) DO UPDATE SET tries = requests.tries + 1 RETURNING tries`;
  const again = (error: unknown) => passes(error) || error instanceof CommitUnknown;
  const guarded = async (client: ClientBase) => {
    const { rows } = await client.query<{ tries: number }>(remember, [id]);
    return rows[0]!.tries === 1 ? work(client) : undefined;
  };
  return retry(() => attempt(pool, guarded), { again, ...options });
}

async function attempt<T>(pool: Pool, work: (client: ClientBase) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let committing = false;
  let usable = true;
  try {
    await client.query("BEGIN");
    const result = await work(client);
    committing = true;
    const { command } = await client.query("COMMIT");
    committing = false;
    // The answer to the COMMIT of a transaction in which a statement failed and nobody looked.
    if (command === "ROLLBACK") throw new Error("a statement of the transaction had failed; it was rolled back");
    return result;
  } catch (error) {
    usable = !passes(error) && (await rolledBack(client));
    if (committing && !rejected(error)) throw new CommitUnknown("the commit broke", { cause: error });
    throw error;
  } finally {
    client.release(!usable); // true: closes the connection
  }
}

const rolledBack = (client: ClientBase) =>
  client.query("ROLLBACK").then(
    () => true,
    () => false,
  );

/**
 * Whether the server says that the commit was not done. FATAL, and the classes 08 and 57, come with the end of a connection
 * and may follow a commit that was done; so may 40003, which says so itself.
 */
const rejected = (error: unknown) =>
  error instanceof DatabaseError && error.severity === "ERROR" && !/^(08|57)|^40003$/.test(error.code ?? "08000");
