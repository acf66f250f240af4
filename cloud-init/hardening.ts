/**
 * What the unit of every daemon of ours gives up (systemd.exec(5), "Sandboxing"), and the little that one of them needs back.
 * `test/integration/support/units.ts` holds the running processes to it.
 */
export interface Needs {
  /** Folders it writes to, beside its RuntimeDirectory. A leading `-`: where there is one. @default none */
  writes?: string[];
  /** Further address families. @default none beside AF_UNIX, AF_INET and AF_INET6 */
  families?: string[];
  /** The one device node it opens, beside /dev/null and its like. @default none */
  device?: string;
  /** /tmp and /var/tmp are those of the machine. @default false: its own, which go when its main process ends */
  sharedTmp?: boolean;
  /** It makes machine code while it runs. @default false */
  compiles?: boolean;
}

/** Lines of a unit's section `Service`. */
export function hardened(needs: Needs = {}): Record<string, string | number> {
  const { families = [], device, sharedTmp = false, compiles = false } = needs;
  const writes = [...(needs.writes ?? []), ...(sharedTmp ? ["/tmp", "/var/tmp"] : [])];
  return {
    NoNewPrivileges: "yes",
    CapabilityBoundingSet: "",
    // A core file would hold the keys.
    LimitCORE: 0,
    UMask: "0077",
    ProtectSystem: "strict",
    ...(writes.length > 0 && { ReadWritePaths: writes.join(" ") }),
    ProtectHome: "yes",
    ...(!sharedTmp && { PrivateTmp: "yes" }),
    ...(device ? { DevicePolicy: "closed", DeviceAllow: `${device} rw` } : { PrivateDevices: "yes" }),
    ProtectProc: "invisible",
    ProtectClock: "yes",
    ProtectHostname: "yes",
    ProtectKernelLogs: "yes",
    ProtectKernelModules: "yes",
    ProtectKernelTunables: "yes",
    ProtectControlGroups: "yes",
    RestrictAddressFamilies: ["AF_UNIX", "AF_INET", "AF_INET6", ...families].join(" "),
    RestrictNamespaces: "yes",
    RestrictRealtime: "yes",
    RestrictSUIDSGID: "yes",
    LockPersonality: "yes",
    ...(!compiles && { MemoryDenyWriteExecute: "yes" }),
    SystemCallArchitectures: "native",
    SystemCallFilter: "@system-service",
    // What is refused fails as it does without the right to it, rather than end the daemon.
    SystemCallErrorNumber: "EPERM",
  };
}
