import { tls } from "../../../settings/tls";
import type { JournalRule, Service } from "../service";

/** Messages of etcd 3.6 and its raft library, whose lines are JSON. */
const rules: JournalRule[] = [
  [/^raft\.node: \w+ lost leader \w+ at term (\d+)/, "note", "lost its etcd leader"],
  [
    /^raft\.node: \w+ (?:elected leader|changed leader from \w+ to) \w+ at term (\d+)/,
    "note",
    "etcd leader of term $1",
  ],
  [/^lost TCP streaming connection with remote peer|^peer became inactive.*/, "note", "lost a peer"],
  [/^leader failed to send out heartbeat on time.*/, "note", "was too slow for its heartbeat"],
  [/.*etcdserver: no leader.*/, "note", "has no etcd leader"],
];

export const etcd: Service = {
  unit: "etcd",
  role: "etcd",
  ports: ["etcdClient", "etcdPeer"],
  secrets: [],
  reactions: [
    [
      {
        // Key pairs it reads at every handshake; whom it trusts it reads once.
        files: ["/etc/etcd/*", "*/etcd.service", tls.ca],
        kind: "restart",
        text: "etcd restarts, one member at a time",
      },
    ],
  ],
  journal: { layer: "etcd", rules, message },
};

/** The message of one of etcd's JSON lines, with its error. */
function message(text: string): string {
  const [, said = text] = /"msg":"((?:[^"\\]|\\.)*)"/.exec(text) ?? [];
  const [, error] = /"error":"((?:[^"\\]|\\.)*)"/.exec(text) ?? [];
  return error ? `${said}: ${error}` : said;
}
