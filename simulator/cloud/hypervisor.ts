/** What EC2's machines and disks are here: containers and volumes of Incus. */
import type { Instance } from "@aws-sdk/client-ec2";
import { parseCidr } from "../../settings/cidr";
import { Incus } from "../../components/incus/api";
import { imageAlias } from "../../components/incus/image";
import { becomesStopped, patiently, removeInstance, start } from "../../components/incus/power";
import { hardwareAddress, type IncusInstance } from "../../components/incus/model";
import { bridgeOf, gatewayOf, markKey } from "./bridge";
import type { Clients } from "./clients";

const pool = "pgha";
const machines = "/1.0/instances";
const volumes = `/1.0/storage-pools/${pool}/volumes/custom`;

/** Where PostgreSQL's data is. A container has no disks, so a volume is mounted there instead of being found, formatted and mounted. */
const dataFolder = "/var/lib/postgresql";

const tag = (of: Pick<Instance, "Tags">, key: string) => of.Tags?.find(({ Key }) => Key === key)?.Value;

/** Name of an instance in Incus. */
export const nameOf = (instance: Pick<Instance, "Tags" | "InstanceId">): string =>
  tag(instance, "Name") ?? instance.InstanceId!;

export class Hypervisor {
  readonly incus = new Incus();

  /** @param mark tells what this rehearsal made */
  constructor(
    private readonly aws: Clients,
    private readonly mark: string,
  ) {}

  /** The instance as EC2 knows it. */
  async instance(id: string): Promise<Instance> {
    const answer = await this.aws.ec2.describeInstances({ InstanceIds: [id] });
    return answer.Reservations![0]!.Instances![0]!;
  }

  /** Makes a machine and starts it, without waiting for its boot. */
  async create(id: string, userData: string): Promise<void> {
    const instance = await this.instance(id);
    const name = nameOf(instance);
    const address = instance.PrivateIpAddress!;
    const vpc = await this.aws.ec2.describeVpcs({ VpcIds: [instance.VpcId!] });
    const cidr = vpc.Vpcs![0]!.CidrBlock!;
    await this.incus.run("POST", machines, {
      name,
      type: "container",
      source: { type: "image", alias: imageAlias() },
      profiles: [],
      config: {
        ...(await this.limits(instance)),
        "cloud-init.user-data": userData,
        // Incus writes these before the first boot, where EC2 has DHCP and its metadata service.
        "user.hostname": tag(instance, "pgha:node") ?? name,
        "user.address": `${address}/${parseCidr(cidr)!.bits}`,
        "user.gateway": gatewayOf(cidr),
        [markKey]: this.mark,
      },
      devices: {
        root: { type: "disk", path: "/", pool },
        eth0: {
          type: "nic",
          name: "eth0",
          network: bridgeOf(instance.VpcId!),
          hwaddr: hardwareAddress({ name, address }),
        },
      },
    });
    await this.start(id);
  }

  private async limits({ InstanceType }: Instance): Promise<Record<string, string>> {
    const { InstanceTypes } = await this.aws.ec2.describeInstanceTypes({ InstanceTypes: [InstanceType!] });
    const type = InstanceTypes![0]!;
    return {
      "limits.cpu": String(type.VCpuInfo?.DefaultVCpus),
      "limits.memory": `${type.MemoryInfo?.SizeInMiB}MiB`,
    };
  }

  async start(id: string): Promise<void> {
    const instance = await this.instance(id);
    const path = `${machines}/${nameOf(instance)}`;
    // The type may have been changed while it was stopped.
    const limits = await this.limits(instance);
    await patiently(() =>
      this.incus.edit<IncusInstance>(path, (now) => ({ ...now, config: { ...now.config, ...limits } })),
    );
    await start(this.incus, nameOf(instance));
  }

  /** @param force by taking its power away */
  async stop(id: string, force: boolean): Promise<void> {
    const name = nameOf(await this.instance(id));
    if (!force) return becomesStopped(this.incus, name);
    const found = await this.incus.get<IncusInstance>(`${machines}/${name}`);
    if (found.status === "Stopped") return;
    await patiently(() => this.incus.run("PUT", `${machines}/${name}/state`, { action: "stop", force: true }));
  }

  async reboot(id: string): Promise<void> {
    await this.stop(id, false);
    await this.start(id);
  }

  async remove(id: string): Promise<void> {
    const ours = ({ config }: IncusInstance) => config[markKey] === this.mark;
    await removeInstance(this.incus, nameOf(await this.instance(id)), ours);
  }

  /** Attaches a volume, which comes to be when it is first attached. */
  async attach(volume: string, id: string): Promise<void> {
    const there = await this.incus.find(`${volumes}/${volume}`);
    if (!there) {
      const config = { size: await this.sizeOf(volume), [markKey]: this.mark };
      await this.incus.run("POST", volumes, { name: volume, content_type: "filesystem", config });
    }
    const device = { type: "disk", pool, source: volume, path: dataFolder };
    await this.devices(id, (now) => ({ ...now, [volume]: device }));
  }

  async detach(volume: string, id: string): Promise<void> {
    await this.devices(id, (now) => Object.fromEntries(Object.entries(now).filter(([device]) => device !== volume)));
  }

  /** Gives a volume the size that EC2 says it has, if it is here already. */
  async resize(volume: string): Promise<void> {
    if (!(await this.incus.find(`${volumes}/${volume}`))) return;
    await this.incus.run("PATCH", `${volumes}/${volume}`, { config: { size: await this.sizeOf(volume) } });
  }

  async removeVolume(volume: string): Promise<void> {
    if (await this.incus.find(`${volumes}/${volume}`)) await this.incus.run("DELETE", `${volumes}/${volume}`);
  }

  private async sizeOf(volume: string): Promise<string> {
    const { Volumes } = await this.aws.ec2.describeVolumes({ VolumeIds: [volume] });
    return `${Volumes![0]!.Size}GiB`;
  }

  private async devices(id: string, edit: (now: IncusInstance["devices"]) => IncusInstance["devices"]): Promise<void> {
    const name = nameOf(await this.instance(id));
    if (!(await this.incus.find(`${machines}/${name}`))) return; // terminated before
    await patiently(() =>
      this.incus.edit<IncusInstance>(`${machines}/${name}`, (now) => ({ ...now, devices: edit(now.devices) })),
    );
  }
}
