/**
 * What a changed file does on its node. This is the one place that says in words what `cloud-init/converge/*.sh` do; its test
 * runs those scripts and holds every line of it against them.
 */
import type { Role } from "../../components/plan";
import { tls } from "../../cloud-init/tls";

/** `restart`: clients or members notice. `reload`: nobody does. `helper`: a service beside them restarts. */
export type Kind = "restart" | "reload" | "helper";

export interface Rule {
  /** Paths; `*` stands for anything, as in the shell. */
  files: string[];
  kind: Kind;
  /** The unit that systemd restarts or reloads. */
  unit: string;
  /** For a reader: what happens, and in which order among the nodes. */
  text: string;
}

const keyPair = "/etc/pgha/tls/*";

/** Cluster-wide configuration: whether it needs a restart depends on the parameters in it (`parameters.ts`). */
export const dynamicConfiguration = "/etc/patroni/dynamic.json";

/** How PostgreSQL restarts everywhere. */
export const rolling = "replicas one by one, then the leader after a switchover";

/** A role's rules, service by service. Of a service's rules the first that matches counts. */
export const rules: Record<Role, Rule[][]> = {
  etcd: [
    [
      {
        files: ["/etc/etcd/*", "*/etcd.service"],
        kind: "restart",
        unit: "etcd",
        text: "etcd restarts, one member at a time",
      },
    ],
    [
      {
        files: ["*/pgha-witness.service", "*/witness.*", "*/etcd_gateway.py", keyPair],
        kind: "helper",
        unit: "pgha-witness",
        text: "the witness restarts",
      },
    ],
  ],
  postgresql: [
    [
      {
        files: ["*/patroni.service"],
        kind: "restart",
        unit: "patroni",
        text: `Patroni and PostgreSQL restart: ${rolling}`,
      },
    ],
    // Its configuration is reloaded at once, whether or not a restart comes in its turn.
    [
      {
        files: ["/etc/patroni/patroni.yml", keyPair],
        kind: "reload",
        unit: "patroni",
        text: "Patroni and PostgreSQL reload",
      },
    ],
    [
      {
        files: ["*/pgha-guard.service", "*/guard.py", "*/etcd_gateway.py"],
        kind: "helper",
        unit: "pgha-guard",
        text: "the guard restarts",
      },
    ],
  ],
  haproxy: [
    [
      {
        files: ["*/haproxy.service.d/*"],
        kind: "restart",
        unit: "haproxy",
        text: "HAProxy restarts and drops its connections, one proxy at a time",
      },
      {
        files: ["/etc/haproxy/*", keyPair, "*/hold.lua"],
        kind: "reload",
        unit: "haproxy",
        text: "HAProxy reloads; connections stay",
      },
    ],
    [
      {
        files: ["*/pgbouncer.service"],
        kind: "restart",
        unit: "pgbouncer",
        text: "PgBouncer restarts and drops its connections, one proxy at a time",
      },
      {
        files: ["/etc/pgbouncer/*", keyPair],
        kind: "reload",
        unit: "pgbouncer",
        text: "PgBouncer reloads; connections stay",
      },
    ],
    [
      {
        files: ["*/pgha-gate.service", "/etc/pgha/gate.json", "*/gate.py", "*/pgbouncer_console.py"],
        kind: "helper",
        unit: "pgha-gate",
        text: "the gate restarts, one proxy at a time",
      },
      { files: [keyPair], kind: "reload", unit: "pgha-gate", text: "the gate reloads" },
    ],
  ],
};

/** Services that are there only while their unit is among the node's files. */
export const switchedOff: Record<string, string> = {
  "/etc/systemd/system/pgha-witness.service": "the witness is switched off",
  "/etc/systemd/system/pgha-gate.service": "the gate is switched off",
};

/** Where a role's secret files are. A preview shows that one of them differs, never which. */
export const secretPaths: Record<Role, string[]> = {
  etcd: [tls.cert],
  postgresql: [tls.cert, "/etc/patroni/cluster.sql"],
  haproxy: [tls.cert, "/etc/haproxy/secrets.cfg"],
};

/** Whether a path matches, as `[[ $path == $pattern ]]` does. */
export function matches(path: string, pattern: string): boolean {
  const parts = pattern.split("*").map((part) => part.replace(/[\\^$.+?()[\]{}|]/g, "\\$&"));
  return new RegExp(`^${parts.join(".*")}$`, "s").test(path);
}

/** The rules that hold when these files have changed. */
export function rulesFor(role: Role, paths: string[]): Rule[] {
  const hit = ({ files }: Rule) => files.some((pattern) => paths.some((path) => matches(path, pattern)));
  return rules[role].flatMap((service) => service.find(hit) ?? []);
}
