import { types, type Rule } from "../rule";

export const internalEndpoint: Rule = {
  name: "endpoint-internal",
  description: "The load balancer has private addresses only, unless pgha:aws.public is true.",
  faults: ({ type, props }, declared) =>
    type === types.loadBalancer && props.internal !== true && !declared.public
      ? [
          "Set internal to true; if clients are outside the VPC, set pgha:aws.public to true and name them in pgha:aws.clients.",
        ]
      : [],
};
