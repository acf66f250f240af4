import type { types } from "@pulumi/command";
import * as pulumi from "@pulumi/pulumi";
import { providerText } from "../../provider-text";

const provider = providerText("components/aws/drain/provider.ts", "drain");

export interface DrainArgs {
  /** How to log in to the proxy. */
  connection: pulumi.Input<types.input.remote.ConnectionArgs>;
  /** Changes when the proxy's machine is recreated. */
  incarnation: pulumi.Input<string>;
  /** Seconds for which its clients may stay. */
  stay: number;
}

/**
 * Stands between a proxy's machine and its places in the load balancer: Pulumi takes away what depends on this, then this, which waits
 * until the proxy's clients are gone, then the machine. AWS answers at once when a target is deregistered, and the provider with it, so
 * that without this the machine would go seconds later, and its connections be cut.
 */
export class Drain extends pulumi.CustomResource {
  constructor(name: string, args: DrainArgs, opts: pulumi.CustomResourceOptions) {
    const props = { ...args, __provider: provider };
    super("pulumi-nodejs:dynamic/pgha:Drain", name, props, { ...opts, additionalSecretOutputs: ["connection"] });
  }
}
