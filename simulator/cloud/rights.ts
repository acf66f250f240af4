/** Whether a machine may read a parameter: it must have signed for it, and its role must allow exactly that. */
import { AwsError, type Call, type Handler } from "./front";
import type { Clients } from "./clients";
import type { MetadataService } from "./metadata";
import type { Policy } from "../../settings/aws/policy-document";
import { decide } from "./iam/decide";
import { isSigned } from "./signature";

/** A role's own policies. */
async function policiesOf({ iam }: Clients, role: string): Promise<Policy[]> {
  const { PolicyNames = [] } = await iam.listRolePolicies({ RoleName: role });
  const documents = await Promise.all(
    PolicyNames.map(async (PolicyName) => (await iam.getRolePolicy({ RoleName: role, PolicyName })).PolicyDocument!),
  );
  return documents.map((text) => JSON.parse(decodeURIComponent(text)) as Policy);
}

/** What bounds a role; undefined when nothing does. */
async function boundaryOf({ iam }: Clients, RoleName: string): Promise<Policy[] | undefined> {
  const PolicyArn = (await iam.getRole({ RoleName })).Role?.PermissionsBoundary?.PermissionsBoundaryArn;
  if (!PolicyArn) return undefined;
  const VersionId = (await iam.getPolicy({ PolicyArn })).Policy!.DefaultVersionId;
  const { PolicyVersion } = await iam.getPolicyVersion({ PolicyArn, VersionId });
  return [JSON.parse(decodeURIComponent(PolicyVersion!.Document!)) as Policy];
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
    const question = { action: "ssm:GetParameter", resource: arn ?? "", context: {} };
    // A role can do what it and its boundary allow.
    const sides = [await policiesOf(aws, of.role!), await boundaryOf(aws, of.role!)];
    const allowed = sides.every((policies) => policies === undefined || decide(policies, question) === "allowed");
    if (!allowed) throw denied(`role ${of.role} is not authorized to perform ssm:GetParameter on ${arn}`);
    return forward();
  };
}
