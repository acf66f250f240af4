/** A client of the matrix while it runs, and what came of its steps. */
import { spawn, type ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { parseEnv } from "node:util";
import { checkoutRoot } from "../../../ops/env";
import { messageOf } from "../../../ops/errors";
import type { Program } from "./matrix-programs";

export interface Answer {
  ok: boolean;
  said: unknown;
}

/** Longer than any step but `stop` may take, which waits for a write that is under way, with its retries. */
const patience = 70_000;

/** A client that runs, and does one step after the other. */
export class Session {
  private readonly child: ChildProcess;
  private readonly lines: Interface;
  private errors = "";
  private waiting: ((answer: Answer) => void) | undefined;

  /** @param env what `pgha env` printed for it; of our own environment it has nothing that says where a database is */
  constructor(
    readonly program: Program,
    env: string,
  ) {
    const own = Object.entries(process.env).filter(([name]) => !/^PG|_(URL|DSN)$/.test(name));
    const [command, ...args] = program.command;
    this.child = spawn(command!, args, {
      cwd: program.cwd,
      env: { ...Object.fromEntries(own), ...parseEnv(env) },
      stdio: "pipe",
    });
    this.child.stderr!.setEncoding("utf8").on("data", (text: string) => (this.errors += text));
    this.child.stdin!.on("error", () => undefined); // one that has ended answers nothing
    this.lines = createInterface({ input: this.child.stdout! });
    // Some libraries print what they think of things.
    this.lines.on("line", (line) => line.startsWith("{") && this.waiting?.(JSON.parse(line) as Answer));
    const ended = () => this.waiting?.({ ok: false, said: `it ended: ${this.errors.trim().slice(-2000)}` });
    this.child.on("error", ended).on("close", ended);
  }

  /** Has it do a step. */
  async step(name: string, ...words: string[]): Promise<Answer> {
    return new Promise((resolve) => {
      const answer = (said: Answer) => {
        clearTimeout(timer);
        this.waiting = undefined;
        resolve(said);
      };
      const timer = setTimeout(() => answer({ ok: false, said: `no answer in ${patience / 1000} s` }), patience);
      this.waiting = answer;
      if (this.child.exitCode !== null) return answer({ ok: false, said: `it has ended: ${this.errors.slice(-2000)}` });
      this.child.stdin!.write(`${[name, ...words].join(" ")}\n`);
    });
  }

  end(): void {
    this.child.kill("SIGKILL");
  }
}

/** What of the matrix has been found, as the table of docs/clients.md shows it. */
export class Matrix {
  private readonly cells = new Map<string, Map<string, string>>();
  readonly faults: string[] = [];

  constructor(
    readonly clients: string[],
    readonly columns: string[],
  ) {}

  /** Notes a cell. @param wrong why it is not as it should be */
  note(client: string, column: string, text: string, wrong?: string): void {
    const row = this.cells.get(client) ?? new Map<string, string>();
    this.cells.set(client, row.set(column, wrong === undefined ? text : "no"));
    if (wrong !== undefined) this.faults.push(`${client}, ${column}: ${wrong}`);
  }

  /** Notes what a step came to. @param wanted what it should say; "none" is always right: the client has no such thing */
  judge(client: string, column: string, { ok, said }: Answer, wanted?: unknown): void {
    const right = ok && (wanted === undefined || said === wanted || said === "none");
    this.note(client, column, said === "none" ? "-" : "yes", right ? undefined : messageOf(JSON.stringify(said)));
  }

  table(): string {
    const row = (cells: string[]) => `| ${cells.join(" | ")} |`;
    return [
      row(["client", ...this.columns]),
      row(["---", ...this.columns.map(() => "---")]).replaceAll(" ", ""),
      ...this.clients.map((client) =>
        row([client, ...this.columns.map((column) => this.cells.get(client)?.get(column) ?? "no")]),
      ),
    ].join("\n");
  }
}

const page = join(checkoutRoot, "docs", "clients.md");
const around = /(<!-- matrix: [^\n]*-->\n)[\s\S]*?(\n<!-- \/matrix -->)/;

/** The page with a table in it. @param text the page. @default the one that is there */
export function withMatrix(table: string, text = readFileSync(page, "utf8")): string {
  if (!around.test(text)) throw new Error("docs/clients.md has no place for the matrix");
  return text.replace(around, (_, before: string, after: string) => before + table + after);
}
