import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { cloudUserData, type CloudMachine } from "../../../cloud-init/cloud-user-data";
import { brief } from "../../../cloud-init/program";
import { userData } from "../../../cloud-init/user-data";
import { roles, type Role } from "../../../settings/roles";
import { bash } from "../support/bash";
import { placeholder } from "../support/placeholders";
import { python } from "../support/python";
import { plan } from "../support/settings";
import { shellcheck } from "../support/shellcheck";

const key = `ssh-ed25519 ${"A".repeat(68)} operators@pgha`;
const source = (name: string) => readFileSync(join(__dirname, "../../../cloud-init", name), "utf8");

/** EC2 takes 16 KiB of user data as it is, before it is encoded (EC2 user guide, "Run commands at launch"). The rest is for changes. */
const limit = 15.5 * 1024;

/** A machine with names as long as the settings let them be. */
const machine = (role: Role | undefined, change: Partial<CloudMachine> = {}): CloudMachine => ({
  region: "ap-southeast-1",
  hostKeyParameter: `/pgha/${"x".repeat(20)}/${role ? `${role}1` : "bastion"}/ssh-host-key`,
  role,
  watchdog: role === "postgresql",
  ...change,
});

interface Config {
  bootcmd: string[][];
  write_files: { path: string; content: string; permissions?: string }[];
  runcmd: string[];
  [key: string]: unknown;
}
const text = (role: Role | undefined, change?: Partial<CloudMachine>) =>
  cloudUserData({ name: role ? `${role}1` : "bastion" }, `${key}\n`, machine(role, change));
const config = (role: Role | undefined, change?: Partial<CloudMachine>) => parse(text(role, change)) as Config;
const file = ({ write_files }: Config, name: string) => write_files.find(({ path }) => path.endsWith(name))?.content;

describe("user data of a cloud machine", () => {
  for (const role of [...roles, undefined]) {
    it(`of ${role ?? "a bastion"} fits, with some room for a change, and holds no secret`, () => {
      const size = Buffer.byteLength(text(role, { ssmEndpoint: `https://${"x".repeat(120)}` }));
      assert.ok(size < limit, `${size} bytes`);
      assert.match(text(role), /^#cloud-config\n/);
      assert.doesNotMatch(text(role), /BEGIN [A-Z ]*PRIVATE KEY|SCRAM|insecure-password/);
      assert.ok(!placeholder.isIn(text(role)));
    });
  }

  it("says of users and keys what every machine's says", () => {
    const { write_files, runcmd, ...same } = parse(userData(plan().etcd[0]!, key)) as Config;
    const { bootcmd, write_files: files, runcmd: commands, ...cloud } = config("etcd");
    assert.deepEqual(cloud, same);
    assert.ok(bootcmd);
    for (const one of write_files)
      assert.deepEqual(file({ ...cloud, write_files: files } as Config, one.path), one.content);
    for (const one of runcmd) assert.ok(commands.includes(one), one);
  });

  it("has the host key fetched before anything else", () => {
    const [command] = config("haproxy").bootcmd;
    const at = [`/pgha/${"x".repeat(20)}/haproxy1/ssh-host-key`, "https://ssm.ap-southeast-1.amazonaws.com"];
    assert.deepEqual(command!.toSpliced(2, 1), ["python3", "-c", "ap-southeast-1", ...at]);
    const other = config("haproxy", { ssmEndpoint: "http://10.94.0.1:5000" }).bootcmd[0]!;
    assert.equal(other.at(-1), "http://10.94.0.1:5000");
  });

  it("has the host key's program whole, but for its comments", () => {
    const tree = (program: string) =>
      python<string>(
        `import ast
tree = ast.parse(given)
for node in ast.walk(tree):
    if isinstance(node, (ast.Module, ast.FunctionDef)) and ast.get_docstring(node) is not None: node.body.pop(0)
result = ast.dump(tree)`,
        program,
      );
    assert.equal(tree(config("etcd").bootcmd[0]![2]!), tree(source("host_key.py")));
  });

  it("has the installer, and Patroni's pins where Patroni runs", () => {
    for (const role of roles) {
      const made = config(role);
      const installer = made.write_files.find(({ path }) => path === "/usr/local/lib/pgha/install.sh")!;
      assert.equal(installer.permissions, "0755");
      assert.match(installer.content, /^#!\/bin\/bash\n/);
      assert.ok(
        made.runcmd.includes(`/usr/local/lib/pgha/install.sh ${role} && touch /usr/local/lib/pgha/installed`),
        made.runcmd.join("\n"),
      );
      const pins = file(made, "/usr/local/lib/pgha/patroni-requirements.txt");
      const lines = source("patroni-requirements.txt")
        .match(/^[a-z].*\n/gm)!
        .join("");
      assert.equal(pins, role === "postgresql" ? lines : undefined);
    }
  });

  it("has an installer that does the same without its comments", () => {
    shellcheck(["--shell=bash", "-"], brief(source("install.sh")));
    // bash prints a script as it understood it; what is in here-documents stays as it is.
    const understood = (script: string) => {
      const { code, stdout, stderr } = bash("bash --pretty-print <(cat)", { input: script });
      assert.equal(code, 0, stderr);
      return stdout.replace(/^(#.*| *)\n/gm, "");
    };
    assert.equal(understood(brief(source("install.sh"))), understood(source("install.sh")));
  });

  it("has sshd's own configuration, the installer's, from the start: one host key, keys only", () => {
    for (const role of ["etcd", undefined] as const) {
      const sshd = file(config(role), "/etc/ssh/sshd_config.d/10-pgha.conf")!;
      assert.match(sshd, /^HostKey \/etc\/ssh\/ssh_host_ed25519_key$/m);
      assert.match(sshd, /^PasswordAuthentication no$/m);
      assert.match(sshd, /^MaxStartups 100$/m);
      assert.ok(
        source("install.sh")
          .replace(/^#.*\n/gm, "")
          .includes(`/10-pgha.conf <<'CONF'\n${sshd}CONF\n`),
      );
    }
  });

  it("has a clock that is reached without a way out", () => {
    assert.match(file(config(undefined), "timesyncd.conf.d/pgha.conf")!, /^NTP=169\.254\.169\.123$/m);
  });

  it("gives the watchdog to Patroni's user where there is to be one", () => {
    const rule = file(config("postgresql"), "watchdog.rules")!;
    assert.match(rule, /^SUBSYSTEM=="misc", KERNEL=="watchdog", OWNER="postgres", /);
    assert.equal(file(config("postgresql"), "/etc/modules-load.d/pgha.conf"), "softdog\n");
    const without = config("postgresql", { watchdog: false });
    assert.equal(file(without, "watchdog.rules") ?? file(without, "modules-load.d/pgha.conf"), undefined);
  });

  it("leaves a bastion alone otherwise", () => {
    const { write_files, runcmd } = config(undefined);
    assert.deepEqual(
      write_files.map(({ path }) => path),
      ["/etc/ssh/sshd_config.d/10-pgha.conf", "/etc/systemd/timesyncd.conf.d/pgha.conf"],
    );
    assert.deepEqual(runcmd, ["systemctl try-restart systemd-timesyncd || true"]);
  });
});
