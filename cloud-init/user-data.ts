import { stringify } from "yaml";
import type { Node } from "../settings/plan";

/** The user every machine is managed by: SSH key only, passwordless sudo. */
export const adminUser = "pgha";

const sysctlFile = "/etc/sysctl.d/60-pgha.conf";

/**
 * Kernel settings. A container may set only those of its own network; the rest belongs to its host and is passed over.
 * Values after the PostgreSQL manual ("Managing Kernel Resources") and the field's practice for database hosts.
 */
const sysctl = {
  "net.ipv4.tcp_keepalive_time": 60,
  "net.ipv4.tcp_keepalive_intvl": 10,
  "net.ipv4.tcp_keepalive_probes": 3,
  "net.ipv4.tcp_syn_retries": 2,
  // A peer that vanished while an answer was on its way to it: given up after about 13 s, not 15 minutes. One that is only slow
  // to read still acknowledges, and stays.
  "net.ipv4.tcp_retries2": 5,
  "net.core.somaxconn": 4096,
  "net.ipv4.ip_local_port_range": "10000 65000",
  "vm.swappiness": 1,
  "vm.overcommit_memory": 2,
  "vm.overcommit_ratio": 90,
  "vm.dirty_background_bytes": 64 * 1024 ** 2,
  "vm.dirty_bytes": 512 * 1024 ** 2,
};

/** Kernel settings as a file for `write_files`. */
export const sysctlSettings = {
  path: sysctlFile,
  content: Object.entries(sysctl)
    .map(([key, value]) => `${key} = ${value}\n`)
    .join(""),
};
/** For `runcmd`: makes them hold at once. */
export const applySysctl = `sysctl -q -e -p ${sysctlFile} || true`;

/** What every machine's cloud-config says: its name, its one user, and that its host key is not cloud-init's business. */
export const machineConfig = (name: string, sshPublicKey: string) => ({
  hostname: name,
  manage_etc_hosts: "localhost",
  users: [
    {
      name: adminUser,
      gecos: "pgha",
      shell: "/bin/bash",
      lock_passwd: true,
      sudo: "ALL=(ALL) NOPASSWD:ALL",
      ssh_authorized_keys: [sshPublicKey.trim()],
    },
  ],
  disable_root: true,
  ssh_pwauth: false,
  // The host key is the one whose public half the stack has pinned.
  ssh_deletekeys: false,
  ssh_genkeytypes: [],
});

/** A cloud-config as text. EC2 takes 16 KiB of it, and every line of a script in it is indented: as little as can be. */
export const cloudConfig = (config: object) =>
  `#cloud-config\n${stringify(config, { lineWidth: 0, indentSeq: false })}`;

/**
 * A machine's cloud-config, where the image has all the software. It holds no secret and hardly ever changes, because no machine
 * reads it twice: all that changes comes by the converge step.
 */
export function userData(node: Node, sshPublicKey: string): string {
  return cloudConfig({
    ...machineConfig(node.name, sshPublicKey),
    write_files: [sysctlSettings],
    runcmd: [applySysctl],
  });
}
