import { hasPause } from "../../../settings/clocks";
import { keyPair } from "../../../settings/tls";
import type { JournalRule, Service } from "../service";

/** Messages of gate.py. */
const rules: JournalRule[] = [
  [/^pauses for (\S+)/, "note", "pauses for $1"],
  [/^resumed after (\S+ s): (.*)/, "note", "goes on after $1: $2"],
  [/^cannot resume yet, tries again: (.*)/, "note", "cannot go on yet: $1"],
  [/^(refused \S+: .*|told HAProxy .*|could not tell HAProxy .*)/, "note", "$1"],
];

/** Pauses PgBouncer for a planned switchover. */
export const gate: Service = {
  unit: "pgha-gate",
  role: "haproxy",
  on: hasPause,
  ports: ["gate"],
  secrets: [],
  reactions: [
    [
      {
        files: ["*/pgha-gate.service", "/etc/pgha/gate.json", "*/gate.py", "*/pgbouncer_console.py"],
        kind: "helper",
        text: "the gate restarts, one proxy at a time",
      },
      { files: [keyPair], kind: "reload", text: "the gate reloads" },
    ],
  ],
  journal: { layer: "pgbouncer", rules },
};
