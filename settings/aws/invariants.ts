/** What must hold among the settings of a stack on AWS, as far as it can be known without asking AWS. */
import { watchdogMargin } from "../clocks";
import { rules, type Rule } from "./flows";
import { layoutFaults } from "./layout";
import { regionOf } from "./region";
import { parseCidr } from "../cidr";
import type { Fault } from "../faults";
import { roles } from "../roles";
import type { Settings } from "../schema";
import type { AwsSettings } from "../sections/aws";

/** Load balancers and target groups have names of 32 characters, of which the longest suffix takes 12. */
const longestName = 20;

/** What names of load balancers (ELB) and of security groups (EC2), which begin with the cluster's, may not begin with. */
const takenBeginning = /^(internal|sg)-/;

/** A security group takes this many rules in each direction (VPC quotas, "Inbound or outbound rules per security group"). */
const mostRules = 60;

/** Whether all machines of an instance type's family have Arm processors: a1, and a `g` after the generation (m7g, c6gn, im4gn). */
const isArm = (type: string) => /^(a1|[a-z]+\d+[a-z]*g[a-z]*)\./.test(type);

/**
 * Faults of a stack with driver aws. All at once; empty when there is none.
 * @param region Pulumi's `aws:region`, or the environment's; undefined when neither is set
 */
export function awsFaults(settings: Settings, region: string | undefined): Fault[] {
  const { aws, machines, name } = settings;
  const faults: Fault[] = [];
  const fault = (path: string, text: string) => void faults.push({ path, fault: text });

  if (name.length > longestName) {
    fault("name", `is '${name}', but names on AWS leave it ${longestName} characters; set pgha:name to a shorter one`);
  }
  const [, taken] = takenBeginning.exec(name) ?? [];
  if (taken !== undefined) {
    fault("name", `begins with '${taken}-', which AWS keeps for names of its own; set pgha:name to another one`);
  }
  for (const role of roles) {
    const { type } = machines[role];
    if (type === undefined) {
      fault(
        `machines.${role}.type`,
        "is missing; write an EC2 instance type, and its cpus and memory: m7i.large, 2, 8192",
      );
    } else if (isArm(type)) {
      fault(`machines.${role}.type`, `is ${type}, whose processors are Arm; write an x86-64 type, such as m7i.large`);
    }
  }
  if (aws === undefined) {
    fault("aws", "is missing; write at least {zones: [us-east-1a, us-east-1b, us-east-1c], bastion: {allow: [...]}}");
    return faults;
  }
  const { ttl, loopWait, retryTimeout } = settings.clock;
  if (ttl - watchdogMargin - loopWait - retryTimeout <= 0) {
    fault(
      "clock.ttl",
      `is ${ttl} s, of which the watchdog (${watchdogMargin} s), loopWait and retryTimeout leave nothing: it would reset a ` +
        `leader that only waits for etcd; write ${watchdogMargin + loopWait + retryTimeout + 1} or more`,
    );
  }
  return [
    ...faults,
    ...zoneFaults(aws, region),
    ...accessFaults(aws),
    ...ruleFaults(settings, aws),
    ...diskFaults(aws),
    ...layoutFaults(settings),
  ];
}

function zoneFaults({ zones }: AwsSettings, region: string | undefined): Fault[] {
  const faults: Fault[] = [];
  const [first = "us-east-1a"] = zones;
  if (region === undefined) {
    const fault = `is missing; write aws:region: ${regionOf(first)} beside the pgha: keys, or set AWS_REGION`;
    faults.push({ path: "aws:region", fault });
  }
  if (zones.length < 2 || zones.length > 4) {
    const [count, reason] =
      zones.length > 4
        ? [String(zones.length), "four are the most"]
        : [zones.length === 1 ? "one zone only" : "none", "the loss of a zone must not be the loss of the cluster"];
    faults.push({
      path: "aws.zones",
      fault: `names ${count}, but ${reason}; write three (at least two, at most four), such as [us-east-1a, us-east-1b, us-east-1c]`,
    });
  }
  const home = region ?? regionOf(first);
  for (const zone of zones.filter((one) => regionOf(one) !== home)) {
    const fault = `names ${zone}, which is not in region ${home}; write zones of ${home}, or change aws:region`;
    faults.push({ path: "aws.zones", fault });
  }
  return faults;
}

/** Who may reach what from outside. */
function accessFaults({ bastion, clients, public: isPublic, vpc }: AwsSettings): Fault[] {
  const faults: Fault[] = [];
  const everybody = (networks: string[]) => networks.some((network) => parseCidr(network)?.bits === 0);
  if ("allow" in bastion) {
    const path = "aws.bastion.allow";
    if (bastion.allow.length === 0) {
      const fault =
        "is empty, so that nobody could log in, nor this program; write the networks you come from, as [203.0.113.7/32]";
      faults.push({ path, fault });
    }
    if (everybody(bastion.allow)) {
      faults.push({ path, fault: "holds 0.0.0.0/0, the whole internet; write the networks you come from" });
    }
    if (vpc) {
      const fault =
        "is missing; pgha makes no bastion in a VPC that is not its own: write {host, user, hostKey} of one that exists";
      faults.push({ path: "aws.bastion.host", fault });
    }
  } else if (everybody(bastion.from)) {
    const fault = "holds 0.0.0.0/0, the whole internet; write the networks the machines see the bastion in";
    faults.push({ path: "aws.bastion.from", fault });
  }
  if (isPublic && clients.length === 0) {
    const fault = "is missing, but aws.public is true; write the networks your clients come from";
    faults.push({ path: "aws.clients", fault });
  } else if (!isPublic && everybody(clients)) {
    const fault = "holds 0.0.0.0/0, but the endpoint is internal; write the networks your clients are in";
    faults.push({ path: "aws.clients", fault });
  }
  if (isPublic && vpc && vpc.clients === undefined) {
    const fault =
      "is missing, but aws.public is true and the machines' subnets are private; write each zone's public subnet";
    faults.push({ path: "aws.vpc.clients", fault });
  }
  return faults;
}

/** Lists of networks for which a security group would have more rules than it takes: of each group the one that makes the most. */
function ruleFaults(settings: Settings, { clients, bastion }: AwsSettings): Fault[] {
  const lists = {
    "aws.clients": clients,
    ...("host" in bastion ? { "aws.bastion.from": bastion.from } : { "aws.bastion.allow": bastion.allow }),
  };
  const groups = new Map<string, Rule[]>();
  for (const rule of rules(settings)) {
    const side = `${rule.group} ${rule.direction}`;
    groups.set(side, [...(groups.get(side) ?? []), rule]);
  }
  const faults = new Map<string, string>();
  for (const group of groups.values()) {
    if (group.length <= mostRules) continue;
    const made = Object.entries(lists).map(([path, networks]) => {
      const own = group.filter(({ peer }) => "cidr" in peer && networks.includes(peer.cidr)).length;
      return { path, networks, own };
    });
    const { path, networks, own } = made.sort((a, b) => b.own - a.own)[0]!;
    const fault =
      `names ${networks.length} networks, which make ${own} of the ${group.length} rules of the security group of ` +
      `${group[0]!.group}, and AWS takes ${mostRules}; write fewer, wider networks`;
    faults.set(path, faults.get(path) ?? fault);
  }
  return [...faults].map(([path, fault]) => ({ path, fault }));
}

/** Limits of gp3 volumes (EBS user guide, "General Purpose SSD volumes"), and where the key must be. */
function diskFaults({ volume: { size, iops, throughput }, kmsKey, region }: AwsSettings): Fault[] {
  const faults: Fault[] = [];
  if (iops > Math.max(3000, 500 * size)) {
    const fault = `is ${iops}, but ${size} GiB can have ${Math.max(3000, 500 * size)}; write that, or a larger size`;
    faults.push({ path: "aws.volume.iops", fault });
  }
  if (throughput * 4 > iops) {
    const fault = `is ${throughput} MiB/s, but ${iops} IOPS can have ${Math.floor(iops / 4)}; write that, or more iops`;
    faults.push({ path: "aws.volume.throughput", fault });
  }
  const keyRegion = kmsKey?.split(":")[3];
  if (keyRegion !== undefined && keyRegion !== region) {
    faults.push({ path: "aws.kmsKey", fault: `is in ${keyRegion}; write a key of ${region}` });
  }
  return faults;
}
