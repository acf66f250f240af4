import * as aws from "@pulumi/aws";
import * as pulumi from "@pulumi/pulumi";
import type { File } from "../../cloud-init/file";
import type { Node, Plan } from "../../settings/plan";
import { tagsOf } from "./tags";

/** Where the volume is attached. Nitro machines show it as an NVMe disk, which the volume's id finds. */
const deviceName = "/dev/sdf";

export interface DataVolume {
  attachment: aws.ec2.VolumeAttachment;
  /** Tells the machine which of its disks is the data's. */
  files: pulumi.Output<File[]>;
}

/**
 * The volume with a node's data, apart from its machine: a machine that is recreated finds it again. Its size, IOPS and
 * throughput change while it is in use; it never shrinks, and a change of its zone or its key would recreate it.
 */
export function dataVolume(
  name: string,
  { plan, node, instance }: { plan: Plan; node: Node; instance: aws.ec2.Instance },
  parent: pulumi.Resource,
): DataVolume {
  const { volume: size, kmsKey, protect } = plan.settings.aws!;
  const volume = new aws.ebs.Volume(
    `${name}-volume`,
    {
      availabilityZone: node.zone!,
      size: size.size,
      type: "gp3",
      iops: size.iops,
      throughput: size.throughput,
      encrypted: true,
      kmsKeyId: kmsKey,
      tags: tagsOf(plan, `${node.name}-data`, node),
    },
    {
      parent,
      // Protected, Pulumi refuses to delete it; retained, it stays even when somebody makes Pulumi forget that.
      protect,
      retainOnDelete: protect,
      // It is deleted at the same time as its machine, and AWS refuses that until the machine has shut down and is gone.
      customTimeouts: { delete: "20m" },
    },
  );
  const attachment = new aws.ec2.VolumeAttachment(
    `${name}-attachment`,
    {
      deviceName,
      volumeId: volume.id,
      instanceId: instance.id,
      // Never under a running PostgreSQL.
      stopInstanceBeforeDetaching: true,
      skipDestroy: false,
    },
    // A machine that goes lets go of its volume by itself, once its services have ended.
    { parent, deletedWith: instance, deleteBeforeReplace: true },
  );
  const files = volume.id.apply((id): File[] => [
    { path: "/etc/pgha/volume", owner: "root:root", mode: "0644", content: `${id}\n` },
  ]);
  return { attachment, files };
}
