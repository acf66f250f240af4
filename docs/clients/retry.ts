/** Which errors a failover brings about, and a loop that tries again after one. Works for node-postgres and for Prisma. */
import { setTimeout as sleep } from "node:timers/promises";

/**
 * SQLSTATEs that another try may not meet again (docs/clients.md says who sends them and when):
 * 08 connection lost, and PgBouncer's own errors; 25006 this is not a leader; 40001, 40P01, 40003 rolled back or cut short;
 * 53300 too many connections; 57P01 to 57P03 and 57P05 the server ends, starts or is done with us.
 */
const passingStates = /^(08...|25006|40001|40P01|40003|53300|57P0[1235])$/;
/**
 * What PgBouncer says, with the 08P01 of all its errors, to a login or a parameter that no other try can help: a wrong password, a role
 * or a database that is not there, a parameter that belongs to the role.
 */
const refusedWords =
  /^(SASL authentication failed|bouncer config error|no authentication method is found|login rejected|unsupported startup parameter)/;
/** Errors of the socket, by the names Node.js gives them. */
const passingSockets = /^(ECONN(REFUSED|RESET|ABORTED)|EPIPE|ETIMEDOUT|E(HOST|NET)(UNREACH|DOWN)|EAI_AGAIN)$/;
/** Errors that node-postgres makes itself; they have no code. */
const passingWords =
  /^(Connection terminated|timeout e(xpired|xceeded)|Query read timeout|There was an error establishing an SSL connection)|not queryable$/;

/** Prisma's own codes and, of its adapter, kinds: not reached, broken off, no answer or no connection in time, conflict. */
const passingPrisma =
  /^(P(1001|1002|1008|1011|1017|2024|2028|2034|2037)|DatabaseNotReachable|ConnectionClosed|SocketTimeout|TlsConnectionError)$/;

/** What node-postgres and Prisma tell of an error. */
interface Told {
  code?: string;
  message?: string;
  /** Of an error of Prisma's adapter. `originalCode` is the SQLSTATE. */
  cause?: { originalCode?: string; originalMessage?: string; kind?: string };
  /** Prisma wraps most of those, but not what comes at a BEGIN or a COMMIT. */
  meta?: { driverAdapterError?: Told };
}

/** Whether another try may fare better. It says nothing about whether this one was done. */
export function passes(error: unknown): boolean {
  const { code, message = "", cause, meta } = (error ?? {}) as Told;
  const { originalCode, originalMessage, kind } = meta?.driverAdapterError?.cause ?? cause ?? {};
  if (refusedWords.test(originalMessage ?? message)) return false;
  const names = [originalCode, kind, code].filter((name) => name !== undefined);
  if (names.length === 0) return passingWords.test(message);
  return names.some((name) => passingStates.test(name) || passingSockets.test(name) || passingPrisma.test(name));
}

export interface RetryOptions {
  /** How long to try, milliseconds. The longest outage of docs/drills.md, and some more. @default 60 000 */
  patience?: number;
  /** Which errors are worth another try. @default passes */
  again?: (error: unknown) => boolean;
}

/**
 * Does something that may be done more than once, until it works.
 * @throws the last error, when it is of another kind or the patience is at its end
 */
export async function retry<T>(
  attempt: () => Promise<T>,
  { patience = 60_000, again = passes }: RetryOptions = {},
): Promise<T> {
  const deadline = performance.now() + patience;
  for (let longest = 50; ; longest = Math.min(2 * longest, 1000)) {
    try {
      return await attempt();
    } catch (error) {
      if (!again(error) || performance.now() > deadline) throw error;
      // By chance, so that clients that broke off together do not come back together.
      await sleep(longest * (0.5 + Math.random() / 2));
    }
  }
}
