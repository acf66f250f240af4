import { texts, types, type Rule } from "../rule";

/** Plain, or as base64. */
const readings = (text: string) => [text, Buffer.from(text, "base64").toString("latin1")];

const isSecret = (text: string) => readings(text).some((reading) => /-----BEGIN [A-Z ]*PRIVATE KEY-----/.test(reading));

/** Whoever may describe an instance reads its user data, and so does every process on it. */
export const secrets: Rule = {
  name: "secrets-kept",
  description: "Parameters are stored encrypted, and no private key is in user data.",
  faults({ type, props }) {
    if (type === types.parameter && props.type !== "SecureString") return ['Set type to "SecureString".'];
    const userData = [...texts(props.userData), ...texts(props.userDataBase64)];
    if (type === types.instance && userData.some(isSecret))
      return ["Take the private key out of the user data; a machine fetches it from a SecureString parameter."];
    return [];
  },
};
