/** Security groups, in force: each machine's own network accepts and opens what its groups allow, and nothing else. */
import type { Instance, SecurityGroupRule } from "@aws-sdk/client-ec2";
import { execFileSync } from "node:child_process";
import { Incus } from "../../components/incus/api";
import { asRoot } from "../../ops/root";
import { gatewayOf } from "./bridge";
import type { Clients } from "./clients";
import { nameOf } from "./hypervisor";

const groupsOf = ({ NetworkInterfaces }: Instance): string[] =>
  NetworkInterfaces?.[0]?.Groups?.map(({ GroupId }) => GroupId!) ?? [];

export class Firewall {
  private readonly incus = new Incus();
  private readonly applied = new Map<string, string>();
  private running: Promise<void> | undefined;
  private again = false;

  constructor(private readonly aws: Clients) {}

  /** Puts in force what the groups say now. Calls while it is at it are taken together. */
  sync(): Promise<void> {
    if (this.running) this.again = true;
    this.running ??= this.run().finally(() => (this.running = undefined));
    return this.running;
  }

  private async run(): Promise<void> {
    do {
      this.again = false;
      await this.once();
    } while (this.again);
  }

  private async once(): Promise<void> {
    const { ec2, elb } = this.aws;
    const answer = await ec2.describeInstances({ Filters: [{ Name: "instance-state-name", Values: ["running"] }] });
    const machines = (answer.Reservations ?? []).flatMap(({ Instances = [] }) => Instances);
    if (machines.length === 0) return;
    const { SecurityGroupRules: rules = [] } = await ec2.describeSecurityGroupRules({});
    const { Vpcs = [] } = await ec2.describeVpcs({});
    const { LoadBalancers = [] } = await elb.describeLoadBalancers({});
    const members = new Map<string, string[]>();
    const join = (group: string, address: string) => members.set(group, [...(members.get(group) ?? []), address]);
    for (const machine of machines) for (const group of groupsOf(machine)) join(group, machine.PrivateIpAddress!);
    for (const machine of machines) {
      const gateway = gatewayOf(Vpcs.find(({ VpcId }) => VpcId === machine.VpcId)!.CidrBlock!);
      // The load balancer is a program on this machine, which the others see at the bridge's own address.
      const all = new Map(members);
      for (const { SecurityGroups = [] } of LoadBalancers)
        for (const group of SecurityGroups) all.set(group, [gateway]);
      const own = groupsOf(machine);
      await this.apply(
        machine,
        ruleset(
          rules.filter(({ GroupId }) => own.includes(GroupId!)),
          all,
          gateway,
        ),
      );
    }
  }

  private async apply(machine: Instance, text: string): Promise<void> {
    const state = await this.incus.find<{ pid: number }>(`/1.0/instances/${nameOf(machine)}/state`);
    if (!state || state.pid <= 0) return;
    // Another process, another network: it was started again.
    const key = `${nameOf(machine)} ${state.pid}`;
    if (this.applied.get(key) === text) return;
    // The machine's own nft: one of another release may fail to read, or crash on, the rules that are there beside these.
    const inside = ["--target", String(state.pid), "--user", "--mount", "--net"];
    const [command, args] = asRoot("nsenter", [...inside, "/usr/sbin/nft", "-f", "-"]);
    execFileSync(command, args, { input: text, stdio: ["pipe", "pipe", "pipe"] });
    this.applied.set(key, text);
  }
}

/** One rule of a group as nftables reads it; none where it names a group that nobody is in. */
function line(rule: SecurityGroupRule, members: Map<string, string[]>): string[] {
  const { IsEgress, IpProtocol, FromPort, ToPort, CidrIpv4, ReferencedGroupInfo } = rule;
  const peers = CidrIpv4 ? [CidrIpv4] : (members.get(ReferencedGroupInfo?.GroupId ?? "") ?? []);
  if (peers.length === 0) return [];
  const ports = IpProtocol === "-1" ? "" : `${IpProtocol} dport ${FromPort}-${ToPort} `;
  return [`ip ${IsEgress ? "daddr" : "saddr"} { ${peers.join(", ")} } ${ports}accept`];
}

const answers = [
  "tcp flags & (fin | syn | rst | ack) != syn accept",
  "meta l4proto != tcp ct state established,related accept",
];

/**
 * Rules of a machine. Its metadata, the time server and the resolver of the VPC are open to it whatever its groups say
 * (Amazon VPC User Guide, "Security groups").
 *
 * AWS keeps track of connections outside of the machine. In here its own packet filter decides what is tracked, so of TCP the first
 * packet of a connection is judged, and all others pass.
 */
function ruleset(rules: SecurityGroupRule[], members: Map<string, string[]>, gateway: string): string {
  const side = (egress: boolean) =>
    rules.filter(({ IsEgress }) => IsEgress === egress).flatMap((rule) => line(rule, members));
  return `add table inet ec2
delete table inet ec2
table inet ec2 {
  chain in {
    type filter hook input priority 0; policy drop;
    iifname "lo" accept
    ${answers.join("\n    ")}
    ${side(false).join("\n    ")}
  }
  chain out {
    type filter hook output priority 0; policy drop;
    oifname "lo" accept
    ${answers.join("\n    ")}
    ip daddr { 169.254.169.254, 169.254.169.123 } accept
    ip daddr ${gateway} meta l4proto { tcp, udp } th dport 53 accept
    ${side(true).join("\n    ")}
  }
}
`;
}
