// What `refresh` shows of a resource: its inputs as they were found.
import { isDeepStrictEqual } from "node:util";
import { planned } from "./check";
import type { Observed, ResourceType } from "./plugin";
import { isSecret, plain, secret, type Values } from "./wire";

/**
 * The inputs of the state with those that were found to differ. An input that the program left out stays out as long as
 * it has its default, and one that agrees keeps its secret mark.
 */
export function observedInputs(type: ResourceType, inputs: Values, observed: Observed): Values {
  const before = planned(type, inputs);
  const after = planned(type, { ...inputs, ...inputsAmong(type, observed) });
  const found: Values = { ...inputs };
  for (const key of Object.keys(inputsAmong(type, observed))) {
    if (isDeepStrictEqual(before[key], after[key])) continue;
    const hidden = type.inputs[key]?.secret || isSecret(inputs[key]);
    found[key] = hidden ? secret(plain(after[key])) : plain(after[key]);
  }
  return found;
}

const inputsAmong = (type: ResourceType, observed: Observed): Values =>
  Object.fromEntries(Object.entries(observed).filter(([key]) => Object.hasOwn(type.inputs, key)));
