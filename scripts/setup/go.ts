/** Programs built from Go modules, for machines that reach a Go module proxy but not the projects' release archives. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { install } from "./packages";
import { executable, find, must, run, say, SetupError } from "./step";

/** From this version on, Go fetches by itself the newer toolchain that a module asks for. */
const least = 21;

const minor = (go: string) => Number(/go1\.(\d+)/.exec(run(go, ["env", "GOVERSION"]).stdout)?.[1] ?? 0);

/** A Go that is new enough: on PATH, in its usual place, or from the distribution. */
export function goProgram(): string {
  const usable = () => [find("go"), "/usr/local/go/bin/go"].find((go) => go && executable(go) && minor(go) >= least);
  const found = usable();
  if (found) return found;
  say("installing golang-go, to build what can't be downloaded");
  install(["golang-go"], { backports: true });
  const installed = usable();
  if (!installed)
    throw new SetupError(`building needs Go 1.${least} or newer: install it from https://go.dev/dl and put it on PATH`);
  return installed;
}

/** What to build: `module` as in a go.mod ("path version"), main packages by the program's name. */
export interface GoBuild {
  module: string | string[];
  packages: Record<string, string>;
  ldflags?: string;
  into: string;
}

/** Builds static programs, in a module of their own that requires the wanted one: that takes its pinned dependencies. */
export function goBuild(go: string, { module, packages, ldflags = "", into }: GoBuild): void {
  const folder = mkdtempSync(join(tmpdir(), "pgha-go-"));
  try {
    const requires = [module].flat().map((line) => `require ${line}\n`);
    writeFileSync(join(folder, "go.mod"), `module build\n\ngo 1.${least}\n\n${requires.join("")}`);
    for (const [name, path] of Object.entries(packages)) {
      const flags = [
        "-mod=mod",
        "-trimpath",
        "-buildvcs=false",
        // Nobody debugs them; to leave that out of every package, and not only of the result, takes a seventh of the time away.
        "-gcflags=all=-dwarf=false",
        "-ldflags",
        `-s -w ${ldflags}`,
        "-o",
        join(into, name),
      ];
      must(`Building ${name}`, go, ["build", "-v", ...flags, path], {
        cwd: folder,
        timeout: 3600,
        tellEvery: 20,
        env: { ...process.env, CGO_ENABLED: "0" },
      });
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
