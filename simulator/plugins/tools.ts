// For tests of the stand-in plugins: a folder, the tools to judge results with, and the types of the resources.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Engine } from "./engine";

export const KEY = "tls:index/privateKey:PrivateKey";
export const CA = "tls:index/selfSignedCert:SelfSignedCert";
export const REQUEST = "tls:index/certRequest:CertRequest";
export const CERT = "tls:index/locallySignedCert:LocallySignedCert";
export const PASSWORD = "random:index/randomPassword:RandomPassword";
export const STRING = "random:index/randomString:RandomString";
export const REMOTE = "command:remote:Command";
export const LOCAL = "command:local:Command";

/** Runs a tool and returns what it prints; fails with the tool's own message. */
export const tool = (program: string, ...given: string[]): string =>
  execFileSync(program, given, { stdio: "pipe" }).toString();

export class Folder {
  readonly path = mkdtempSync(join(tmpdir(), "pgha-plugins-"));

  file(name: string, content: unknown): string {
    const path = join(this.path, name);
    writeFileSync(path, String(content), { mode: 0o600 });
    return path;
  }

  /** Starts a plugin by a link from this folder, as set-up makes them. */
  start(name: string): Promise<Engine> {
    const link = join(this.path, `pulumi-resource-${name}`);
    symlinkSync(join(__dirname, "bin", `pulumi-resource-${name}`), link);
    return Engine.start(link);
  }

  remove(): void {
    rmSync(this.path, { recursive: true });
  }
}
