/** What happens to a network when Pulumi checks, compares, creates, reads, updates and deletes one; see `instance.ts`. */
import type * as pulumi from "@pulumi/pulumi";
import { Incus, IncusError } from "./api";
import { parseCidr } from "../../settings/cidr";
import { overlappingRoute } from "./host";
import {
  gatewayOf,
  networkConfig,
  STACK_KEY,
  type IncusInstance,
  type IncusNetwork,
  type NetworkInputs,
  type NetworkOutputs,
} from "./model";
import { removeInstance } from "./power";

const pathOf = (name: string) => `/1.0/networks/${name}`;

/** Whether a network exists, and one that was made for this stack. */
const isOurs = (found: IncusNetwork | undefined, { stack }: NetworkInputs): found is IncusNetwork =>
  found !== undefined && found.managed && found.config[STACK_KEY] === stack;

const hasConfig = (found: IncusNetwork, inputs: NetworkInputs) =>
  Object.entries(networkConfig(inputs)).every(([key, value]) => found.config[key] === value);

/** @param inState names that the state holds: see `instanceProvider`. */
export const networkProvider = (inState = new Set<string>()) => ({
  async check(olds: Partial<NetworkInputs>, news: NetworkInputs): Promise<pulumi.dynamic.CheckResult> {
    const failures: pulumi.dynamic.CheckFailure[] = [];
    if (!/^[a-z][a-z0-9-]{1,14}$/.test(news.name)) {
      const reason = `${news.name} cannot be the name of a bridge: 2 to 15 of a-z, 0-9 and -. Use a shorter stack name`;
      failures.push({ property: "name", reason });
    }
    if (!parseCidr(news.cidr)) {
      const reason = `${news.cidr} is not an IPv4 block. Write one such as 10.88.0.0/24 under \`pgha:network.cidr\``;
      failures.push({ property: "cidr", reason });
    }
    if (olds.name !== undefined) inState.add(olds.name);
    if (failures.length === 0) {
      // A network that is to be made, or moved to other addresses, must find its place free.
      if (!inState.has(news.name)) failures.push(...(await obstacles(new Incus(), news, [...inState])).failures);
      else if (olds.cidr !== news.cidr) failures.push(...(await addressFailures(news)));
    }
    return { inputs: news, failures };
  },

  async diff(_id: string, olds: NetworkOutputs, news: NetworkInputs): Promise<pulumi.dynamic.DiffResult> {
    const keys = ["name", "cidr", "stack"] as const;
    const replaces = keys.filter((key) => olds[key] !== news[key]);
    return { changes: replaces.length > 0 || !olds.intact, replaces, deleteBeforeReplace: true };
  },

  async create(inputs: NetworkInputs): Promise<pulumi.dynamic.CreateResult> {
    const incus = new Incus();
    const { failures, present } = await obstacles(incus, inputs);
    if (failures.length) throw new IncusError(0, failures.map(({ reason }) => reason).join("\n"));
    const { name, stack } = inputs;
    const config = networkConfig(inputs);
    const description = `pgha: machines of stack ${stack}`;
    if (present) await writeConfig(incus, inputs);
    else await incus.run("POST", "/1.0/networks", { name, type: "bridge", description, config });
    return { id: name, outs: outputs(inputs) };
  },

  async read(id: string, known: NetworkOutputs): Promise<pulumi.dynamic.ReadResult> {
    const found = await new Incus().find<IncusNetwork>(pathOf(id));
    if (!isOurs(found, known)) return { id: "" };
    return { id, props: { ...known, intact: hasConfig(found, known) } satisfies NetworkOutputs };
  },

  async update(_id: string, _olds: NetworkOutputs, news: NetworkInputs): Promise<pulumi.dynamic.UpdateResult> {
    await writeConfig(new Incus(), news);
    return { outs: outputs(news) };
  },

  /**
   * Removes the network, and with it the instances of its stack that are on it: those that Pulumi left to it by
   * `deletedWith`, and leftovers of a run that was interrupted before it knew of them.
   */
  async delete(id: string, known: NetworkOutputs): Promise<void> {
    const incus = new Incus();
    const found = await incus.find<IncusNetwork>(pathOf(id));
    if (!isOurs(found, known)) return;
    const ours = (instance: IncusInstance) => instance.config[STACK_KEY] === known.stack;
    await Promise.all(users(found).map((name) => removeInstance(incus, name, ours)));
    try {
      await incus.run("DELETE", pathOf(id));
    } catch (error) {
      if (!(error instanceof IncusError)) throw error;
      if (error.status === 404) return;
      throw new IncusError(error.status, `network ${id} could not be deleted: ${error.message}`);
    }
  },
});

export const network = networkProvider();

const outputs = (inputs: NetworkInputs): NetworkOutputs => ({
  ...inputs,
  gateway: gatewayOf(inputs.cidr),
  intact: true,
});

const writeConfig = (incus: Incus, inputs: NetworkInputs) =>
  incus.edit<IncusNetwork>(pathOf(inputs.name), (current) => ({
    ...current,
    config: { ...current.config, ...networkConfig(inputs) },
  }));

/** Names of the instances on a network. */
const users = (found: IncusNetwork) =>
  (found.used_by ?? []).flatMap((url) => /^\/1\.0\/instances\/([^/?]+)/.exec(url)?.[1] ?? []);

/**
 * What stands against making a network; one of ours that nothing uses yet is none, and is taken over.
 * @param replaced bridges that go before it is made
 */
async function obstacles(incus: Incus, inputs: NetworkInputs, replaced: string[] = []) {
  const { name } = inputs;
  const failures: pulumi.dynamic.CheckFailure[] = [];
  let present: IncusNetwork | undefined;
  try {
    present = await incus.find<IncusNetwork>(pathOf(name));
    if (present && !isOurs(present, inputs)) {
      const reason = `a network interface ${name} exists that pgha did not make. Remove it, or use another stack name`;
      failures.push({ property: "name", reason });
    } else if (present && users(present).length) {
      const reason =
        `network ${name} exists and is not in this state: another checkout made it, or its state was lost. If the data ` +
        `of its machines is not needed, remove both with \`incus delete --force ${users(present).join(" ")}\` and ` +
        `\`incus network delete ${name}\``;
      failures.push({ property: "name", reason });
    }
  } catch (error) {
    if (!(error instanceof IncusError)) throw error;
    failures.push({ property: "", reason: error.message });
  }
  failures.push(...(await addressFailures(inputs, replaced)));
  return { failures, present };
}

async function addressFailures(
  { cidr, name }: NetworkInputs,
  replaced: string[] = [],
): Promise<pulumi.dynamic.CheckFailure[]> {
  const route = await overlappingRoute(cidr, [name, ...replaced]);
  if (!route) return [];
  const reason =
    `${cidr} overlaps ${route.cidr}, which this machine reaches through ${route.interface}. ` +
    "Choose another block under `pgha:network.cidr`";
  return [{ property: "cidr", reason }];
}
