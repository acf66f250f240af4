/** Who is a member of etcd, by etcd's own word: those who vote decide what a quorum is, whether or not a machine stands for them. */
import { parseJson } from "../ask";
import type { EtcdMember, EtcdNode, Status } from "./model";
import type { Probe } from "./probe";

/** `etcdctl member list -w json`. */
interface MemberList {
  members?: { name?: string; peerURLs?: string[]; isLearner?: boolean }[];
}

/** The members as a healthy node knows them, or any node if none is: what that one knows may be old. Empty: nobody tells. */
export function readMembers(etcd: Probe[], nodes: EtcdNode[]): EtcdMember[] {
  const healthy = new Set(nodes.filter((node) => node.healthy).map(({ name }) => name));
  const order = [...etcd].sort((a, b) => Number(healthy.has(b.node.name)) - Number(healthy.has(a.node.name)));
  const [list = []] = order.flatMap(({ sections }) => {
    const { members } = parseJson<MemberList>(sections.get("members") ?? "") ?? {};
    return members?.length ? [members] : [];
  });
  return list.map(({ name, peerURLs: [peer = ""] = [], isLearner }) => ({
    name: name || peer,
    peer,
    learner: isLearner === true,
    node: etcd.find(({ node }) => new URL(peer).hostname === node.address)?.node.name ?? null,
  }));
}

type Known = Pick<Status, "etcd" | "etcdMembers">;

/** How many vote, and how many of them are healthy. While nobody tells who is a member, each node counts for one. */
export function votes({ etcd, etcdMembers }: Known): { voters: number; healthy: number } {
  const voters =
    etcdMembers.length > 0 ? etcdMembers.filter(({ learner }) => !learner) : etcd.map(({ name }) => ({ node: name }));
  const healthy = etcd.filter((node) => node.healthy && voters.some((voter) => voter.node === node.name)).length;
  return { voters: voters.length, healthy };
}

/** Can etcd decide anything? */
export function hasQuorum(status: Known): boolean {
  const { voters, healthy } = votes(status);
  return healthy * 2 > voters;
}

/** What is wrong with the membership, one line each. */
export function membership({ etcd, etcdMembers }: Known): string[] {
  if (etcdMembers.length === 0) return [];
  return [
    ...etcdMembers
      .filter(({ node }) => node === null)
      .map(({ name }) => `${name} is a member of etcd but has no machine; \`npm run up\` removes it`),
    ...etcdMembers
      .filter(({ node, learner }) => node !== null && learner)
      .map(({ node }) => `${node} is a learner of etcd and does not vote yet; \`npm run up\` goes on with it`),
    ...etcd
      .filter(({ name, reachable }) => reachable && !etcdMembers.some(({ node }) => node === name))
      .map(({ name }) => `${name} is not a member of etcd; \`npm run up\` has it join`),
  ];
}
