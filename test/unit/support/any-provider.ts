/**
 * A provider that takes any resource and makes nothing, for tests of what the Pulumi engine does with them. A change of
 * `availabilityZone` or `targetId` replaces a resource, every other one updates it.
 */
import { main, type Provider } from "@pulumi/pulumi/provider";

type Values = Record<string, unknown>;
let made = 0;
const fixed = ["availabilityZone", "targetId"];

const provider: Provider = {
  version: "7.48.0",
  check: (_urn, _olds, inputs: Values) => Promise.resolve({ inputs }),
  diff: (_id, _urn, olds: Values, news: Values) =>
    Promise.resolve({
      changes: JSON.stringify(olds) !== JSON.stringify(news),
      replaces: fixed.filter((key) => olds[key] !== news[key]),
    }),
  create: (_urn, outs: Values) => Promise.resolve({ id: `made-${process.pid}-${++made}`, outs }),
  update: (_id, _urn, _olds, outs: Values) => Promise.resolve({ outs }),
  delete: () => Promise.resolve(),
};

main(provider, process.argv.slice(2)).catch((error: Error) => {
  console.error(error.message);
  process.exit(1);
});
