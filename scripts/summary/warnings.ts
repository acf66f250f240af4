/** What nobody may miss: data that is destroyed, a quorum that is lost, secrets and endpoints that clients must follow. */
import { oneAtATime } from "../../policy/one-at-a-time";
import type { Preview, EngineStep } from "./events";
import { isMachine, nodeOf } from "./nodes";

/** Whether a step takes away what exists. */
const destroys = ({ operation }: EngineStep) => operation === "replace" || operation === "delete";

/** @returns a paragraph of Markdown for each warning, the worst first */
export function warnings({ steps, engineSteps }: Preview, stack: string): string[] {
  const all = [
    ...steps.flatMap(dataLost),
    ...oneAtATime(engineSteps, stack).map(withCommand),
    ...steps.filter(destroys).flatMap(clientsMustFollow),
  ];
  return [...new Set(all)];
}

/** A sentence that ends in a command on a line of its own. */
const withCommand = (text: string) => text.replace(/\n *(.+)$/, "\n```\n$1\n```");

function dataLost(step: EngineStep): string[] {
  if (!destroys(step)) return [];
  const node = nodeOf(step.name);
  const done = step.operation === "replace" ? "replaced" : "destroyed";
  if (step.type === "aws:ebs/volume:Volume") {
    const why = step.differs.length > 0 ? ` (${step.differs.join(", ")})` : "";
    const kept = step.retained ? " The old volume stays in the account, outside this stack." : " Its data is lost.";
    return [`**Data volume \`${step.name}\` is ${done}**${why}.${kept}`];
  }
  // On Incus a machine's only disk goes with it.
  if (node?.role === "postgresql" && isMachine(step) && step.type.includes("incus")) {
    return [`**The disk of ${node.name} with its data is ${done}.**`];
  }
  return [];
}

function clientsMustFollow(step: EngineStep): string[] {
  switch (step.type) {
    case "random:index/randomPassword:RandomPassword":
      return [`**Password \`${step.name}\` becomes another one**: whoever uses it must be given the new one.`];
    case "tls:index/selfSignedCert:SelfSignedCert":
      return ["**The certificate authority becomes another one**: clients that verify it need the new certificate."];
    case "aws:lb/loadBalancer:LoadBalancer":
    case "aws:lb/listener:Listener":
    case "aws:route53/record:Record":
      return [`**The clients' endpoint is interrupted**: \`${step.name}\` is ${step.operation}d.`];
    case "aws:ec2/vpc:Vpc":
      return [`**The network is ${step.operation}d with everything in it** (\`${step.name}\`).`];
    default:
      return [];
  }
}
