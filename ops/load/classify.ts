import { DatabaseError } from "pg";
import { messageOf } from "../errors";

/** What an error says about the statement it answers. */
export interface Judgement {
  outcome: "failed" | "unknown";
  /** SQLSTATE and its name, PgBouncer's message, or the socket's error code. */
  class: string;
  /** The connection is in order and at the right server: the next statement may use it. */
  reusable: boolean;
}

/** Names of the SQLSTATEs that faults bring about (PostgreSQL's manual, appendix A). Others show their code alone. */
const names: Record<string, string> = {
  "08006": "connection_failure",
  "08P01": "protocol_violation",
  "25006": "read_only_sql_transaction",
  "28P01": "invalid_password",
  "40001": "serialization_failure",
  "40003": "statement_completion_unknown",
  "40P01": "deadlock_detected",
  "42501": "insufficient_privilege",
  "42P01": "undefined_table",
  "53100": "disk_full",
  "53200": "out_of_memory",
  "53300": "too_many_connections",
  "57014": "query_canceled",
  "57P01": "admin_shutdown",
  "57P02": "crash_shutdown",
  "57P03": "cannot_connect_now",
  "57P05": "idle_session_timeout",
  "58030": "io_error",
  XX000: "internal_error",
};

const named = (code: string) => (names[code] ? `${code} ${names[code]}` : code);

/**
 * Judges the error of a statement that was sent, outside any transaction block.
 *
 * PostgreSQL: an ERROR means that the transaction was rolled back. Exceptions: class 57 and 08, which come with the end of a
 * backend or a cancelled wait, also of one that has committed and waits for a standby; and 40003, which says so itself. FATAL
 * and PANIC prove nothing: a commit record may be on disk when they come.
 *
 * PgBouncer: proof only when it says that the client was still waiting for a server connection.
 *
 * All else (a broken socket, no answer in time): it may have been done or not.
 */
export function classify(error: unknown): Judgement {
  if (!(error instanceof DatabaseError) || !error.code) {
    return { outcome: "unknown", class: classOfSocket(error), reusable: false };
  }
  const { code, severity } = error;
  if (fromPooler(error)) {
    return {
      outcome: wasWaiting(code, error.message) ? "failed" : "unknown",
      class: classOfPooler(error),
      reusable: false,
    };
  }
  const proof = severity === "ERROR" && !/^(08|57)|^40003$/.test(code);
  return {
    outcome: proof ? "failed" : "unknown",
    class: named(code),
    // 25006: this is not a leader. A careful client connects again rather than fail here for ever.
    reusable: severity === "ERROR" && code !== "25006",
  };
}

/** Class of an error met while connecting, or on a connection without a statement under way. */
export function classOf(error: unknown): string {
  if (!(error instanceof DatabaseError) || !error.code) return classOfSocket(error);
  return fromPooler(error) ? classOfPooler(error) : named(error.code);
}

/** Class of a warning that came with a statement. */
export const classOfWarning = (code: string | undefined) => `warning ${named(code ?? "01000")}`;

/** PostgreSQL names the routine that raised an error; PgBouncer's own errors, and those it hands on from a login, have none. */
const fromPooler = (error: DatabaseError) => error.routine === undefined;

/**
 * Errors that PgBouncer 1.24 sends only to clients without a server connection: their statement has gone nowhere
 * (src/objects.c check_fast_fail and pause_client, src/janitor.c pool_client_maint, src/server.c kill_pool_logins).
 */
const waiting =
  /^(query_wait_timeout|query_timeout|server shutting down|client_login_timeout|server login has been failing)/;
/** A server's answer to PgBouncer's login, handed on to waiting clients; PostgreSQL uses these codes nowhere else. */
const loginFailed = /^(57P03|53300|28\w{3}|3D000)$/;
const wasWaiting = (code: string, message: string) => waiting.test(message) || loginFailed.test(code);

/** PgBouncer gives nearly all its errors one SQLSTATE, so its words tell them apart; what varies in them is left out. */
const classOfPooler = ({ code, message }: DatabaseError) =>
  code === "08P01" ? `pgbouncer: ${message.split(/[:(]/)[0]!.trim()}` : `pgbouncer: ${named(code!)}`;

/** Errors without a code that node-postgres makes itself, by their text. */
const drivers: [RegExp, string][] = [
  [/^Connection terminated/, "connection closed"],
  [/^Query read timeout/, "no answer in time"],
  [/^timeout expired/, "connect timeout"],
  [/^There was an error establishing an SSL connection/, "TLS refused"],
];

function classOfSocket(error: unknown): string {
  const { code } = error as NodeJS.ErrnoException;
  const message = messageOf(error);
  return code ?? drivers.find(([text]) => text.test(message))?.[1] ?? message;
}
