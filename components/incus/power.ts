/** Starting, stopping and removing instances, whatever state they are in. */
import { setTimeout as pause } from "node:timers/promises";
import { Incus, IncusError } from "./api";
import type { IncusInstance } from "./model";

/** How long to wait for an operation that somebody else started on the same instance, in seconds. */
const BUSY_SECONDS = 60;
/** How long services have to end on a clean stop, in seconds; then the power goes. */
const STOP_SECONDS = 30;

const pathOf = (name: string) => `/1.0/instances/${name}`;

/** Repeats `step` while the instance is busy with another operation, such as one that a broken-off run left behind. */
export async function patiently(step: () => Promise<void>): Promise<void> {
  const deadline = Date.now() + BUSY_SECONDS * 1000;
  for (;;) {
    try {
      return await step();
    } catch (error) {
      const busy = error instanceof IncusError && /\bbusy\b/i.test(error.message);
      if (!busy || Date.now() > deadline) throw error;
      await pause(200);
    }
  }
}

async function power(
  incus: Incus,
  name: string,
  action: "start" | "stop" | "freeze" | "unfreeze",
  options = {},
): Promise<void> {
  try {
    await patiently(() => incus.run("PUT", `${pathOf(name)}/state`, { action, ...options }));
  } catch (error) {
    // A machine that exists already, by an autostart at the same moment or by hand, is what was asked for.
    if (!(error instanceof IncusError && /already (running|stopped)/i.test(error.message))) throw error;
  }
}

/** Starts an instance, or thaws a frozen one; one that runs is left alone. */
export async function start(incus: Incus, name: string): Promise<void> {
  const { status } = await incus.get<IncusInstance>(pathOf(name));
  if (status !== "Running") await power(incus, name, status === "Frozen" ? "unfreeze" : "start");
}

/** Stops an instance cleanly, by force when its services take too long. */
export async function becomesStopped(incus: Incus, name: string): Promise<void> {
  const { status } = await incus.get<IncusInstance>(pathOf(name));
  if (status === "Stopped") return;
  try {
    await power(incus, name, "stop", { timeout: STOP_SECONDS });
  } catch (error) {
    if (!(error instanceof IncusError) || error.status === 404) throw error;
    await power(incus, name, "stop", { force: true });
  }
}

/** Removes an instance at once, running or not, if `ours` knows it. One that does not exist is fine. */
export async function removeInstance(
  incus: Incus,
  name: string,
  ours: (found: IncusInstance) => boolean = () => true,
): Promise<void> {
  const deadline = Date.now() + BUSY_SECONDS * 1000;
  for (;;) {
    const found = await incus.find<IncusInstance>(pathOf(name));
    if (!found || !ours(found)) return;
    try {
      if (found.status !== "Stopped") await power(incus, name, "stop", { force: true });
      return await patiently(() => incus.run("DELETE", pathOf(name)));
    } catch (error) {
      if (!(error instanceof IncusError)) throw error;
      if (error.status === 404) return;
      // What a broken-off run began goes on in Incus: its start may have come in between.
      if (!/is running/i.test(error.message) || Date.now() > deadline) throw error;
      await pause(200);
    }
  }
}

/** Freezes a running instance: its processes stand still and know nothing of it, as in a virtual machine that is paused. */
export async function freeze(incus: Incus, name: string): Promise<void> {
  await power(incus, name, "freeze");
}
