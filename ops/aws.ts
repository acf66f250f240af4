import type { EC2Client } from "@aws-sdk/client-ec2";
import { messageOf, OpsError } from "./errors";

type Sdk = typeof import("@aws-sdk/client-ec2");

/**
 * Asks EC2 of a region. The credentials are those that AWS's own tools would take: environment, profile, single sign-on, role.
 * @param action the permission that it takes, "ec2:StopInstances"; for the message
 * @throws OpsError with one sentence that says what is wrong and what to do
 */
export async function askEc2<T>(
  region: string,
  action: string,
  ask: (client: EC2Client, sdk: Sdk) => Promise<T>,
): Promise<T> {
  // Loaded only here: it is large, and most commands never ask AWS.
  const sdk = await import("@aws-sdk/client-ec2");
  const client = new sdk.EC2Client({ region });
  try {
    return await ask(client, sdk);
  } catch (error) {
    throw new OpsError(explain(error, action, region));
  } finally {
    client.destroy();
  }
}

const login = "log in (`aws sso login`), or set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";

/** What is wrong and what to do about it, in one sentence. Names of errors: EC2 API reference, "Error codes". */
function explain(error: unknown, action: string, region: string): string {
  const { name, code = name } = error as { name: string; code?: string };
  // Behind it comes a text that only AWS can read.
  const said = messageOf(error).split(" Encoded authorization failure message")[0]!.trim();
  if (name === "CredentialsProviderError") return `no AWS credentials were found: ${login}`;
  if (/^(AuthFailure|InvalidClientTokenId|InvalidAccessKeyId|SignatureDoesNotMatch|Expired|RequestExpired)/.test(name))
    return `AWS does not take these credentials: ${said}; ${login}`;
  if (/^(UnauthorizedOperation|AccessDenied)/.test(name)) return `AWS refuses ${action} to these credentials: ${said}`;
  if (/^(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|EHOSTUNREACH|TimeoutError)$/.test(code))
    return `AWS cannot be reached in region '${region}': ${said || code}; is that its name, and is this machine online?`;
  return `AWS refuses ${action}: ${name}: ${said}`;
}
