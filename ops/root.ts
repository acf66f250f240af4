/** Being root: for what Incus, network namespaces and packages need. */
export const isRoot = () => process.getuid?.() === 0;

/** Variables of this machine's own set-up of apt, pip and certificates, which sudo would drop. Names only. */
const kept = (env: NodeJS.ProcessEnv) =>
  Object.keys(env).filter((name) =>
    /^(PIP_.*|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|(https?|no|all)_proxy|INCUS_DIR|PGHA_ETCD_DIR|HOME)$/i.test(
      name,
    ),
  );

/** The command line that runs a program as root: itself, or by sudo. */
export function asRoot(command: string, args: string[]): [string, string[]] {
  if (isRoot()) return [command, args];
  return ["sudo", [`--preserve-env=${kept(process.env).join(",")}`, "--", command, ...args]];
}
