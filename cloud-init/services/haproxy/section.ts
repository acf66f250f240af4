import type { Clock } from "../../../settings/clocks";
import { ports } from "../../../settings/ports";

/** A section of HAProxy's configuration: its first line, then the others, indented. */
export const section = (head: string, lines: string[]) => [head, ...lines.map((line) => `  ${line}`)].join("\n");

/** How servers are checked. */
export const checked = (clock: Clock) =>
  [
    "default-server",
    `inter ${clock.checkInterval}ms`,
    `fastinter ${clock.checkFast}ms`,
    `downinter ${clock.checkDown}ms`,
    `fall ${clock.fall}`,
    `rise ${clock.rise}`,
  ].join(" ");

/**
 * How a server's PostgreSQL is checked: it takes connections, and the relay (role.ts) says what it should.
 * @param good what the relay's answer must begin with after `HTTP/1.0 `, a regular expression
 */
export const checkedByRelay = (path: string, good: string, otherwise: string) => [
  "option tcp-check",
  // Closed in good order: PostgreSQL logs a reset.
  `tcp-check connect port ${ports.postgresql} linger`,
  `tcp-check connect addr 127.0.0.1 port ${ports.role}`,
  `tcp-check send-lf "GET /${path} HTTP/1.0\\r\\n\\r\\n"`,
  `tcp-check expect rstring "^HTTP/1.. ${good}" on-error "${otherwise}"`,
];

/** How long one health check may take after it has connected, milliseconds. */
export const checkTimeout = (clock: Clock) => Math.max(1000, clock.checkInterval);

/**
 * What is logged of a client's session: its own address, the one a server sees, the frontend, the server, and how it ended if it
 * did already ("--": it goes on). `pgha status` reads it (ops/status/logins.ts).
 */
export const clientLine = "client %ci:%cp as %bi:%bp by %f to %s %ts";
