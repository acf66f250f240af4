/** A throw-away PostgreSQL: a machine of the image that has no network and runs a server of its own in /tmp. */
import { imageAlias } from "../../components/incus/image";
import { run } from "../../ops/process";

/** In the machine: its binaries, and a server with every library preloaded that there is, so that their parameters are known. */
const preamble = `set -euo pipefail
bin=/usr/lib/postgresql/17/bin libraries=$(/usr/lib/postgresql/17/bin/pg_config --pkglibdir)
data=/tmp/data
ask() { psql -XqAt -v ON_ERROR_STOP=1 -h /tmp -U postgres "$@"; }
`;

const start = `"$bin/initdb" -D "$data" -U postgres -A trust --no-sync --locale C.UTF-8 >/dev/null
preload=$(cd "$libraries" && ls *.so | sed 's/\\.so$//' | paste -sd,)
"$bin/pg_ctl" -D "$data" -w -l /tmp/log start >/dev/null -o \\
  "-k /tmp -c listen_addresses= -c fsync=off -c 'shared_preload_libraries=$preload'" || { cat /tmp/log >&2; exit 1; }
`;

/** The last line of what a script prints. */
const end = "that-is-all";

export class ThrowAwayServer {
  constructor(private readonly machine: string) {}

  /** Makes the machine and starts PostgreSQL. @throws Error with what Incus or PostgreSQL says */
  async start(): Promise<void> {
    await this.remove(); // of a run that was killed
    const args = ["launch", imageAlias(), this.machine, "--quiet", "--no-profiles", "--storage", "pgha"];
    const { code, stderr } = await run("incus", args, { timeout: 60_000 });
    if (code !== 0) throw new Error(`Incus could not make the machine ${this.machine}: ${stderr}`);
    await this.exec(start, "");
  }

  /** Installs packages that the image carries along, on a server that runs already: it starts with none of their libraries. */
  async install(packages: string[]): Promise<void> {
    await this.exec(
      `{ apt-get update && apt-get install --yes --no-install-recommends $(cat); } >/tmp/apt 2>&1 ||
  { tail /tmp/apt >&2; exit 1; }`,
      packages.join(" "),
      "root",
    );
  }

  /**
   * Runs a script of bash as the user postgres. It has `$bin`, `$libraries`, `$data` and `ask`, which is psql as superuser. While a
   * machine boots, Incus loses what one command in a hundred prints: then it runs again.
   * @param stdin what the script reads. @default nothing
   * @returns what it prints
   * @throws Error with its messages when it fails
   */
  async do(script: string, stdin = ""): Promise<string> {
    for (let tries = 5; tries > 0; tries--) {
      const said = await this.exec(`${script}\necho ${end}`, stdin);
      if (said.endsWith(`${end}\n`)) return said.slice(0, -end.length - 1);
    }
    throw new Error(`in the machine ${this.machine}: Incus gives nothing of what is printed there`);
  }

  async remove(): Promise<void> {
    await run("incus", ["delete", "--force", this.machine]);
  }

  private async exec(script: string, stdin: string, user = "postgres"): Promise<string> {
    const command = ["exec", this.machine, "--cwd", "/tmp", "--", "runuser", "-u", user, "--"];
    const args = [...command, "bash", "-c", preamble + script];
    const { code, stdout, stderr } = await run("incus", args, { stdin, timeout: 300_000 });
    if (code !== 0) throw new Error(`in the machine ${this.machine}: ${stderr || stdout}`);
    return stdout;
  }
}
