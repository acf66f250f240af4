// Stand-in for @pulumi/tls 5.6.1: PrivateKey, SelfSignedCert, CertRequest, LocallySignedCert.
import type { Change, Plugin, Properties, Property, ResourceType } from "../lib/plugin";
import { isUnknown, type Value, type Values } from "../lib/wire";
import { algorithmOf, parsePrivateKey, PrivateKey, sha1 } from "./key";
import { checkNames, generalNames, nameInputs, subjectName } from "./names";
import * as x509 from "./x509";
import { pem } from "../lib/der";

// The real plugin replaces only where the state holds PEM, not the hash that very old versions kept there.
const pemReplaces = (before: Value): boolean => typeof before === "string" && before.startsWith("-----BEGIN ");
const pemInput: Property = { type: "string", required: true, replaces: pemReplaces };
const keyInput: Property = { ...pemInput, secret: true };
const flag: Property = { type: "boolean", default: false, replaces: true };

const writeOnly = (input: string): Properties => ({
  [`${input}Wo`]: { type: "string", unsupported: `pass ${input} instead` },
  [`${input}WoVersion`]: { type: "integer", unsupported: `pass ${input} instead` },
});

/** Inputs that both kinds of certificate share. */
const certificateInputs: Properties = {
  allowedUses: {
    type: "list",
    required: true,
    replaces: true,
    items: { type: "string", oneOf: [...x509.KEY_USAGES, ...Object.keys(x509.EXTENDED_KEY_USAGES)] },
  },
  validityPeriodHours: { type: "integer", required: true, min: 0, replaces: true },
  earlyRenewalHours: { type: "integer", default: 0, min: 0 },
  isCaCertificate: flag,
  // To leave it out later replaces nothing.
  maxPathLength: { type: "integer", min: -1, replaces: (_, after) => after !== undefined },
  setSubjectKeyId: flag,
};

/** Born due: valid for no time, or for no longer than its early renewal. */
const bornDue = ({ validityPeriodHours, earlyRenewalHours }: Values): boolean =>
  Number(earlyRenewalHours) >= Number(validityPeriodHours);

/** A certificate within its early renewal (or expired) is replaced. */
function renewal(state: Values, inputs: Values): Change[] {
  if (typeof state.validityEndTime !== "string" || isUnknown(state.validityEndTime)) {
    return [];
  }
  const due = Date.parse(state.validityEndTime) - Number(inputs.earlyRenewalHours) * 3_600_000 <= Date.now();
  return due ? [{ path: "readyForRenewal", kind: "update", replace: true, input: false }] : [];
}

const template = (inputs: Values): Omit<x509.Template, "subject" | "publicKeyInfo" | "names"> => ({
  allowedUses: inputs.allowedUses as string[],
  isCa: inputs.isCaCertificate === true,
  maxPathLength: inputs.maxPathLength as number | undefined,
  setSubjectKeyId: inputs.setSubjectKeyId === true,
  validityHours: Number(inputs.validityPeriodHours),
});

const certificateOutputs = (issued: x509.Issued, inputs: Values): { id: string; outputs: Values } => ({
  id: issued.serial.toString(),
  outputs: {
    certPem: issued.pem,
    readyForRenewal: bornDue(inputs),
    validityStartTime: issued.start.toISOString(),
    validityEndTime: issued.end.toISOString(),
  },
});

const certificateComputed = ["certPem", "readyForRenewal", "validityStartTime", "validityEndTime"];

const SelfSignedCert: ResourceType = {
  inputs: {
    ...certificateInputs,
    ...nameInputs,
    ...writeOnly("privateKeyPem"),
    privateKeyPem: keyInput,
    setAuthorityKeyId: flag,
  },
  computed: [...certificateComputed, "keyAlgorithm"],
  check: checkNames,
  drift: renewal,
  async create(inputs) {
    const key = parsePrivateKey(String(inputs.privateKeyPem), "privateKeyPem");
    const issued = x509.certificate(
      {
        ...template(inputs),
        subject: subjectName(inputs.subject as Values | undefined),
        publicKeyInfo: x509.spki(key),
        names: generalNames(inputs),
        setAuthorityKeyId: inputs.setAuthorityKeyId === true,
      },
      key,
    );
    const { id, outputs } = certificateOutputs(issued, inputs);
    return { id, outputs: { ...outputs, keyAlgorithm: algorithmOf(key) } };
  },
};

const CertRequest: ResourceType = {
  inputs: { ...nameInputs, ...writeOnly("privateKeyPem"), privateKeyPem: keyInput },
  computed: ["certRequestPem", "keyAlgorithm"],
  check: checkNames,
  async create(inputs) {
    const key = parsePrivateKey(String(inputs.privateKeyPem), "privateKeyPem");
    const subject = subjectName(inputs.subject as Values | undefined);
    const request = x509.certificateRequest(subject, generalNames(inputs), key);
    return {
      id: sha1(request).toString("hex"),
      outputs: { certRequestPem: pem("CERTIFICATE REQUEST", request), keyAlgorithm: algorithmOf(key) },
    };
  },
};

const LocallySignedCert: ResourceType = {
  inputs: {
    ...certificateInputs,
    ...writeOnly("caPrivateKeyPem"),
    caCertPem: pemInput,
    caPrivateKeyPem: keyInput,
    certRequestPem: pemInput,
  },
  computed: [...certificateComputed, "caKeyAlgorithm"],
  drift: renewal,
  async create(inputs, context) {
    const key = parsePrivateKey(String(inputs.caPrivateKeyPem), "caPrivateKeyPem");
    const authority = x509.parseAuthority(String(inputs.caCertPem));
    if (!authority.publicKeyInfo.equals(x509.spki(key))) {
      throw new Error("caPrivateKeyPem is not the private key of caCertPem");
    }
    if (!authority.isCa) {
      context.log("warning", "caCertPem is not the certificate of a Certificate Authority; verification may fail");
    }
    const request = x509.parseRequest(String(inputs.certRequestPem));
    const issued = x509.certificate({ ...template(inputs), ...request }, key, authority);
    const { id, outputs } = certificateOutputs(issued, inputs);
    return { id, outputs: { ...outputs, caKeyAlgorithm: algorithmOf(key) } };
  },
};

export const plugin: Plugin = {
  name: "tls",
  version: "5.6.1",
  resources: {
    "tls:index/privateKey:PrivateKey": PrivateKey,
    "tls:index/selfSignedCert:SelfSignedCert": SelfSignedCert,
    "tls:index/certRequest:CertRequest": CertRequest,
    "tls:index/locallySignedCert:LocallySignedCert": LocallySignedCert,
  },
};
