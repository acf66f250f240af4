import * as pulumi from "@pulumi/pulumi";
import { identityOf } from "../../settings/identity";
import type { Settings } from "../../settings/schema";
import { providerText } from "../provider-text";

const provider = providerText("components/identity/provider.ts", "identity");

/**
 * What makes a cluster the one that it is, noted in the state. A change of it is refused, before anything of the cluster is
 * changed, unless the settings ask for it by name: so all the rest of a cluster depends on this.
 */
export class Identity extends pulumi.CustomResource {
  constructor(name: string, settings: Settings, opts?: pulumi.CustomResourceOptions) {
    const protect = settings.aws?.protect ?? false;
    const props = { identity: identityOf(settings), replaces: settings.replaces, protect, __provider: provider };
    super("pulumi-nodejs:dynamic/pgha:Identity", name, props, opts);
  }
}
