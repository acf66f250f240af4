import { header, type File } from "./file";

/** Read after the installer's: of two values for MaxStartups the last one counts, of all others the first. */
export const sshdLimits = "/etc/ssh/sshd_config.d/20-pgha-limits.conf";

/**
 * How many may stand at the SSH server's door, and how long. A Pulumi update opens a dozen sessions on a machine at once, all from
 * one address. Penalties for an address (OpenSSH 9.8) are for guessed passwords; here there are only keys, and operators would be
 * shut out for the silence of somebody who comes by the same bastion.
 */
export const sshdFiles = (): File[] => [
  {
    path: sshdLimits,
    owner: "root:root",
    mode: "0644",
    content: `${header()}LoginGraceTime 20
MaxStartups 100:30:400
PerSourceMaxStartups 300
PerSourcePenalties no
AllowAgentForwarding no
`,
  },
];
