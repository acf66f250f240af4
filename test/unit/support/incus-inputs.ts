import type { InstanceInputs } from "../../../components/incus/model";

/** A complete set of inputs for tests. The published port is on a loopback address that nothing else is likely to use. */
export const inputs: InstanceInputs = {
  name: "pgha-dev-db1",
  hostname: "db1",
  stack: "dev",
  network: "net",
  address: "10.88.0.21",
  image: "img",
  pool: "pool",
  type: "container",
  cpus: 2,
  memoryMiB: 512,
  diskGiB: 4,
  userData: "#cloud-config\n{}\n",
  hostKey: { privateKey: "PRIVATE", publicKey: "ssh-ed25519 AAAA comment" },
  publish: [{ listen: "127.88.0.1:5500", port: 5000 }],
  running: true,
  filtering: true,
  config: { "limits.processes": "100" },
};
