import type { Reached } from "../../ask";
import { awsPower } from "./aws";
import { incusPower } from "./incus";
import type { Power } from "./model";

/** Power over a cluster's machines, by its driver. */
export function powerOf({ cluster, runner }: Reached): Power {
  const { driver, name } = cluster.facts;
  return driver === "aws" ? awsPower(runner) : incusPower(name);
}
