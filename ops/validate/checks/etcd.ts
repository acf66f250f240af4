import { etcdctl, etcdEndpoint, parseJson } from "../../ask";
import { etcdNodes, eventually, forEach, none, on, reached, sameMembers } from "../context";

interface MemberList {
  members?: { name?: string; peerURLs?: string[]; isLearner?: boolean }[];
}

describe("etcd health", () => {
  it("every member answers and is healthy", () =>
    eventually(() =>
      forEach(etcdNodes(), async (node) => {
        await on(
          node.name,
          `${etcdctl(etcdEndpoint(node), "endpoint health")} >/dev/null 2>&1 || { echo "does not answer, or is not healthy" >&2; exit 1; }`,
        );
      }),
    ));

  it("the members are those of the stack", () =>
    eventually(async () => {
      const asked = etcdNodes().map(async (node) => {
        const { stdout } = await reached().runner.run(node.name, etcdctl(etcdEndpoint(node), "member list -w json"), {
          timeout: 5000,
        });
        const list = parseJson<MemberList>(stdout)?.members;
        if (!list) throw new Error(`${node.name} does not answer`);
        return list;
      });
      const members = await Promise.any(asked).catch(() => {
        throw new Error("no member lists the members");
      });
      sameMembers(
        members.map(({ name, peerURLs }) => `${name || "a member not started"} at ${peerURLs?.join(" ")}`),
        etcdNodes().map(({ name, address }) => `${name} at https://${address}:2380`),
        "members",
      );
      none(members.filter((member) => member.isLearner).map(({ name }) => `${name} is a learner without a vote`));
    }));
});
