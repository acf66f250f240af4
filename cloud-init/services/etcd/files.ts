import { stringify } from "yaml";
import { ports } from "../../../settings/ports";
import { possibleNames } from "../../../settings/roles";
import type { Node, Plan } from "../../../settings/plan";
import { header, unit, type File } from "../../file";
import { hardened } from "../../hardening";
import { programFile } from "../../program";
import { tls } from "../../../settings/tls";

/** Client URLs of all members, for `etcdctl --endpoints` and Patroni. */
export function etcdEndpoints(plan: Plan): string {
  return plan.etcd.map(({ address }) => `https://${address}:${ports.etcdClient}`).join(",");
}

/** The members by the settings, as `initial-cluster` wants them. */
export function etcdMembers(plan: Plan): string {
  return plan.etcd.map(({ name, address }) => `${name}=https://${address}:${ports.etcdPeer}`).join(",");
}

/** etcd's configuration and its unit, for one member. Settings after etcd 3.6, `etcd.conf.yml.sample`. */
export function etcdFiles(plan: Plan, node: Node): File[] {
  const security = {
    "cert-file": tls.server,
    "key-file": tls.key,
    // For what a member opens itself: connections to its peers, and that of its JSON gateway to its own client port.
    "client-cert-file": tls.client,
    "client-key-file": tls.key,
    "client-cert-auth": true,
    "trusted-ca-file": tls.ca,
  };
  const config = {
    name: node.name,
    "data-dir": "/var/lib/etcd/member",
    "listen-client-urls": `https://${node.address}:${ports.etcdClient}`,
    "advertise-client-urls": `https://${node.address}:${ports.etcdClient}`,
    "listen-peer-urls": `https://${node.address}:${ports.etcdPeer}`,
    "initial-advertise-peer-urls": `https://${node.address}:${ports.etcdPeer}`,
    // Who is a member is in its data; at its first start it is told who is to be one (converge/etcd.sh). Without data it must not
    // begin a cluster by itself.
    "initial-cluster-state": "existing",
    "initial-cluster-token": plan.cluster,
    // The CA signs no client certificate for proxies. (No names here: with them etcd 3.6 refuses its own JSON gateway, which
    // does not verify itself, so that there is no chain to look at.)
    "client-transport-security": security,
    // Every name that there could be: so it does not change, and no member restarts, when members come and go.
    "peer-transport-security": { ...security, "allowed-hostname": possibleNames("etcd") },
    // etcd's defaults, stated: a member is missed after 1 s (Tuning guide, "Time parameters").
    "heartbeat-interval": 100,
    "election-timeout": 1000,
    // Patroni writes a few keys a second: an hour of history is plenty, and 2 GiB is far above what it needs.
    "auto-compaction-mode": "periodic",
    "auto-compaction-retention": "1h",
    "quota-backend-bytes": 2 * 1024 ** 3,
    "snapshot-count": 10_000,
    "log-level": "warn",
    "tls-min-version": "TLS1.2",
  };
  const service = unit({
    Unit: {
      Description: "etcd, where the cluster agrees on its leader",
      After: "network.target",
      StartLimitIntervalSec: 0,
    },
    Service: {
      Type: "notify",
      User: "etcd",
      // A member without data starts once with another file (converge/etcd.sh).
      Environment: "CONFIG=/etc/etcd/etcd.yml",
      EnvironmentFile: "-/etc/etcd/join.env",
      ExecStart: "/usr/local/bin/etcd --config-file ${CONFIG}",
      Restart: "always",
      RestartSec: `${plan.settings.clock.restartDelay}ms`,
      TimeoutStartSec: "infinity",
      LimitNOFILE: 65536,
      Nice: -10,
      OOMScoreAdjust: -900,
      ...hardened({ writes: ["/var/lib/etcd"] }),
    },
    Install: { WantedBy: "multi-user.target" },
  });
  return [
    programFile("etcd/empty_member.py"),
    { path: "/etc/etcd/etcd.yml", owner: "root:etcd", mode: "0640", content: header() + stringify(config) },
    { path: "/etc/systemd/system/etcd.service", owner: "root:root", mode: "0644", content: service },
  ];
}
