/** A repository as GitHub has it: a real one of git's, without a work tree. */
import { execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const who = { NAME: "somebody", EMAIL: "somebody@example.com", DATE: "2026-01-01T00:00:00Z" };
const identity = Object.fromEntries(
  ["AUTHOR", "COMMITTER"].flatMap((role) => Object.entries(who).map(([key, value]) => [`GIT_${role}_${key}`, value])),
);

/** Runs git without anybody's own settings. @returns what it printed */
function git(args: string[], { input = "", cwd }: { input?: string; cwd?: string } = {}): string {
  const env = { PATH: process.env.PATH, GIT_CONFIG_GLOBAL: "/dev/null", GIT_CONFIG_SYSTEM: "/dev/null", ...identity };
  const settings = { env, input, cwd, encoding: "utf8", maxBuffer: 64 * 1024 ** 2 } as const;
  return execFileSync("git", args, { ...settings, stdio: ["pipe", "pipe", "pipe"] });
}

/** Contents by path; undefined takes a file away. What begins with `#!` can be executed. */
export type Files = Record<string, string | undefined>;

export class Repository {
  constructor(readonly folder: string) {
    git(["init", "--quiet", "--bare", "--template=", "--initial-branch=main", folder]);
  }

  git(args: string[], input?: string): string {
    return this.raw(args, input).trimEnd();
  }

  private raw(args: string[], input?: string): string {
    return git(["--git-dir", this.folder, ...args], { input });
  }

  /** The commit that a branch or reference is at. */
  at(ref: string): string {
    return this.git(["rev-parse", "--verify", `${ref}^{commit}`]);
  }

  /** The files of a folder, as they are in a commit. */
  read(commit: string, folder: string): Record<string, string> {
    const listed = this.git(["ls-tree", "--name-only", commit, `${folder}/`])
      .split("\n")
      .filter(Boolean);
    const asked = listed.map((path) => `${commit}:${path}`).join("\n");
    let rest = Buffer.from(this.raw(["cat-file", "--batch"], asked));
    const files = listed.map((path): [string, string] => {
      const end = rest.indexOf("\n");
      const size = Number(rest.subarray(0, end).toString().split(" ").at(-1));
      const content = rest.subarray(end + 1, end + 1 + size).toString();
      rest = rest.subarray(end + 2 + size);
      return [path.slice(folder.length + 1), content];
    });
    return Object.fromEntries(files);
  }

  changed(before: string, after: string): string[] {
    return this.git(["diff", "--name-only", before, after]).split("\n").filter(Boolean);
  }

  /** A commit on a branch, which is made where it is new. @param from where it then begins. @default with nothing */
  commit(branch: string, files: Files, from?: string): string {
    const there = this.git(["branch", "--list", branch]) !== "" ? branch : from;
    const data = (text: string) => `data ${Buffer.byteLength(text)}\n${text}\n`;
    const changes = Object.entries(files).map(([path, text]) => {
      if (text === undefined) return `D ${path}\n`;
      return `M ${text.startsWith("#!") ? "100755" : "100644"} inline ${path}\n${data(text)}`;
    });
    const head = `commit refs/heads/${branch}\ncommitter ${who.NAME} <${who.EMAIL}> 1767225600 +0000\n${data("a change")}`;
    const parent = there === undefined ? "" : `from refs/heads/${there}^0\n`;
    this.git(["fast-import", "--quiet"], head + parent + changes.join(""));
    return this.at(branch);
  }

  /** The merge of two commits under a reference. @throws Error when they conflict */
  merge(ref: string, base: string, head: string): string {
    const tree = this.git(["merge-tree", "--write-tree", base, head]).split("\n")[0]!;
    const commit = this.git(["commit-tree", tree, "-m", "merge", "-p", base, "-p", head]);
    this.git(["update-ref", ref, commit]);
    return commit;
  }

  /** Takes a branch over from another repository. @returns its commit */
  fetch(from: Repository, branch: string): string {
    this.git(["fetch", "--quiet", `file://${from.folder}`, branch]);
    return this.at("FETCH_HEAD");
  }

  /**
   * A work tree of a commit, with so many commits of history as a shallow clone has. Its objects are those of here, which costs a
   * fifth of a clone. @returns the commit
   */
  checkOut(ref: string, folder: string, depth: number): string {
    const reached = this.git(["rev-list", "--parents", `--max-count=${2 ** depth}`, "--topo-order", ref]);
    const lines = reached.split("\n").map((line) => line.split(" "));
    const parents = new Map(lines.map(([commit, ...of]) => [commit!, of]));
    const [commit] = lines[0]!;
    let edge = [commit!];
    for (let level = 1; level < depth; level++) edge = edge.flatMap((one) => parents.get(one) ?? []);
    const inside = join(folder, ".git");
    mkdirSync(join(inside, "objects", "info"), { recursive: true });
    mkdirSync(join(inside, "refs"));
    writeFileSync(join(inside, "objects", "info", "alternates"), `${join(this.folder, "objects")}\n`);
    writeFileSync(join(inside, "HEAD"), `${commit}\n`);
    writeFileSync(join(inside, "shallow"), edge.map((one) => `${one}\n`).join(""));
    git(["reset", "--quiet", "--hard"], { cwd: folder });
    return commit!;
  }
}
