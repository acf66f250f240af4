import { decideProgram } from "../cloud-init/services/patroni/decide";
import { askPatroni, parseJson, type Reached } from "./ask";
import { nodesOf } from "./cluster";
import { OpsError } from "./errors";
import { quote } from "./process";

/** Something that speaks against what is asked for. */
export interface Reason {
  text: string;
  /** It goes by itself, so a moment later it may be gone. */
  passes?: boolean;
}

/** What `decide.py` on a database node says, by the rules that the converge step goes by, too (judges.py). */
export interface Decision {
  /** It may be done. */
  go: boolean;
  /** What speaks against it; where it may be done, what is better waited for. */
  reasons: Reason[];
  /** What Patroni is to be asked for, of a switchover. */
  request: { leader: string; candidate?: string } | null;
}

/** Who restarts (`decide.py order`). */
export interface RestartOrder extends Decision {
  order: string[];
  leader: string | null;
  /** The leader is the first, where it is. Otherwise it is the last, and hands over before that. */
  leader_first: boolean;
}

/** Shell words that ask a question of the node they run on. */
export const decide = (...question: string[]) => [decideProgram, ...question].map(quote).join(" ");

/** Shell's exit code for a program that is not there. */
const missing = 127;

/**
 * Asks the leader's node, or another one when it does not answer: what a node says that is cut off from the others is of no use.
 * @throws OpsError when nobody answers
 */
export async function askDecision<T extends Decision = Decision>(reached: Reached, ...question: string[]): Promise<T> {
  const { cluster, runner } = reached;
  const view = await askPatroni(reached).catch(() => undefined);
  const leader = view?.members.find(({ role }) => role === "leader")?.name;
  const nodes = nodesOf(cluster, "postgresql").sort((a, b) => Number(b.name === leader) - Number(a.name === leader));
  const said: string[] = [];
  let older = false;
  for (const { name } of nodes) {
    const { code, stdout, stderr, unreachable } = await runner.run(name, decide(...question), { timeout: 20_000 });
    const answer = parseJson<T>(stdout);
    if (answer) return answer;
    older ||= code === missing;
    said.push(`${name}: ${unreachable ?? (stderr.trim().split("\n").at(-1) || `exit code ${code}`)}`);
  }
  if (older)
    throw new OpsError(
      "the nodes of this cluster have an older release, which cannot say who may go next; run `npm run up` first",
    );
  throw new OpsError(`no database node can say whether that may be done: ${said.join("; ")}`);
}
