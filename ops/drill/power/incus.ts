import { readFileSync } from "node:fs";
import type { NodeOutput } from "../../../components/outputs";
import { Incus } from "../../../components/incus/api";
import { STACK_KEY, type IncusInstance } from "../../../components/incus/model";
import { becomesStopped, freeze, patiently, start } from "../../../components/incus/power";
import { OpsError } from "../../errors";
import { run } from "../../process";
import type { Power } from "./model";

/** Keeps the size that a machine's disk had, or "none", so that whoever heals need not know it. */
const sizeMark = "user.pgha.drill-disk";
const mib = 2 ** 20;

/** This host's end of a machine's network: the seam for tests. */
export interface Links {
  isUp(name: string): boolean;
  set(name: string, state: "up" | "down"): Promise<void>;
}

/** @param cluster name of the cluster: its machines are named and marked after it */
export function incusPower(cluster: string, incus = new Incus(), links: Links = hostLinks): Power {
  const pathOf = (node: NodeOutput) => `/1.0/instances/${cluster}-${node.name}`;
  const nameOf = (node: NodeOutput) => `${cluster}-${node.name}`;
  const linkOf = ({ config }: IncusInstance) => config["volatile.eth0.host_name"];

  async function instance(node: NodeOutput): Promise<IncusInstance> {
    const found = await incus.find<IncusInstance>(pathOf(node));
    if (found?.config[STACK_KEY] === cluster) return found;
    throw new OpsError(`Incus has no machine ${nameOf(node)} of cluster ${cluster}; \`npm run up\` makes it`);
  }

  const edit = (node: NodeOutput, change: (current: IncusInstance) => IncusInstance) =>
    patiently(() => incus.edit<IncusInstance>(pathOf(node), change));

  return {
    cannot: () => undefined,

    async off(node) {
      const link = linkOf(await instance(node));
      // Processes that are killed have their connections closed. With the cable pulled first nobody hears of that.
      if (link) await links.set(link, "down");
      await patiently(() => incus.run("PUT", `${pathOf(node)}/state`, { action: "stop", force: true }));
    },

    async stop(node) {
      await instance(node);
      await becomesStopped(incus, nameOf(node));
    },

    async freeze(node) {
      await instance(node);
      await freeze(incus, nameOf(node));
    },

    async on(node) {
      const found = await instance(node);
      if (found.status !== "Running") {
        await start(incus, nameOf(node));
        return [found.status === "Frozen" ? "it was frozen" : "it was off"];
      }
      const link = linkOf(found);
      if (!link || links.isUp(link)) return [];
      await links.set(link, "up");
      return ["its network was down"];
    },

    async restrictDisk(node, besideOwnMiB) {
      await instance(node);
      const { disk } = await incus.get<{ disk?: { root?: { usage: number } } }>(`${pathOf(node)}/state`);
      const own = disk?.root?.usage;
      if (!own)
        throw new OpsError(`Incus does not know how full the disk of ${nameOf(node)} is: no quotas in its pool`);
      // Marked first: whether Incus says that it did the second or not, there is something to undo.
      await edit(node, (current) => mark(current, current.config[sizeMark] ?? current.devices.root?.size ?? "none"));
      await edit(node, (current) => resize(current, String(own + besideOwnMiB * mib)));
    },

    async restoreDisk(node) {
      const size = (await instance(node)).config[sizeMark];
      if (size === undefined) return [];
      // Incus sets a limit only where its text changes, which a restriction that failed halfway did not.
      await edit(node, (current) => resize(current, undefined));
      await edit(node, (current) => mark(resize(current, size === "none" ? undefined : size), undefined));
      return ["its disk was restricted"];
    },
  };
}

const mark = (current: IncusInstance, size: string | undefined): IncusInstance => ({
  ...current,
  config: entriesWith(current.config, sizeMark, size),
});

const resize = (current: IncusInstance, size: string | undefined): IncusInstance => ({
  ...current,
  devices: { ...current.devices, root: entriesWith(current.devices.root ?? {}, "size", size) },
});

/** A record with another value for one key, or without it. */
function entriesWith(record: Record<string, string>, key: string, value: string | undefined): Record<string, string> {
  const changed = { ...record };
  if (value === undefined) delete changed[key];
  else changed[key] = value;
  return changed;
}

const hostLinks: Links = {
  isUp(name) {
    const up = 1; // IFF_UP, linux/if.h
    return (Number(readFileSync(`/sys/class/net/${name}/flags`, "utf8")) & up) !== 0;
  },
  async set(name, state) {
    const command = ["ip", "link", "set", "dev", name, state];
    const [program, ...args] = process.getuid?.() === 0 ? command : ["sudo", "-n", ...command];
    const { code, stderr } = await run(program!, args);
    if (code === 0) return;
    throw new OpsError(
      `${name}, a machine's network on this host, could not be set ${state}: ${stderr.trim()}. ` +
        "That takes root: run this as root, or as a user who may use sudo without a password",
    );
  },
};
