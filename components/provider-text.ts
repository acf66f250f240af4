/**
 * What the state holds as the provider of a resource that is served by Pulumi's dynamic provider: where the code is found at run time, and
 * not the code itself (`providerText` of `components/incus/resources.ts` says why). A checkout that goes back to a release without it has
 * Pulumi delete the resource, which needs no code.
 * @param file below the folder of `Pulumi.yaml`
 * @param name what it exports
 */
export const providerText = (file: string, name: string) =>
  `exports.handler = () => { const file = process.cwd() + "/${file}"; ` +
  'if (!require("fs").existsSync(file)) return { delete: async () => {} }; ' +
  `require(process.cwd() + "/loader.cjs"); return require(file).${name}; };`;
