/** Programs from PyPI, each list of packages in a Python environment of its own, in the cache folder. */
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { cacheDir } from "../../ops/env";
import { install } from "./packages";
import { executable, find, must, run, say, SetupError } from "./step";

interface Environment {
  /** Begins the folder's name, and what is said of it. */
  name: string;
  /** What it is for. */
  why: string;
  /** File with every package and the checksums of its files, for CPython 3.11 to 3.14 on x86-64. */
  requirements: string;
}

/** An environment for each list of packages, and each Python. */
function folderOf({ name, requirements }: Environment): string {
  const python = run("python3", ["-c", "import sys; print('%d.%d' % sys.version_info[:2])"]).stdout;
  const list = createHash("sha256").update(readFileSync(requirements)).digest("hex").slice(0, 12);
  return join(cacheDir(), `${name}-${list}-python${python}`);
}

/** Debian has Python without the module that makes environments. */
function withVenv(name: string): void {
  const usable = () => find("python3") !== undefined && run("python3", ["-c", "import ensurepip, venv"]).ok;
  if (!usable()) install(["python3-venv"]);
  if (!usable()) throw new SetupError(`${name} needs Python 3.11 or newer with its modules venv and ensurepip`);
}

function make({ name, requirements }: Environment, into: string): void {
  withVenv(name);
  if (existsSync(into)) rmSync(into, { recursive: true });
  mkdirSync(cacheDir(), { recursive: true });
  must(`Making an environment for ${name}`, "python3", ["-m", "venv", into]);
  const options = ["install", "--quiet", "--disable-pip-version-check", "--require-hashes", "--only-binary=:all:"];
  try {
    must(`Installing ${name}`, join(into, "bin", "pip"), [...options, "-r", requirements]);
  } catch (error) {
    rmSync(into, { recursive: true });
    throw error;
  }
}

/** Makes an environment unless it exists. @returns the path of one of its programs */
export function pythonProgram(environment: Environment, program: string): string {
  const folder = folderOf(environment);
  const path = join(folder, "bin", program);
  if (!executable(path)) {
    say(`${environment.name} ... (${environment.why})`);
    make(environment, folder);
    say(`${environment.name}: from its pinned packages`);
  }
  return path;
}
