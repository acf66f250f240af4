import { nodesOf } from "../cluster";
import type { NodeOutput } from "../../components/outputs";
import { patroniCurl, parseJson, type Reached } from "../ask";
import { messageOf } from "../errors";

let current: Reached | undefined;

/** Says which cluster the checks are about; `ops/validate/command.ts` does before it runs them. */
export function useCluster(reached: Reached): void {
  current = reached;
}

/** The cluster the checks are about. */
export function reached(): Reached {
  if (!current) throw new Error("run the checks by `pgha validate`, which says what cluster they are about");
  return current;
}

export const cluster = () => reached().cluster;
export const databaseNodes = () => nodesOf(cluster(), "postgresql");
export const etcdNodes = () => nodesOf(cluster(), "etcd");

/** Repeats a check until it holds; after the deadline its last failure is the answer. */
export async function eventually<T>(check: () => Promise<T>, seconds = 3): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    try {
      return await check();
    } catch (error) {
      if (Date.now() >= deadline) throw error;
      await new Promise((resume) => setTimeout(resume, 200));
    }
  }
}

/** Does the same for each of several things at once, and fails with everything that was wrong, each under its name. */
export async function forEach<T extends { name: string }>(
  things: T[],
  check: (thing: T) => Promise<void>,
): Promise<void> {
  if (things.length === 0) throw new Error("there is nothing to look at");
  const faults = await Promise.all(
    things.map((thing) =>
      check(thing).then(
        () => [],
        (error) => [`${thing.name}: ${messageOf(error)}`],
      ),
    ),
  );
  none(faults.flat());
}

/** Fails with these faults, if there are any. */
export function none(faults: string[]): void {
  if (faults.length > 0) throw new Error(faults.join("; "));
}

/** Fails unless both lists hold the same, in whatever order. */
export function sameMembers(actual: string[], expected: string[], what: string): void {
  const say = (list: string[]) => [...list].sort().join(", ") || "none";
  if (say(actual) !== say(expected)) throw new Error(`${what}: ${say(actual)}; expected ${say(expected)}`);
}

/** Runs a script on a node. @throws unless it runs there and succeeds */
export async function on(node: string, script: string, timeout = 5000): Promise<string> {
  const { code, stdout, stderr, unreachable } = await reached().runner.run(node, script, { timeout });
  if (unreachable) throw new Error(`unreachable: ${unreachable}`);
  if (code !== 0) throw new Error(stderr.trim().split("\n")[0] || `exit code ${code}`);
  return stdout.trim();
}

/** What a database node's own Patroni says of itself. */
export interface PatroniNode {
  state?: string;
  role?: string;
  timeline?: number;
  replication_state?: string;
}

/** Asks a node's Patroni about that node: fresher than what it has left in etcd. @throws when it does not answer */
export async function ownState(node: NodeOutput): Promise<PatroniNode> {
  const answer = parseJson<PatroniNode>(await on(node.name, patroniCurl(node, "/patroni", "--max-time 2")));
  if (!answer?.state) throw new Error("Patroni gives no state");
  return answer;
}

/** The one database node that says it leads. */
export async function theLeader(): Promise<NodeOutput> {
  const nodes = databaseNodes();
  const answers = await Promise.all(nodes.map((node) => ownState(node).catch((): PatroniNode => ({}))));
  const leaders = nodes.filter((_, index) => answers[index]!.role === "primary");
  if (leaders.length !== 1)
    throw new Error(`${leaders.length} nodes say that they lead: ${leaders.map((n) => n.name).join(", ")}`);
  return leaders[0]!;
}

/** Database nodes other than the leader. */
export async function theReplicas(): Promise<NodeOutput[]> {
  const leader = await theLeader();
  return databaseNodes().filter(({ name }) => name !== leader.name);
}
