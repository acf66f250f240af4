import type { Node } from "../settings/plan";
import type { Role } from "../settings/roles";
import { installerFiles, installRole, sshdConfig } from "./installer";
import { brief, program } from "./program";
import { applySysctl, cloudConfig, machineConfig, sysctlSettings } from "./user-data";

/** What a machine on EC2 must be told beside its name and the operators' key. */
export interface CloudMachine {
  /** "us-east-1" */
  region: string;
  /** Name of the SSM parameter with the private half of its SSH host key. */
  hostKeyParameter: string;
  /** URL of SSM, without a path. @default the region's own */
  ssmEndpoint?: string;
  /** Its role; none on a bastion, which nothing is installed on. @default none */
  role?: Role;
  /** Whether Patroni is to have a watchdog. */
  watchdog: boolean;
}

/** Amazon's own clock, which needs no way out of the VPC: Debian's servers cannot be reached past the security groups. */
const timeServer = {
  path: "/etc/systemd/timesyncd.conf.d/pgha.conf",
  content: "[Time]\nNTP=169.254.169.123\n",
};

/** The kernel's software watchdog, which Debian's cloud kernel has as a module, for Patroni's user. */
const softdog = [
  { path: "/etc/modules-load.d/pgha.conf", content: "softdog\n" },
  {
    path: "/etc/udev/rules.d/60-pgha-watchdog.rules",
    content: 'SUBSYSTEM=="misc", KERNEL=="watchdog", OWNER="postgres", GROUP="postgres", MODE="0600"\n',
  },
];

/**
 * Cloud-config of a machine on EC2, which boots a plain Debian 13. It holds no secret, for whoever may describe the instance may
 * read it: the host key is fetched by the machine itself, before sshd starts. What the machine serves comes by the converge step.
 */
export function cloudUserData(node: Pick<Node, "name">, sshPublicKey: string, machine: CloudMachine): string {
  const { region, role } = machine;
  const endpoint = machine.ssmEndpoint ?? `https://ssm.${region}.amazonaws.com`;
  return cloudConfig({
    ...machineConfig(node.name, sshPublicKey),
    bootcmd: [["python3", "-c", brief(program("host_key.py")), region, machine.hostKeyParameter, endpoint]],
    write_files: [
      sshdConfig,
      timeServer,
      ...(role ? [sysctlSettings, ...installerFiles(role)] : []),
      ...(machine.watchdog ? softdog : []),
    ],
    runcmd: ["systemctl try-restart systemd-timesyncd || true", ...(role ? [applySysctl, installRole(role)] : [])],
  });
}
