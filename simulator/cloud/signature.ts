/** Signature Version 4 as AWS checks it (IAM User Guide, "Create a signed AWS API request"). moto takes any. */
import { createHash, createHmac } from "node:crypto";
import type { Call } from "./front";

const sha256 = (content: string | Buffer) => createHash("sha256").update(content).digest("hex");
const hmac = (key: string | Buffer, text: string) => createHmac("sha256", key).update(text).digest();

/** Whether a request to the root of a service is signed with this secret key. */
export function isSigned({ method, headers, body }: Call, secretKey: string): boolean {
  const [, scope = "", names = "", signature = ""] =
    /Credential=[^/]+\/([^,]+), *SignedHeaders=([^,]+), *Signature=([0-9a-f]+)/.exec(headers.authorization ?? "") ?? [];
  const lines = names.split(";").map((name) => `${name}:${String(headers[name] ?? "").trim()}`);
  const request = [method, "/", "", ...lines, "", names, sha256(body)].join("\n");
  const text = ["AWS4-HMAC-SHA256", headers["x-amz-date"], scope, sha256(request)].join("\n");
  const key = scope.split("/").reduce((by: string | Buffer, part) => hmac(by, part), `AWS4${secretKey}`);
  return names.split(";").includes("host") && hmac(key, text).toString("hex") === signature;
}
