import type { Incus } from "./api";

interface Warning {
  type: string;
  status: string;
}

let given: Promise<void> | undefined;

/**
 * Says, once in a run, when this host can't enforce limits. Incus then accepts `limits.*` and does nothing with them
 * (its start-up warnings tell), so nothing has to be left out; but a user should know.
 */
export function limitsNotice(incus: Incus): Promise<void> {
  return (given ??= incus.get<Warning[]>("/1.0/warnings?recursion=1").then((warnings) => {
    const missing = ["CPU", "memory"].filter((controller) =>
      warnings.some(({ type, status }) => status !== "resolved" && type.endsWith(`CGroup ${controller} controller`)),
    );
    if (missing.length === 0) return;
    // The dynamic provider's standard output becomes a message of the run.
    console.log(`note: this host's kernel can't limit the ${missing.join(" and ")} of machines (cgroup v1 or none)`);
  }));
}
