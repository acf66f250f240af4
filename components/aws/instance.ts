import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { Plan } from "../../settings/plan";
import { imageId } from "./image";
import type { Identity } from "./identity";
import { tagsOf } from "./tags";

export interface InstanceRequest {
  plan: Plan;
  node: { name: string; role: string };
  /** EC2 instance type. */
  type: string;
  /** Root volume, GiB. @default what the image has */
  disk?: number;
  zone: string;
  subnetId: pulumi.Input<string>;
  securityGroupId: pulumi.Input<string>;
  identity: Identity;
  /** cloud-config, free of secrets, 16 KiB at most; read at the first boot only. */
  userData: pulumi.Input<string>;
  /** Fixed private address. @default one of the subnet's */
  address?: string;
  /** Whether it has no address but private ones. The bastion gets its public one apart from this. */
  private: boolean;
  /** @default none */
  placementGroup?: pulumi.Input<string>;
  /** Refuse to delete it. */
  protect: boolean;
  /** What must exist before it boots, beside its identity. */
  before: pulumi.Resource[];
}

/**
 * An EC2 instance as every machine of a cluster is. The image and the user data are read when it is made and never again: EC2
 * would stop or replace all machines at once for a change of them, so a later change is none.
 */
export function makeInstance(name: string, request: InstanceRequest, parent: pulumi.Resource): aws.ec2.Instance {
  const { plan, node, type, identity, protect } = request;
  const settings = plan.settings.aws!;
  const tags = tagsOf(plan, node.name, node);
  return new aws.ec2.Instance(
    `${name}-instance`,
    {
      ami: imageId(settings),
      instanceType: type,
      availabilityZone: request.zone,
      subnetId: request.subnetId,
      privateIp: request.address,
      // With an Elastic IP beside it, `false` would look like a difference that only a new instance can fix.
      associatePublicIpAddress: request.private ? false : undefined,
      vpcSecurityGroupIds: [request.securityGroupId],
      iamInstanceProfile: identity.profile,
      userData: request.userData,
      metadataOptions: {
        httpEndpoint: "enabled",
        httpTokens: "required",
        httpPutResponseHopLimit: 1,
        instanceMetadataTags: "disabled",
      },
      rootBlockDevice: {
        volumeType: "gp3",
        volumeSize: request.disk,
        encrypted: true,
        kmsKeyId: settings.kmsKey,
        // It goes with its machine, and has no tags: they would be set after the launch, on a volume that has none, and who may
        // do that may put the cluster's tag on any volume.
        deleteOnTermination: true,
      },
      // EC2 moves it to other hardware by itself when its host fails: same address, same volumes.
      maintenanceOptions: { autoRecovery: "default" },
      placementGroup: request.placementGroup,
      disableApiTermination: protect,
      instanceInitiatedShutdownBehavior: "stop",
      ebsOptimized: true,
      // A burstable machine out of credits is slow enough to look dead: rather pay for more than fail over.
      creditSpecification: /^t\d/.test(type) ? { cpuCredits: "unlimited" } : undefined,
      tags,
    },
    {
      parent,
      protect,
      ignoreChanges: ["ami", "userData"],
      // Two instances cannot have one address.
      deleteBeforeReplace: true,
      dependsOn: [...identity.before, ...request.before],
    },
  );
}
