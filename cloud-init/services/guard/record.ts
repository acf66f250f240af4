import type { Service } from "../service";

/** The promotion guard. Its verdict is in Patroni's journal. */
export const guard: Service = {
  unit: "pgha-guard",
  role: "postgresql",
  ports: [],
  secrets: [],
  reactions: [
    [
      {
        files: ["*/pgha-guard.service", "*/guard.py", "*/etcd_gateway.py"],
        kind: "helper",
        text: "the guard restarts",
      },
    ],
  ],
  journal: { layer: "patroni", rules: [] },
};
