/** The AWS SDK's clients of the rehearsal itself. */
import { EC2 } from "@aws-sdk/client-ec2";
import { ElasticLoadBalancingV2 } from "@aws-sdk/client-elastic-load-balancing-v2";
import { IAM } from "@aws-sdk/client-iam";
import { Route53 } from "@aws-sdk/client-route-53";
import { SSM } from "@aws-sdk/client-ssm";

/** What the operator's side logs in with. */
export const operator = { accessKey: "rehearsal", secretKey: "rehearsal" };

/** Whoever had the account before: no policy holds this one. */
export const administrator = { accessKey: "administrator", secretKey: "administrator" };

export interface Clients {
  ec2: EC2;
  elb: ElasticLoadBalancingV2;
  iam: IAM;
  route53: Route53;
  ssm: SSM;
}

export function clientsOf(endpoint: string, region: string, { accessKey, secretKey } = operator): Clients {
  const credentials = { accessKeyId: accessKey, secretAccessKey: secretKey };
  const settings = { endpoint, region, credentials };
  return {
    ec2: new EC2(settings),
    elb: new ElasticLoadBalancingV2(settings),
    iam: new IAM(settings),
    route53: new Route53(settings),
    ssm: new SSM(settings),
  };
}
