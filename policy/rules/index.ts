/** All rules of the pack. One more, about what an update takes away, is `one-at-a-time.ts`: a policy pack can't see that. */
import type { Rule, StackRule } from "../rule";
import { constancy } from "./constancy";
import { encryption } from "./encryption";
import { internalEndpoint } from "./endpoint";
import { closed } from "./ingress";
import { metadata } from "./metadata";
import { processor } from "./processor";
import { protection } from "./protection";
import { noAddressForNodes, privateNodes } from "./public-address";
import { leastRights } from "./rights";
import { secrets } from "./secrets";

export const rules: Rule[] = [
  metadata,
  encryption,
  closed,
  privateNodes,
  protection,
  internalEndpoint,
  leastRights,
  secrets,
  processor,
  constancy,
];

export const stackRules: StackRule[] = [noAddressForNodes];
