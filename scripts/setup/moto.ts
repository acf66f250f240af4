/** moto, which answers AWS' interfaces in a rehearsal: its server in a Python environment of its own, in the cache folder. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cacheDir, checkoutRoot } from "../env";
import { install } from "./packages";
import { executable, find, must, run, say, SetupError, type Step } from "./step";

/** Every package with the checksums of its files, for CPython 3.11 to 3.14 on x86-64. */
const requirements = join(checkoutRoot, "test", "cloud", "requirements.txt");

/** An environment for each list of packages, and each Python. */
function folder(): string {
  const python = run("python3", ["-c", "import sys; print('%d.%d' % sys.version_info[:2])"]).stdout;
  const list = createHash("sha256").update(readFileSync(requirements)).digest("hex").slice(0, 12);
  return join(cacheDir(), `moto-${list}-python${python}`);
}

/** The server's program. */
export const motoServer = (): string => join(folder(), "bin", "moto_server");

/** Debian has Python without the module that makes environments. */
function withVenv(): void {
  const usable = () => find("python3") !== undefined && run("python3", ["-c", "import ensurepip, venv"]).ok;
  if (!usable()) install(["python3-venv"]);
  if (!usable()) throw new SetupError("moto needs Python 3.11 or newer with its modules venv and ensurepip");
}

export const moto: Step = {
  name: "moto",
  check: () => executable(motoServer()),
  apply() {
    withVenv();
    const into = folder();
    if (existsSync(into)) rmSync(into, { recursive: true });
    mkdirSync(cacheDir(), { recursive: true });
    must("Making an environment for moto", "python3", ["-m", "venv", into]);
    const options = ["install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--only-binary=:all:"];
    try {
      must("Installing moto", join(into, "bin", "pip"), [...options, "-r", requirements]);
    } catch (error) {
      rmSync(into, { recursive: true });
      throw error;
    }
    return "from its pinned packages";
  },
};

/** Sees to moto, for what needs it: rehearsals, and tests of them. */
export async function withMoto(): Promise<void> {
  if (await moto.check()) return;
  say("moto ... (AWS' interfaces for rehearsals)");
  say(`moto: ${await moto.apply()}`);
}
