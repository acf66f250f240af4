/** Whether a machine may read a parameter: it must have signed for it, and its role must allow exactly that. */
import { AwsError, type Call, type Handler } from "./front";
import type { Clients } from "./clients";
import type { MetadataService } from "./metadata";
import { isSigned } from "./signature";

interface Statement {
  Effect: string;
  Action: string | string[];
  Resource: string | string[];
}

/** What a role allows, by its own policies. */
async function statements({ iam }: Clients, role: string): Promise<Statement[]> {
  const { PolicyNames = [] } = await iam.listRolePolicies({ RoleName: role });
  const documents = await Promise.all(
    PolicyNames.map(async (PolicyName) => (await iam.getRolePolicy({ RoleName: role, PolicyName })).PolicyDocument!),
  );
  return documents.flatMap((text) => (JSON.parse(decodeURIComponent(text)) as { Statement: Statement[] }).Statement);
}

/** Calls of the operator pass; a machine's are held to its signature, its token and its role. */
export function getParameter(aws: Clients, metadata: MetadataService): Handler {
  return async (call: Call, forward) => {
    if (!call.accessKey.startsWith("ASIA")) return forward();
    const holder = metadata.holder(call.accessKey);
    const denied = (why: string) => new AwsError("AccessDeniedException", why);
    if (!holder) throw denied("these credentials are nobody's");
    const { of, credentials } = holder;
    if (call.headers["x-amz-security-token"] !== credentials.token) throw denied("the security token is not theirs");
    if (!isSigned(call, credentials.secretKey))
      throw new AwsError("InvalidSignatureException", "the signature is wrong");
    const { Name } = JSON.parse(call.body.toString()) as { Name: string };
    const arn = (await aws.ssm.getParameter({ Name })).Parameter?.ARN;
    const allowed = (await statements(aws, of.role!)).some(
      ({ Effect, Action, Resource }) =>
        Effect === "Allow" && [Action].flat().includes("ssm:GetParameter") && [Resource].flat().includes(arn!),
    );
    if (!allowed) throw denied(`role ${of.role} is not authorized to perform ssm:GetParameter on ${arn}`);
    return forward();
  };
}
