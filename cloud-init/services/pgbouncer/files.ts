import type { Node, Plan } from "../../../settings/plan";
import { header, unit, type File } from "../../file";
import { hardened } from "../../hardening";
import { gateUser } from "../gate/files";
import { poolerConfig } from "./config";
import { pgbouncerLogins } from "./databases";
import { configOf, poolersOf, type Pooler } from "./poolers";

/**
 * PgBouncer wants its lookup role listed with a password. It logs in by certificate and needs none; but an empty one is one that
 * a client may send, and so is the `md5` that PgBouncer takes for the password of a role that has none. So nobody knows this one.
 * @param password letters and digits
 */
export function pgbouncerSecrets(password: string): File {
  return {
    path: "/etc/pgbouncer/userlist.txt",
    owner: "root:postgres",
    mode: "0640",
    content: `"pgbouncer" "${password}"\n${gateEntry}`,
  };
}

/**
 * PgBouncer lets nobody in who is not listed, not even by `peer`. The gate has no password, and no client finds one for this
 * verifier: its hash would have to be all zeros.
 */
const zeros = (bytes: number) => Buffer.alloc(bytes).toString("base64");
const gateEntry = `"${gateUser}" "SCRAM-SHA-256$4096:${zeros(16)}$${zeros(32)}:${zeros(32)}"\n`;

/** What the PgBouncers of a proxy are made of. */
export function pgbouncerFiles(plan: Plan, node: Node): File[] {
  const hba = [
    // The console: the daemon's own OS user and the gate's, on this machine.
    "local pgbouncer pgbouncer peer",
    `local pgbouncer ${gateUser} peer`,
    ...pgbouncerLogins(plan),
  ];
  const shared = { owner: "root:postgres", mode: "0640" };
  const own = poolersOf(plan);
  return [
    ...own.map((pooler) => ({ path: configOf(pooler), ...shared, content: poolerConfig(plan, node, pooler) })),
    { path: "/etc/pgbouncer/hba.conf", ...shared, content: `${header()}${hba.join("\n")}\n` },
    ...own.map((pooler) => poolerUnit(plan, pooler)),
  ];
}

function poolerUnit({ settings: { clock, pool } }: Plan, pooler: Pooler): File {
  const to = pooler.use === "pooled" ? "the leader" : "the replicas";
  return {
    path: `/etc/systemd/system/${pooler.unit}.service`,
    owner: "root:root",
    mode: "0644",
    content: unit({
      Unit: {
        Description: `PgBouncer, which lets many clients share few connections to ${to}`,
        After: "network.target",
        StartLimitIntervalSec: 0,
      },
      Service: {
        Type: "notify",
        User: "postgres",
        Group: "postgres",
        RuntimeDirectory: [
          "pgbouncer",
          "postgresql",
          ...(pooler.number > 1 ? [`pgbouncer/${pooler.number}`] : []),
        ].join(" "),
        RuntimeDirectoryMode: "2775",
        RuntimeDirectoryPreserve: "yes",
        ExecStart: `/usr/sbin/pgbouncer ${configOf(pooler)}`,
        ExecReload: "/bin/kill -HUP $MAINPID",
        // SIGINT waits for transactions under way.
        KillSignal: "SIGINT",
        TimeoutStopSec: 10,
        Restart: "always",
        RestartSec: `${clock.restartDelay}ms`,
        LimitNOFILE: Math.max(65_536, 4 * pool.maxClients),
        OOMScoreAdjust: -900,
        ...hardened(),
      },
      Install: { WantedBy: "multi-user.target" },
    }),
  };
}
