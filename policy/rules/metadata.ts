import { object, types, type Rule } from "../rule";

/** IMDSv1 hands a machine's credentials to whoever makes it fetch a URL; a second hop hands them to containers on it. */
export const metadata: Rule = {
  name: "metadata-service-v2",
  description: "A machine's metadata service asks for a token (IMDSv2), and its answers do not leave the machine.",
  faults({ type, props }) {
    if (type !== types.instance) return [];
    const { httpEndpoint, httpTokens, httpPutResponseHopLimit } = object(props.metadataOptions);
    if (httpEndpoint === "disabled") return [];
    const faults: string[] = [];
    if (httpTokens !== "required") faults.push('Set metadataOptions.httpTokens to "required".');
    if (httpPutResponseHopLimit !== 1) faults.push("Set metadataOptions.httpPutResponseHopLimit to 1.");
    return faults;
  },
};
