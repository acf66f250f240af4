/**
 * Keeps secrets out of what is published. Pulumi masks what it knows to be secret; what is masked here is masked whatever
 * Pulumi thinks of it, because a comment on a pull request cannot be taken back.
 */
type Properties = Record<string, unknown>;

export const secretMark = "[secret]";
/** What is not known before the update. */
export const unknownMark = "[known after the update]";

// How the engine writes a secret and an unknown value (sdk/go/common/resource of Pulumi).
const signature = "4dabf18193072939515e22adb298388d";
const secretSignature = "1b47061264138c4ac30d75fd1eb44270";
const unknownValues = ["04da6b54-80e4-46f7-96ec-b56ff0331ba9", "output<string>"];

/** Names of inputs that hold secrets. */
const secretName = /private|password|secret|token|^stdin$|^connection$/i;

/** Types whose inputs of an innocent name hold secrets. */
const secretInputs: Record<string, string[]> = { "aws:ssm/parameter:Parameter": ["value"] };

/** A resource's inputs without its secrets. */
export function masked(type: string, inputs: Properties): Properties {
  const entries = Object.entries(inputs).map(([key, value]): [string, unknown] => [
    key,
    secretInputs[type]?.includes(key) ? secretMark : maskedValue(key, value),
  ]);
  return Object.fromEntries(entries);
}

function maskedValue(key: string, value: unknown): unknown {
  if (secretName.test(key)) return secretMark;
  if (typeof value === "string") return unknownValues.includes(value) ? unknownMark : redacted(value);
  if (Array.isArray(value)) return value.map((item) => maskedValue("", item));
  if (value === null || typeof value !== "object") return value;
  if ((value as Properties)[signature] === secretSignature) return secretMark;
  return Object.fromEntries(Object.entries(value).map(([inner, item]) => [inner, maskedValue(inner, item)]));
}

/** A text without private keys, verifiers of passwords, and passwords in URLs. */
export function redacted(text: string): string {
  return text
    .replace(/-----BEGIN [A-Z ]*PRIVATE KEY-----[^]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g, secretMark)
    .replace(/SCRAM-SHA-256\$[^\s'"]+/g, secretMark)
    .replace(/(\w:\/\/[^\s/:@]+:)[^\s/@]+@/g, `$1${secretMark}@`);
}
