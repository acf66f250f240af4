import { keyPair } from "../../../settings/tls";
import type { JournalRule, Service } from "../service";
import { poolers } from "./poolers";

/** Messages of PgBouncer 1.24. Lines about one connection begin with its address, which says nothing here. */
const rules: JournalRule[] = [
  [/^S-.*(?:when not linked|server conn crashed\?|closing because.*)/, "note", "lost server connections"],
  [/^C-.*pooler error: server login has been failing.*/, "note", "turns clients away until it has logged in again"],
  [/^C-.*pooler error: (.*)/, "note", "a client was told: $1"],
  [/^server login failed: (?:\w+) (.*)/, "note", "could not log in: $1"],
  [/^(PAUSE|RESUME|RECONNECT|KILL) command issued.*/, "note", "$1"],
];

export const pgbouncer: Service = {
  unit: "pgbouncer",
  further: (counts) =>
    poolers(counts)
      .map(({ unit }) => unit)
      .slice(1),
  role: "haproxy",
  ports: ["pooled", "pooledRead"],
  secrets: ["/etc/pgbouncer/userlist.txt"],
  reactions: [
    [
      {
        files: ["*/pgbouncer*.service"],
        kind: "restart",
        text: "PgBouncer restarts, one proxy at a time, unless it has clients; then it only reloads",
      },
    ],
    [
      {
        files: ["/etc/pgbouncer/*", keyPair],
        kind: "reload",
        text: "PgBouncer reloads; connections stay",
      },
    ],
  ],
  journal: { layer: "pgbouncer", rules },
};
