/**
 * What happens to an instance when Pulumi checks, compares, creates, reads, updates and deletes one. It runs in the
 * dynamic provider's process, found there by the text in `resources.ts`.
 */
import type * as pulumi from "@pulumi/pulumi";
import { isDeepStrictEqual } from "node:util";
import { Incus, IncusError } from "./api";
import { portFault, sshAnswers } from "./host";
import {
  changeInstance,
  hostKeyTemplates,
  liveCard,
  liveConfig,
  liveDevices,
  madeFor,
  newInstance,
  observedInstance,
  sameHostKey,
  sortPorts,
  STACK_KEY,
  type IncusInstance,
  type InstanceInputs,
  type InstanceOutputs,
} from "./model";
import { limitsNotice } from "./limits";
import { becomesStopped, patiently, removeInstance, start } from "./power";

/** How long a started instance has until its SSH server greets, in seconds. */
const SSH_SECONDS = 120;

/** A change of one of these makes another machine; the old one goes first, as both have one name and address. */
const REPLACED = ["name", "hostname", "stack", "type", "network", "address", "pool"] as const;
/** These change while the machine lives. `image` and `userData` are in neither list: they matter at creation only. */
const UPDATED = ["cpus", "memoryMiB", "diskGiB", "publish", "running", "filtering", "config"] as const;

const pathOf = (name: string) => `/1.0/instances/${name}`;
const differing = <K extends keyof InstanceOutputs>(keys: readonly K[], olds: InstanceOutputs, news: InstanceInputs) =>
  keys.filter((key) => !isDeepStrictEqual(olds[key], (news as unknown as InstanceOutputs)[key]));

/**
 * @param ready tells whether the SSH server at an address answers within a number of seconds; replaced in tests only.
 * @param inState names and published ports that the state holds, as far as this run has come. A replacement is checked twice:
 * as a change, and then as if it were new, while the old machine is still there.
 */
export const instanceProvider = (ready = sshAnswers, inState = new Set<string>()) => ({
  async check(olds: Partial<InstanceInputs>, news: InstanceInputs): Promise<pulumi.dynamic.CheckResult> {
    const inputs: InstanceInputs = {
      ...news,
      type: news.type ?? "container",
      publish: sortPorts(news.publish ?? []),
      running: news.running ?? true,
      filtering: true,
      config: news.config ?? {},
    };
    const failures: pulumi.dynamic.CheckFailure[] = [];
    if (inputs.type !== "container") {
      const reason = "only containers can be made: the machine image of `npm run setup` has no kernel to boot";
      failures.push({ property: "type", reason });
    }
    if (olds.diskGiB && inputs.diskGiB && inputs.diskGiB < olds.diskGiB) {
      const reason = `a disk can't shrink: write ${olds.diskGiB} or more, or replace ${inputs.name}`;
      failures.push({ property: "diskGiB", reason });
    }
    const reserved = Object.keys(inputs.config).filter((key) => key.startsWith("user.pgha."));
    if (reserved.length) {
      failures.push({ property: "config", reason: `${reserved.join(", ")}: pgha itself keeps marks of that name` });
    }
    // Only what is new is compared with the machine itself: a run without changes asks Incus nothing.
    if (olds.name !== undefined) {
      const held = new Set(olds.publish?.map(({ listen }) => listen));
      for (const each of [olds.name, ...held]) inState.add(each);
      failures.push(...(await portFailures(inputs.publish.filter(({ listen }) => !held.has(listen)))));
    } else {
      failures.push(...(await obstacles(new Incus(), inputs, inState)).failures);
    }
    return { inputs, failures };
  },

  async diff(_id: string, olds: InstanceOutputs, news: InstanceInputs): Promise<pulumi.dynamic.DiffResult> {
    const replaces: string[] = differing(REPLACED, olds, news);
    if (olds.hostKey.publicKey !== news.hostKey.publicKey) replaces.push("hostKey");
    const changes = replaces.length > 0 || differing(UPDATED, olds, news).length > 0;
    return { changes, replaces, deleteBeforeReplace: true };
  },

  async create(inputs: InstanceInputs): Promise<pulumi.dynamic.CreateResult> {
    const { name } = inputs;
    const incus = new Incus();
    const { failures, leftover } = await obstacles(incus, inputs);
    refuseFor(failures);
    if (leftover) {
      await removeInstance(incus, name);
      refuseFor(await portFailures(inputs.publish));
    }
    await attempt(name, "could not be created", () => incus.run("POST", "/1.0/instances", newInstance(inputs)));
    await limitsNotice(incus);
    let outs: InstanceOutputs;
    try {
      await placeHostKey(incus, inputs);
      const made = await incus.get<IncusInstance>(pathOf(name));
      outs = {
        ...inputs,
        hostKey: { publicKey: inputs.hostKey.publicKey },
        incarnation: made.config["volatile.uuid"] ?? "",
      };
    } catch (error) {
      // Without its key it would boot with no identity: nothing worth keeping.
      await removeInstance(incus, name);
      throw new IncusError(0, `${name}: its SSH host key could not be written: ${(error as Error).message}`);
    }
    if (inputs.running) {
      try {
        await boot(incus, inputs, ready);
      } catch (error) {
        throw halfMade(name, outs, error as Error);
      }
    }
    return { id: name, outs };
  },

  async read(id: string, known: InstanceOutputs): Promise<pulumi.dynamic.ReadResult> {
    const found = await new Incus().find<IncusInstance>(pathOf(id));
    // An empty id says that it is gone. So is ours when somebody made another machine of that name.
    if (!found || !sameHostKey(found, known.hostKey.publicKey)) return { id: "" };
    return { id, props: observedInstance(found, known) };
  },

  async update(id: string, olds: InstanceOutputs, news: InstanceInputs): Promise<pulumi.dynamic.UpdateResult> {
    const incus = new Incus();
    const live = (of: InstanceInputs | InstanceOutputs) => [liveConfig(of), liveDevices(of), liveCard(of)];
    if (!isDeepStrictEqual(live(olds), live(news))) {
      await attempt(id, "could not be changed", () =>
        patiently(() => incus.edit<IncusInstance>(pathOf(id), (current) => changeInstance(current, olds, news))),
      );
    }
    if (news.running) await boot(incus, news, ready);
    else await attempt(id, "could not be stopped", () => becomesStopped(incus, id));
    const { hostKey, image, userData, incarnation } = olds;
    return { outs: { ...news, hostKey, image, userData, incarnation } satisfies InstanceOutputs };
  },

  async delete(id: string, known: InstanceOutputs): Promise<void> {
    await attempt(id, "could not be deleted", () =>
      removeInstance(new Incus(), id, (found) => sameHostKey(found, known.hostKey.publicKey)),
    );
  },
});

export const instance = instanceProvider();

async function placeHostKey(incus: Incus, { name, hostKey }: InstanceInputs): Promise<void> {
  const { texts, metadata } = hostKeyTemplates(hostKey);
  for (const [template, text] of Object.entries(texts)) {
    await incus.run("POST", `${pathOf(name)}/metadata/templates?path=${template}`, text);
  }
  await incus.run("PATCH", `${pathOf(name)}/metadata`, metadata);
}

/** Starts an instance and waits until its SSH server greets. */
async function boot(incus: Incus, { name, address, stack }: InstanceInputs, ready: typeof sshAnswers): Promise<void> {
  await attempt(name, "could not be started", () => start(incus, name));
  if (await ready(address, SSH_SECONDS)) return;
  throw new IncusError(
    0,
    `${name} was started, but its SSH server did not answer at ${address}:22 within ${SSH_SECONDS} s. See its boot with ` +
      `\`incus console --show-log ${name}\`; is a firewall of this machine closing the bridge of stack ${stack}?`,
  );
}

/**
 * What stands against making an instance, and whether a half-made one of this same state must go first.
 * @param replaced names and ports that are still those of the machine that it replaces
 */
async function obstacles(incus: Incus, inputs: InstanceInputs, replaced = new Set<string>()) {
  const { name, stack, image, pool, publish } = inputs;
  const failures: pulumi.dynamic.CheckFailure[] = [];
  let leftover = false;
  try {
    const [present, alias, storage] = await Promise.all([
      replaced.has(name) ? undefined : incus.find<IncusInstance>(pathOf(name)),
      incus.find(`/1.0/images/aliases/${image}`),
      incus.find(`/1.0/storage-pools/${pool}`),
    ]);
    const setup = "run `npm run setup`";
    if (!alias) failures.push({ property: "image", reason: `Incus has no image ${image}: ${setup}` });
    if (!storage) failures.push({ property: "pool", reason: `Incus has no storage pool ${pool}: ${setup}` });
    leftover = present !== undefined && madeFor(present, inputs);
    if (present && !leftover) failures.push({ property: "name", reason: foreign(present, name, stack) });
    if (!leftover) failures.push(...(await portFailures(publish.filter(({ listen }) => !replaced.has(listen)))));
  } catch (error) {
    if (!(error instanceof IncusError)) throw error;
    failures.push({ property: "", reason: error.message });
  }
  return { failures, leftover };
}

function refuseFor(failures: pulumi.dynamic.CheckFailure[]): void {
  if (failures.length) throw new IncusError(0, failures.map(({ reason }) => reason).join("\n"));
}

function foreign(present: IncusInstance, name: string, stack: string): string {
  return present.config[STACK_KEY] === stack
    ? `an instance ${name} exists that is not in this state: another checkout made it, or its state was lost. ` +
        `If its data is not needed, remove it with \`incus delete --force ${name}\``
    : `an instance ${name} exists that pgha did not make. Rename or remove it, or use another stack name`;
}

async function portFailures(ports: InstanceInputs["publish"]): Promise<pulumi.dynamic.CheckFailure[]> {
  const faults = await Promise.all(ports.map(({ listen }) => portFault(listen)));
  return faults.flatMap((reason) => (reason ? [{ property: "publish", reason }] : []));
}

/** Runs one step and, when Incus refuses it, says which instance and which step it was. */
async function attempt(name: string, what: string, step: () => Promise<void>): Promise<void> {
  try {
    await step();
  } catch (error) {
    if (!(error instanceof IncusError)) throw error;
    const advice = error.message.includes("address already in use")
      ? ". A published port is in use on this machine: stop its user, or choose another under `pgha:ports`"
      : error.status === 404
        ? ". It was removed outside of Pulumi: run `npm run up`, or `pulumi up --refresh`"
        : "";
    throw new IncusError(error.status, `${name} ${what}: ${error.message}${advice}`);
  }
}

/** Tells Pulumi that the instance exists but is not ready: it goes into the state, so that `destroy` removes it. */
function halfMade(id: string, outs: InstanceOutputs, error: Error): Error {
  return Object.assign(error, { id, properties: outs, reasons: [error.message] });
}
