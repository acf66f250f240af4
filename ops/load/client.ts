import { setTimeout as pause } from "node:timers/promises";
import type { Client, ClientConfig, QueryConfig } from "pg";
import { messageOf } from "../errors";
import { classify, classOf, classOfWarning } from "./classify";
import { leave, open } from "./connect";

/** What became of an operation. */
export type Answer =
  { outcome: "acknowledged"; rows: unknown[][] } | { outcome: "failed" | "unknown"; class: string; example: string };

/** Something that went wrong without an operation being at stake. */
export interface Trouble {
  class: string;
  example: string;
  /** A connection could not be opened; otherwise one broke while nobody used it. */
  refused: boolean;
}

/** Pause after all proxies have refused in a row: it doubles from the first to the last, milliseconds. */
const backoff = { first: 50, last: 500 };

interface Connection {
  client: Client;
  /** The first warning that came with the statement under way. */
  warning?: { code: string | undefined; message: string };
  /** Why it is of no more use. */
  broken?: unknown;
}

/**
 * One client of an application that knows all proxies: it stays with one connection, goes on to the next proxy when that breaks
 * or is refused, and never sends a statement twice.
 */
export class PathClient {
  private connection?: Connection;
  private busy = false;
  private closed = false;
  private refusals = 0;

  /**
   * @param doors how to connect to each proxy
   * @param turn index of the door to begin with
   * @param tell hears of refused and broken connections
   */
  constructor(
    private readonly doors: ClientConfig[],
    private turn: number,
    private readonly tell: (trouble: Trouble) => void,
  ) {}

  /**
   * Sends a statement once there is a connection, and waits for its answer as long as the door's `query_timeout` says.
   * @param deadline when it is not worth sending any more, on the clock of `performance.now()`
   */
  async perform(query: QueryConfig, deadline: number): Promise<Answer> {
    this.busy = true;
    try {
      const connection = await this.connected(deadline);
      return connection ? await this.send(connection, query) : this.neverSent();
    } finally {
      this.busy = false;
      if (this.connection?.broken !== undefined) this.drop();
    }
  }

  /** Opens the connection before it is needed. @returns whether that worked until the deadline */
  async warmUp(deadline: number): Promise<boolean> {
    return (await this.connected(deadline)) !== undefined;
  }

  close(): void {
    this.closed = true;
    if (this.connection) leave(this.connection.client);
    this.connection = undefined;
  }

  private async connected(deadline: number): Promise<Connection | undefined> {
    while (!this.connection && !this.closed && performance.now() < deadline) {
      try {
        const client = await open(this.doors[this.turn % this.doors.length]!);
        this.refusals = 0;
        if (this.closed) leave(client);
        else this.connection = this.watch(client);
      } catch (error) {
        this.turn++;
        this.refusals++;
        this.tell({ class: classOf(error), example: messageOf(error), refused: true });
        const rounds = this.refusals / this.doors.length;
        if (Number.isInteger(rounds)) await pause(Math.min(backoff.last, backoff.first * 2 ** (rounds - 1)));
      }
    }
    return this.connection;
  }

  private watch(client: Client): Connection {
    const connection: Connection = { client };
    const broke = (error: unknown) => {
      connection.broken ??= error;
      if (this.connection !== connection || this.busy) return; // whoever uses it finds out
      this.tell({ class: classOf(error), example: messageOf(error), refused: false });
      this.drop();
    };
    client.on("error", broke);
    client.on("end", () => broke(new Error("Connection terminated")));
    client.on("notice", ({ severity, code, message }) => {
      if (severity === "WARNING") connection.warning ??= { code, message: message ?? "" };
    });
    return connection;
  }

  private async send(connection: Connection, query: QueryConfig): Promise<Answer> {
    connection.warning = undefined;
    try {
      const { rows } = await connection.client.query<unknown[]>({ ...query, rowMode: "array" });
      return this.warned(connection) ?? { outcome: "acknowledged", rows };
    } catch (error) {
      const { reusable, ...judgement } = classify(error);
      if (!reusable) connection.broken ??= error;
      return this.warned(connection) ?? { ...judgement, example: messageOf(error) };
    }
  }

  /**
   * A warning says that the commit is less than it seems: PostgreSQL answers a cancelled wait for a standby with a warning, and
   * then with success. A real error after a warning proves no more.
   */
  private warned({ warning }: Connection): Answer | undefined {
    return warning && { outcome: "unknown", class: classOfWarning(warning.code), example: warning.message };
  }

  private neverSent(): Answer {
    return { outcome: "failed", class: "never sent", example: "no connection in time" };
  }

  private drop(): void {
    if (this.connection) leave(this.connection.client);
    this.connection = undefined;
    this.turn++;
  }
}
