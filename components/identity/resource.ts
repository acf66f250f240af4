import * as pulumi from "@pulumi/pulumi";
import { identityOf } from "../../settings/identity";
import type { Settings } from "../../settings/schema";

/**
 * Where the code is found at run time, and not the code itself: `providerText` of `components/incus/resources.ts` says why. A
 * checkout that goes back to a release without it has Pulumi delete the note, which needs no code.
 */
const providerText =
  'exports.handler = () => { const file = process.cwd() + "/components/identity/provider.ts"; ' +
  'if (!require("fs").existsSync(file)) return { delete: async () => {} }; ' +
  'require(process.cwd() + "/loader.cjs"); return require(file).identity; };';

/**
 * What makes a cluster the one that it is, noted in the state. A change of it is refused, before anything of the cluster is
 * changed, unless the settings ask for it by name: so all the rest of a cluster depends on this.
 */
export class Identity extends pulumi.CustomResource {
  constructor(name: string, settings: Settings, opts?: pulumi.CustomResourceOptions) {
    const props = { identity: identityOf(settings), replaces: settings.replaces, __provider: providerText };
    super("pulumi-nodejs:dynamic/pgha:Identity", name, props, opts);
  }
}
