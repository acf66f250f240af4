/** What a rule sees and says: plain values in, sentences out, so that each can be tried without Pulumi. */

export type Values = Record<string, unknown>;

/** A resource as a rule sees it. */
export interface Seen {
  /** Pulumi's type token, `aws:ec2/instance:Instance`. */
  type: string;
  /** Its inputs. What is known only during the update is left out of a preview, and judged when the update knows it. */
  props: Values;
  /** Whether Pulumi refuses to delete it (`protect`). */
  protect: boolean;
  /** Inputs whose changes are ignored. */
  ignoreChanges: string[];
}

/** What the stack's settings declare: the only way to what a rule would refuse otherwise. */
export interface Declared {
  stack: string;
  /** `pgha:aws.public`: the endpoint has public addresses. */
  public: boolean;
  /** `pgha:aws.clients`: networks that may connect to the client ports. */
  clients: string[];
  /** `pgha:aws.protect`; undefined when the settings do not say. */
  protect?: boolean;
}

/** A rule about one resource at a time. */
export interface Rule {
  /** What Pulumi calls it in its messages. */
  name: string;
  /** The rule in one sentence. */
  description: string;
  /** What is wrong with the resource, and what to write instead; nothing when all is well or it is none of the rule's. */
  faults(resource: Seen, declared: Declared): string[];
}

/** A resource of a whole stack: what it is, and the resources that one of its inputs was taken from. */
export interface Placed extends Pick<Seen, "type" | "props"> {
  urn: string;
  name: string;
  from: Record<string, Pick<Seen, "type" | "props">[]>;
}

/** A rule about how resources stand to each other. */
export interface StackRule {
  name: string;
  description: string;
  faults(resources: Placed[]): { urn: string; fault: string }[];
}

export const types = {
  instance: "aws:ec2/instance:Instance",
  volume: "aws:ebs/volume:Volume",
  attachment: "aws:ec2/volumeAttachment:VolumeAttachment",
  subnet: "aws:ec2/subnet:Subnet",
  address: "aws:ec2/eip:Eip",
  association: "aws:ec2/eipAssociation:EipAssociation",
  loadBalancer: "aws:lb/loadBalancer:LoadBalancer",
  parameter: "aws:ssm/parameter:Parameter",
};

/** An input that is one object, or none. */
export const object = (value: unknown): Values =>
  value !== null && typeof value === "object" && !Array.isArray(value) ? (value as Values) : {};

/** An input that is a list of objects; one alone counts as a list of one. */
export const objects = (value: unknown): Values[] =>
  (Array.isArray(value) ? value : value === undefined ? [] : [value]).map(object);

/** An input that is a list of texts; one alone counts as a list of one. */
export const texts = (value: unknown): string[] =>
  [value].flat().filter((item): item is string => typeof item === "string");

/** Whether it is a machine of the cluster. One that does not say what it is counts as one. */
export const isNode = ({ type, props }: Pick<Seen, "type" | "props">) =>
  type === types.instance && object(props.tags)["pgha:role"] !== "bastion";
