import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** What a shell script did. */
export interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** Runs a script in bash. @param env variables beside PATH; nothing else of this process's environment is there */
export function bash(
  script: string,
  { input = "", env = {} }: { input?: string | Buffer; env?: Record<string, string> } = {},
): Ran {
  const { status, stdout, stderr, error } = spawnSync("bash", ["--norc", "-c", script], {
    input,
    encoding: "utf8",
    env: { PATH: process.env.PATH, ...env },
    timeout: 25_000,
  });
  if (error) throw error;
  return { code: status, stdout, stderr };
}

/** A temporary folder for the tests of a `describe`, gone after them. */
export function temporaryFolder(): () => string {
  let folder: string | undefined;
  before(() => (folder = mkdtempSync(join(tmpdir(), "pgha-test-"))));
  after(() => folder && rmSync(folder, { recursive: true, force: true }));
  return () => folder!;
}

/** `user:group` of this process: an owner that files can be given without root. */
export const self = (): string => bash('printf "%s:%s" "$(id -un)" "$(id -gn)"').stdout;
