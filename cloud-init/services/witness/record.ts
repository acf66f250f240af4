import { hasWitness } from "../../../settings/clocks";
import { keyPair } from "../../../settings/tls";
import type { JournalRule, Service } from "../service";

/** Messages of witness.py. */
const rules: JournalRule[] = [
  [/^(\S+) is gone, say (.*): freed the leader key$/, "lock-free", "freed the leader key: $1 is gone, say $2"],
  [/^(\S+ is gone, .*|\S+ has not renewed its key: .*|no look: .*)/, "note", "$1"],
];

/** Frees the leader key of a leader that is gone. */
export const witness: Service = {
  unit: "pgha-witness",
  role: "etcd",
  on: hasWitness,
  ports: [],
  secrets: [],
  reactions: [
    [
      {
        files: ["*/pgha-witness.service", "*/witness.*", "*/etcd_gateway.py", keyPair],
        kind: "helper",
        text: "the witness restarts",
      },
    ],
  ],
  // The leader key is Patroni's, and so is the promotion.
  journal: { layer: "patroni", rules },
};
