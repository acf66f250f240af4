import { keyPair, tls } from "../../../settings/tls";
import type { Service } from "../service";
import { fromHooks, fromPatroni, fromPostgresql, postgresqlPrefix } from "./journal";

/** Cluster-wide configuration: whether it needs a restart depends on the parameters in it. */
export const dynamicConfigurationFile = "/etc/patroni/dynamic.json";

/** How PostgreSQL restarts everywhere. */
export const rolling = "replicas one by one, then the leader after a switchover";

/** Patroni, and PostgreSQL, which it starts and whose words are in its journal. */
export const patroni: Service = {
  unit: "patroni",
  role: "postgresql",
  ports: ["postgresql", "patroni"],
  secrets: ["/etc/patroni/cluster.sql", "/etc/patroni/rights.sql"],
  reactions: [
    [
      {
        // Whom it trusts as etcd and as other members, Patroni reads once.
        files: ["*/patroni.service", tls.ca],
        kind: "restart",
        text: `Patroni and PostgreSQL restart: ${rolling}`,
      },
    ],
    // At once, whether or not a restart comes in its turn.
    [
      {
        files: ["/etc/patroni/patroni.yml", keyPair],
        kind: "reload",
        text: "Patroni and PostgreSQL reload",
      },
    ],
  ],
  journal: {
    layer: "patroni",
    rules: [...fromPatroni, ...fromHooks],
    others: [{ lines: postgresqlPrefix, layer: "postgresql", rules: fromPostgresql }],
  },
};
