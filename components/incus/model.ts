/**
 * What the driver's two resources are made of, and how they read in Incus' own terms. Pure: no input or output.
 */

import { createHash } from "node:crypto";
import { addressAt, parseCidr } from "../../settings/cidr";

/** A TCP port of an instance that the host offers on an address of its own. */
export interface PublishedPort {
  /** Address and port on the host, "127.0.0.1:5500". */
  listen: string;
  /** Port on the instance. */
  port: number;
}

/** Inputs of an instance, after `check` has filled in the defaults. Documented in `resources.ts`. */
export interface InstanceInputs {
  name: string;
  hostname: string;
  stack: string;
  network: string;
  address: string;
  image: string;
  pool: string;
  type: "container" | "virtual-machine";
  cpus: number;
  memoryMiB: number;
  diskGiB?: number;
  userData: string;
  hostKey: { privateKey: string; publicKey: string };
  publish: PublishedPort[];
  running: boolean;
  /** Its network card lets it send from its own addresses only. Machines of releases before this setting have none. */
  filtering?: boolean;
  config: Record<string, string>;
}

/** What is kept of an instance: its inputs without the private key, and which incarnation of that name it is. */
export interface InstanceOutputs extends Omit<InstanceInputs, "hostKey"> {
  hostKey: { publicKey: string };
  incarnation: string;
}

/** Inputs of a network. Documented in `resources.ts`. */
export interface NetworkInputs {
  name: string;
  cidr: string;
  stack: string;
}

export interface NetworkOutputs extends NetworkInputs {
  gateway: string;
  /** False when `read` found settings other than those written. */
  intact: boolean;
}

/** An instance as Incus shows it (the fields used here). */
export interface IncusInstance {
  status: string;
  type: string;
  config: Record<string, string>;
  devices: Record<string, Record<string, string>>;
  [other: string]: unknown;
}

/** A network as Incus shows it. */
export interface IncusNetwork {
  managed: boolean;
  config: Record<string, string>;
  used_by?: string[];
  [other: string]: unknown;
}

/** What Pulumi sends in a preview for a value that is not known yet (a constant of its protocol). */
const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

/** Marks what belongs to this project: the stack it was made for. */
export const STACK_KEY = "user.pgha.stack";
/** Public half of the host key. It is in Pulumi's state before the machine is made, so it tells whose machine it is. */
const HOST_KEY = "user.pgha.host-key";
const PUBLISH_DEVICE = /^publish-/;

/** `text` without a comment or line end: "ssh-ed25519 AAAA...". */
const bareKey = (text: string) => text.trim().split(/\s+/).slice(0, 2).join(" ");

/** Whether `instance` was made for this host key. */
export const sameHostKey = (instance: IncusInstance, publicKey: string) =>
  instance.config[HOST_KEY] === bareKey(publicKey);

/**
 * Whether `instance` was made, or could have been made, for `inputs`. A preview may not know the key yet; then the
 * stack decides, and the run itself looks again.
 */
export function madeFor(instance: IncusInstance, { stack, hostKey }: InstanceInputs): boolean {
  const { publicKey } = hostKey as Partial<InstanceInputs["hostKey"]>;
  if (instance.config[STACK_KEY] !== stack) return false;
  return publicKey === undefined || publicKey === UNKNOWN || sameHostKey(instance, publicKey);
}

/** The settings that may change while an instance lives. */
export function liveConfig(inputs: InstanceInputs | InstanceOutputs): Record<string, string> {
  return {
    "boot.autostart": "true",
    "security.privileged": "false",
    "security.nesting": "false",
    "limits.cpu": String(inputs.cpus),
    "limits.memory": `${inputs.memoryMiB}MiB`,
    ...inputs.config,
  };
}

export function liveDevices(inputs: InstanceInputs | InstanceOutputs): IncusInstance["devices"] {
  const size: Record<string, string> = inputs.diskGiB ? { size: `${inputs.diskGiB}GiB` } : {};
  const devices: IncusInstance["devices"] = { root: { type: "disk", path: "/", pool: inputs.pool, ...size } };
  for (const { listen, port } of inputs.publish) {
    devices[`publish-${listen}`] = {
      type: "proxy",
      bind: "host",
      listen: `tcp:${listen}`,
      connect: `tcp:${inputs.address}:${port}`,
    };
  }
  return devices;
}

/** Settings of the network card that may change: no machine takes another's address, by which daemons and filters tell them apart. */
export function liveCard({ filtering = false }: InstanceInputs | InstanceOutputs): Record<string, string> {
  return { "security.ipv4_filtering": String(filtering), "security.mac_filtering": String(filtering) };
}

/**
 * The MAC address that belongs to a machine's name and IP address (locally administered). A recreated machine has the old
 * one's, so neither the host nor its neighbours wait for their ARP caches to forget it (up to 30 s).
 */
export function hardwareAddress({ name, address }: Pick<InstanceInputs, "name" | "address">): string {
  const bytes = createHash("sha256").update(`${name} ${address}`).digest().subarray(0, 5);
  return ["02", ...[...bytes].map((byte) => byte.toString(16).padStart(2, "0"))].join(":");
}

/** Body of `POST /1.0/instances`. */
export function newInstance(
  inputs: InstanceInputs,
): Pick<IncusInstance, "config" | "devices"> & { [key: string]: unknown } {
  return {
    name: inputs.name,
    type: inputs.type,
    source: { type: "image", alias: inputs.image },
    profiles: [],
    config: {
      ...liveConfig(inputs),
      "cloud-init.user-data": inputs.userData,
      "user.hostname": inputs.hostname,
      [STACK_KEY]: inputs.stack,
      [HOST_KEY]: bareKey(inputs.hostKey.publicKey),
    },
    devices: {
      ...liveDevices(inputs),
      eth0: {
        type: "nic",
        name: "eth0",
        network: inputs.network,
        "ipv4.address": inputs.address,
        hwaddr: hardwareAddress(inputs),
        ...liveCard(inputs),
      },
    },
  };
}

/** Where sshd reads its host key. */
const HOST_KEY_FILE = "/etc/ssh/ssh_host_ed25519_key";

/**
 * Templates of an instance's own, from which Incus writes the host key before the first boot: their texts by name, and
 * the entries of the instance's metadata. Unlike its file interface this takes no helper process inside the instance,
 * whose end a start would have to wait for (up to 1 s), and unlike user data it is not shown to the machine.
 */
export function hostKeyTemplates({ privateKey, publicKey }: InstanceInputs["hostKey"]) {
  return {
    texts: { "host-key.tpl": `${privateKey.trim()}\n`, "host-key-pub.tpl": `${bareKey(publicKey)}\n` },
    metadata: {
      templates: {
        [HOST_KEY_FILE]: { when: ["create"], template: "host-key.tpl", mode: "0600" },
        [`${HOST_KEY_FILE}.pub`]: { when: ["create"], template: "host-key-pub.tpl", mode: "0644" },
      },
    },
  };
}

/** `instance` as it reads after its live settings went from those of `olds` to those of `news`; all else is left. */
export function changeInstance(instance: IncusInstance, olds: InstanceOutputs, news: InstanceInputs): IncusInstance {
  const config = { ...instance.config };
  for (const key of Object.keys(olds.config)) delete config[key];
  const devices = { ...instance.devices };
  for (const name of Object.keys(devices)) if (PUBLISH_DEVICE.test(name)) delete devices[name];
  return {
    ...instance,
    config: { ...config, ...liveConfig(news) },
    devices: { ...devices, ...liveDevices(news), eth0: { ...devices.eth0, ...liveCard(news) } },
  };
}

/** Outputs that hold the live settings as Incus has them now, and everything else as `known`. */
export function observedInstance(instance: IncusInstance, known: InstanceOutputs): InstanceOutputs {
  const config: Record<string, string> = {};
  for (const key of Object.keys(known.config)) {
    const value = instance.config[key];
    if (value !== undefined) config[key] = value;
  }
  const publish = Object.entries(instance.devices)
    .filter(([name]) => PUBLISH_DEVICE.test(name))
    .map(([, { listen, connect }]) => ({
      listen: listen!.replace(/^tcp:/, ""),
      port: Number(connect!.split(":").pop()),
    }));
  const size = mebibytes(instance.devices.root?.size);
  const observed: InstanceOutputs = {
    ...known,
    cpus: Number(instance.config["limits.cpu"] ?? 0),
    memoryMiB: mebibytes(instance.config["limits.memory"]),
    publish: sortPorts(publish),
    running: instance.status === "Running",
    filtering: Object.keys(liveCard(known)).every((key) => instance.devices.eth0?.[key] === "true"),
    config,
    incarnation: instance.config["volatile.uuid"] ?? "",
  };
  if (size) observed.diskGiB = size / 1024;
  else delete observed.diskGiB;
  return observed;
}

/** Incus keeps devices by name, so the order of ports means nothing: one order for all comparisons. */
export const sortPorts = (ports: PublishedPort[]): PublishedPort[] =>
  [...ports].sort((a, b) => (a.listen < b.listen ? -1 : a.listen > b.listen ? 1 : 0));

const UNITS: Record<string, number> = {
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
  TiB: 2 ** 40, // prettier-ignore
};

/** Incus' size text in MiB: "512MiB" is 512, "1GB" is 953.67. 0 for none, and for text that is not a plain size ("50%"). */
function mebibytes(text = ""): number {
  const [, number, unit] = /^(\d+)\s*([A-Za-z]*)$/.exec(text) ?? [];
  return number === undefined ? 0 : (Number(number) * (UNITS[unit || "B"] ?? 0)) / 2 ** 20;
}

/** Settings of a bridge: NAT to the outside, DHCP for the machines' fixed addresses, IPv4 only. */
export function networkConfig({ cidr, stack }: NetworkInputs): Record<string, string> {
  return {
    "ipv4.address": `${gatewayOf(cidr)}/${cidr.split("/")[1]}`,
    "ipv4.nat": "true",
    "ipv4.dhcp": "true",
    "ipv6.address": "none",
    [STACK_KEY]: stack,
  };
}

/** The first address of a block: "10.88.0.0/24" gives "10.88.0.1". @throws Error when it is not an IPv4 block. */
export function gatewayOf(cidr: string): string {
  const parsed = parseCidr(cidr);
  if (!parsed) throw new Error(`${cidr} is not an IPv4 block`);
  return addressAt(parsed, 1);
}
