/** GitHub's REST interface, as far as the scripts of .github call it: who asks is held to the permissions of the job's token. */
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import type { Permission, Permissions } from "./workflow";

export interface Comment {
  id: number;
  user: { login: string };
  body: string;
}

export interface Issue {
  number: number;
  title: string;
  body: string;
  state: "open" | "closed";
  user: { login: string };
}

export interface Pull {
  number: number;
  state: "open" | "closed";
  /** "OWNER:BRANCH" */
  head: string;
  sha: string;
}

/** What the interface tells and changes. */
export interface Hub {
  /** "OWNER/NAME" */
  repository: string;
  pulls: Pull[];
  comments: Map<number, Comment[]>;
  issues: Issue[];
  /** Who must approve a job of that environment; undefined where there is no such environment. */
  reviewers(environment: string): string[] | undefined;
}

/** In whose name jobs write. */
export const bot = "github-actions[bot]";

/** What GitHub takes for a comment or an issue, characters. */
const bodyLimit = 65_536;

class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

interface Asked {
  part: string;
  query: URLSearchParams;
  fields: Record<string, string>;
}

interface Route {
  method: string;
  path: RegExp;
  /** Any of these is enough. */
  needs: Permission[];
  answer(asked: Asked): unknown;
}

export class Api {
  /** What was refused: "POST /repos/us/pgha/issues: needs issues: write". */
  readonly refused: string[] = [];
  private readonly tokens = new Map<string, Permissions>();
  private number = 1000;
  private readonly server = createServer((request, response) => {
    void this.reply(request).then(({ status, body, next }) => {
      response.writeHead(status, next ? { link: `<${next}>; rel="next"` } : {}).end(JSON.stringify(body));
    });
  });

  constructor(private readonly hub: Hub) {}

  async start(): Promise<void> {
    this.server.listen(0, "127.0.0.1");
    await once(this.server, "listening");
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.server.closeAllConnections();
    this.server.close();
    await once(this.server, "close");
  }

  /** A job's token. It is good for as long as the job runs. @returns the token, and what ends it */
  token(permissions: Permissions): { token: string; end: () => void } {
    const token = `ghs_${this.number++}`;
    this.tokens.set(token, permissions);
    return { token, end: () => this.tokens.delete(token) };
  }

  /** What a token may do; undefined where it is none, or not any more. */
  permissionsOf(token: string): Permissions | undefined {
    return this.tokens.get(token);
  }

  private readonly routes: Route[] = [
    {
      method: "GET",
      path: /^environments\/([\w-]+)$/,
      needs: ["actions"],
      answer: ({ part }) => {
        const reviewers = this.hub.reviewers(part);
        if (!reviewers) throw new Refused(404, "Not Found");
        const rule = { type: "required_reviewers", reviewers: reviewers.map((login) => ({ type: "User", login })) };
        return { name: part, protection_rules: reviewers.length > 0 ? [rule] : [] };
      },
    },
    {
      method: "GET",
      path: /^pulls$/,
      needs: ["pull-requests"],
      answer: ({ query }) =>
        this.hub.pulls
          .filter((one) => one.state === query.get("state") && one.head === query.get("head"))
          .map(({ number, sha }) => ({ number, head: { sha } })),
    },
    {
      method: "GET",
      path: /^issues\/(\d+)\/comments$/,
      needs: ["issues", "pull-requests"],
      answer: ({ part }) => this.commentsOn(part),
    },
    {
      method: "POST",
      path: /^issues\/(\d+)\/comments$/,
      needs: ["issues", "pull-requests"],
      answer: ({ part, fields }) => {
        const made = { id: this.number++, user: { login: bot }, body: fields.body! };
        this.commentsOn(part).push(made);
        return made;
      },
    },
    {
      method: "PATCH",
      path: /^issues\/comments\/(\d+)$/,
      needs: ["issues", "pull-requests"],
      answer: ({ part, fields }) => {
        const found = [...this.hub.comments.values()].flat().find(({ id }) => id === Number(part));
        if (!found) throw new Refused(404, "Not Found");
        return Object.assign(found, fields);
      },
    },
    {
      method: "GET",
      path: /^issues$/,
      needs: ["issues"],
      answer: ({ query }) =>
        this.hub.issues.filter(
          ({ state, user }) => state === query.get("state") && user.login === query.get("creator"),
        ),
    },
    {
      method: "POST",
      path: /^issues$/,
      needs: ["issues"],
      answer: ({ fields }) => {
        const { title = "", body = "" } = fields;
        const made: Issue = { number: this.number++, title, body, state: "open", user: { login: bot } };
        this.hub.issues.push(made);
        return made;
      },
    },
    {
      method: "PATCH",
      path: /^issues\/(\d+)$/,
      needs: ["issues"],
      answer: ({ part, fields }) => {
        const found = this.hub.issues.find(({ number }) => number === Number(part));
        if (!found) throw new Refused(404, "Not Found");
        return Object.assign(found, fields);
      },
    },
  ];

  private commentsOn(number: string): Comment[] {
    const found = this.hub.comments.get(Number(number));
    if (!found) throw new Refused(404, "Not Found");
    return found;
  }

  private async reply(request: IncomingMessage): Promise<{ status: number; body: unknown; next?: string }> {
    try {
      const url = new URL(request.url!, this.url);
      const body = await text(request);
      const fields = body ? (JSON.parse(body) as Record<string, string>) : {};
      const answer = this.answer(request.method!, url, String(request.headers.authorization ?? ""), fields);
      return { status: 200, ...(Array.isArray(answer) ? page(answer, url) : { body: answer }) };
    } catch (error) {
      const { status, message } = error instanceof Refused ? error : new Refused(500, String(error));
      this.refused.push(`${request.method} ${request.url}: ${message}`);
      return { status, body: { message } };
    }
  }

  private answer(method: string, url: URL, authorization: string, fields: Record<string, string>): unknown {
    const permissions = this.permissionsOf(authorization.replace(/^token /, ""));
    if (!permissions) throw new Refused(401, "Bad credentials");
    const below = `/repos/${this.hub.repository}/`;
    const path = url.pathname.startsWith(below) ? url.pathname.slice(below.length) : "";
    const route = this.routes.find((one) => one.method === method && one.path.test(path));
    if (!route) throw new Refused(404, `${method} ${url.pathname} is not known to this stand-in`);
    const enough = method === "GET" ? ["read", "write"] : ["write"];
    if (!route.needs.some((scope) => enough.includes(permissions[scope] ?? "none"))) {
      const needed = `${route.needs.join(" or ")}: ${enough[0]}`;
      throw new Refused(403, `Resource not accessible by integration: needs ${needed}`);
    }
    if ((fields.body?.length ?? 0) > bodyLimit) throw new Refused(422, "Validation Failed: body is too long");
    return route.answer({ part: route.path.exec(path)?.[1] ?? "", query: url.searchParams, fields });
  }
}

/** A page of a list, 30 long unless more is asked for, and where the next one is. */
function page(all: unknown[], url: URL): { body: unknown[]; next?: string } {
  const size = Number(url.searchParams.get("per_page") ?? 30);
  const number = Number(url.searchParams.get("page") ?? 1);
  const next = new URL(url);
  next.searchParams.set("page", String(number + 1));
  return {
    body: all.slice((number - 1) * size, number * size),
    next: all.length > number * size ? next.href : undefined,
  };
}
