import * as pulumi from "@pulumi/pulumi";
import { awsCalls, awsOutputs, type Calls } from "./mocks-aws";
import { placeholder } from "./placeholders";

type Properties = Record<string, unknown>;

const pem = (what: string, body: string) => `-----BEGIN ${what}-----\n${body}\n-----END ${what}-----\n`;
const openssh = (name: string) => `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAA${name.replace(/\W/g, "")}\n`;

/**
 * What each kind of resource has beside its inputs once it exists: fixed, plausible values. A kind that is not listed is
 * not expected, and neither is any call of a provider's function.
 */
const outputsOf: Record<string, (name: string, inputs: Properties) => Properties> = {
  "random:index/randomPassword:RandomPassword": (name) => ({
    result: placeholder.for(name),
    bcryptHash: placeholder.for(`${name}-bcrypt`),
  }),
  "random:index/randomId:RandomId": () => ({
    hex: "0123456789abcdef",
    dec: "81985529216486895",
    b64Std: "ASNFZ4mrze8=",
    b64Url: "ASNFZ4mrze8",
  }),
  "random:index/randomBytes:RandomBytes": (name) => ({
    base64: Buffer.from(placeholder.for(name)).toString("base64"),
    hex: Buffer.from(placeholder.for(name)).toString("hex"),
  }),
  "tls:index/privateKey:PrivateKey": (name) => ({
    privateKeyPem: pem("PRIVATE KEY", placeholder.for(name)),
    privateKeyPemPkcs8: pem("PRIVATE KEY", placeholder.for(name)),
    privateKeyOpenssh: pem("OPENSSH PRIVATE KEY", placeholder.for(name)),
    publicKeyPem: pem("PUBLIC KEY", name),
    publicKeyOpenssh: openssh(name),
  }),
  "tls:index/selfSignedCert:SelfSignedCert": (name) => ({ certPem: pem("CERTIFICATE", name) }),
  "tls:index/certRequest:CertRequest": (name) => ({ certRequestPem: pem("CERTIFICATE REQUEST", name) }),
  "tls:index/locallySignedCert:LocallySignedCert": (name) => ({ certPem: pem("CERTIFICATE", name) }),
  "command:remote:Command": () => ({ stdout: "", stderr: "" }),
  "pulumi-nodejs:dynamic/pgha:Identity": () => ({}),
  "pulumi-nodejs:dynamic/pgha:Drain": () => ({}),
  "pulumi-nodejs:dynamic/incus:Network": () => ({ gateway: "10.88.0.1", intact: true }),
  "pulumi-nodejs:dynamic/incus:Instance": (name, { hostKey }) => ({
    hostKey: { publicKey: (hostKey as { publicKey?: string } | undefined)?.publicKey },
    incarnation: `incarnation-of-${name}`,
  }),
  "pulumi-nodejs:dynamic/pgha:NodeState": (name) => ({ found: `found-on-${name}` }),
  ...awsOutputs,
};

/**
 * Mocks that know what this project makes and asks, and throw at everything else.
 * @param calls answers in place of the usual ones
 */
export const strictMocks = (calls: Calls = {}): pulumi.runtime.Mocks => ({
  newResource({ type, name, inputs, custom }) {
    // Components have no provider: nothing comes back but what they registered.
    if (!custom) return { id: undefined, state: {} };
    const outputs = outputsOf[type];
    if (!outputs) throw new Error(`unmocked resource ${type} (${name})`);
    const known = inputs as Properties;
    // In a preview a provider knows nothing yet beside what it was given.
    return pulumi.runtime.isDryRun()
      ? { id: undefined, state: known }
      : { id: `id-of-${name}`, state: { ...known, ...outputs(name, known) } };
  },
  call({ token, inputs }) {
    const answer = { ...awsCalls, ...calls }[token];
    if (!answer) throw new Error(`unmocked call of ${token}`);
    return answer(inputs as Properties);
  },
});
