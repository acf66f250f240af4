import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { imageAlias, imageInputs } from "../../../components/incus/image";
import { binDir, cacheDir, checkoutRoot, pulumiEnv, pulumiHome } from "../../../ops/env";
import { distribution } from "../../../scripts/setup/distribution";
import { poolSize } from "../../../scripts/setup/incus-daemon";
import { faults, type Machine } from "../../../scripts/setup/preflight";
import { suits } from "../../../scripts/setup/pulumi-cli";
import { releaseFor, unpack } from "../../../scripts/setup/pulumi-release";
import { asRoot } from "../../../ops/root";
import { find, must, run, SetupError, type SetupStep } from "../../../scripts/setup/step";
import { etcdRelease, pluginVersions } from "../../../scripts/setup/versions";
import { stackArguments, stackSettings } from "../../../scripts/stack";

const GiB = 1024 ** 3;
const ready: Machine = {
  platform: "linux",
  arch: "x64",
  privilege: "sudo",
  canAsk: true,
  memory: 16 * GiB,
  freeDisk: 100 * GiB,
  freeDiskAt: "/var/lib",
};
const step = (name: string, root?: string): SetupStep => ({ name, root, check: () => false, apply: () => "" });
const all = [step("system packages", "apt-get install"), step("Pulumi CLI"), step("machine image", "mmdebstrap")];

describe("set-up: pre-flight", () => {
  it("has nothing against a good machine", () => assert.deepEqual(faults(ready, all), []));

  const table: [string, Partial<Machine>, RegExp][] = [
    ["another processor", { arch: "arm64" }, /linux on arm64.*x86-64/],
    ["another system", { platform: "darwin" }, /darwin on x64/],
    [
      "no root and no sudo",
      { privilege: "none" },
      /no sudo.*system packages \(apt-get install\), machine image \(mmdebstrap\)/,
    ],
    ["a password that can't be asked for", { canAsk: false }, /no terminal to ask on/],
    ["a full disk", { freeDisk: 3 * GiB }, /\/var\/lib has 3\.0 GiB of free disk space; 8 GiB are needed/],
    ["too little memory", { memory: 2 * GiB }, /2\.0 GiB of memory; 4 GiB are needed/],
  ];
  for (const [what, difference, message] of table) {
    it(`names ${what}`, () => {
      const found = faults({ ...ready, ...difference }, all);
      assert.equal(found.length, 1);
      assert.match(found[0]!, message);
    });
  }

  it("tells all faults at once", () => {
    const bad: Machine = { ...ready, arch: "arm64", privilege: "none", memory: GiB, freeDisk: GiB };
    assert.equal(faults(bad, all).length, 4);
  });

  it("asks for no root and no disk when nothing that is left needs them", () => {
    assert.deepEqual(faults({ ...ready, privilege: "none", canAsk: false, freeDisk: 0 }, [step("Pulumi CLI")]), []);
  });
});

describe("set-up: parts", () => {
  let scratch: string;
  before(() => (scratch = mkdtempSync(join(tmpdir(), "pgha-setup-"))));
  after(() => rmSync(scratch, { recursive: true }));

  const release = (text: string) => {
    const file = join(scratch, "os-release");
    writeFileSync(file, text);
    return distribution(file);
  };
  it("unpacks an archive of Pulumi when it is the very one that is meant, and nothing else", () => {
    const [from, into] = [join(scratch, "release"), join(scratch, "unpacked")];
    mkdirSync(join(from, "pulumi"), { recursive: true });
    mkdirSync(into);
    writeFileSync(join(from, "pulumi", "pulumi"), "#!/bin/sh\n");
    const archive = join(scratch, "pulumi.tar.gz");
    execFileSync("tar", ["-czf", archive, "-C", from, "pulumi"]);
    const sum = createHash("sha256").update(readFileSync(archive)).digest("hex");
    const another = `${sum.slice(1)}0`;
    assert.throws(() => unpack(archive, another, into), new RegExp(`${sum}.*${another}: it was not used`));
    assert.deepEqual(readdirSync(into), []);
    assert.equal(unpack(archive, sum, into), join(into, "pulumi"));
    assert.deepEqual(readdirSync(join(into, "pulumi")), ["pulumi"]);
  });

  it("takes Pulumi from its release only, and knows a checksum for each archive", () => {
    for (const arch of ["x64", "arm64"]) {
      const { url, sha256 } = releaseFor(arch)!;
      assert.match(url, new RegExp(`/v(\\d+\\.\\d+\\.\\d+)/pulumi-v\\1-linux-${arch}\\.tar\\.gz$`));
      assert.match(sha256, /^[0-9a-f]{64}$/);
    }
    assert.equal(releaseFor("riscv64"), undefined);
    for (const script of readdirSync(join(checkoutRoot, "scripts/setup"))) {
      const text = readFileSync(join(checkoutRoot, "scripts/setup", script), "utf8");
      assert.doesNotMatch(text, /get\.pulumi\.com|curl[^\n]*\|\s*(ba)?sh/, script);
    }
  });

  it("knows Debian, Ubuntu and what is made from them", () => {
    const debian = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_CODENAME=bookworm\n';
    assert.deepEqual(release(debian), { name: "Debian GNU/Linux 12 (bookworm)", id: "debian", codename: "bookworm" });
    assert.equal(release('ID=linuxmint\nID_LIKE="ubuntu debian"\n').id, "ubuntu");
    assert.equal(release("ID=fedora\n").id, "fedora");
    assert.equal(distribution(join(scratch, "none")).name, "unknown");
  });

  it("takes a Pulumi that is new enough and of the same major version", () => {
    const cases: [string, boolean][] = [
      ["v3.250.0", true],
      ["3.250.1", true],
      ["v3.251.0", true],
      ["v3.249.9", false],
      ["v4.0.0", false],
      ["v2.999.0", false],
      ["", false],
    ];
    for (const [version, fine] of cases) assert.equal(suits(version, "3.250.0"), fine, version);
  });

  it("makes the pool as large as the disk allows, at most 30 GiB", () => {
    assert.equal(poolSize(500 * GiB), 30);
    assert.equal(poolSize(10 * GiB), 8);
  });

  it("pins etcd and the plugins exactly", () => {
    const { version, sha256, url } = etcdRelease();
    assert.match(version, /^3\.6\.\d+$/);
    assert.match(sha256, /^[0-9a-f]{64}$/);
    assert.ok(url.startsWith("https://") && url.includes(`/v${version}/etcd-v${version}-`), url);
    for (const pinned of Object.values(pluginVersions())) assert.match(pinned, /^\d+\.\d+\.\d+$/);
  });

  it("says what failed, with the program's last words and without a stack trace", () => {
    assert.throws(
      () => must("Doing it", "sh", ["-c", "echo first >&2; exit 3"]),
      (error: Error) => error instanceof SetupError && error.message === "Doing it failed:\nfirst",
    );
    assert.match(run("pgha-no-such-program", []).tail, /ENOENT/);
  });

  it("tells how far a program is that takes minutes, and what it said when it fails", () => {
    const { ok, tail } = run("sh", ["-c", "echo first >&2; echo second; exit 3"], { tellEvery: 5 });
    assert.deepEqual([ok, tail], [false, "first\nsecond"]);
    const program =
      'require("./scripts/setup/step").run("sh", ["-c", "for i in 1 2 3; do echo line $i; sleep 0.6; done"], { tellEvery: 1 })';
    const { stderr } = spawnSync(process.execPath, ["--require", "./loader.cjs", "-e", program], {
      cwd: checkoutRoot,
      encoding: "utf8",
    });
    assert.match(stderr, /^set-up: {3}after 1 s: line [23]$/m);
  });

  it("keeps values of variables out of sudo's command line", () => {
    process.env.PIP_INDEX_URL = "https://user:password@example.org/";
    try {
      const line = asRoot("true", []).flat().join(" ");
      assert.ok(!line.includes("password"), line);
    } finally {
      delete process.env.PIP_INDEX_URL;
    }
  });

  it("finds system programs that a user's PATH leaves out", () => {
    assert.ok(find("sysctl"));
    assert.equal(find("pgha-no-such-program"), undefined);
  });
});

describe("set-up: machine image", () => {
  it("has an alias that is a function of its inputs", () => {
    assert.match(imageAlias(), /^pgha-[0-9a-f]{12}$/);
    assert.equal(imageAlias(), imageAlias());
    assert.notEqual(imageAlias("trixie"), imageAlias("forky"));
  });

  it("counts the installer, its pins and the whole build among the inputs", () => {
    const inputs = imageInputs();
    for (const path of [
      "cloud-init/install.sh",
      "cloud-init/patroni-requirements.txt",
      "scripts/image/build.sh",
      "scripts/image/templates/network.tpl",
    ]) {
      assert.ok(inputs.includes(path), path);
    }
  });

  it("has shell scripts that shellcheck finds nothing in", () => {
    const scripts = ["cloud-init/install.sh", "scripts/image/build.sh", "scripts/setup/incusd.sh", "scripts/run"];
    execFileSync("shellcheck", scripts, { cwd: checkoutRoot, stdio: "pipe" });
  });

  it("refuses to install what is not a role, before it does anything", () => {
    const { ok, tail } = run("bash", [join(checkoutRoot, "cloud-init", "install.sh"), "mysql"]);
    assert.equal(ok, false);
    assert.match(
      tail,
      process.getuid!() === 0 ? /unknown role 'mysql': use etcd, postgresql or haproxy/ : /run as root/,
    );
  });
});

describe("set-up: environment", () => {
  it("puts the project's tools first on PATH, once", () => {
    const once = pulumiEnv({ PATH: "/usr/bin" });
    assert.equal(once.PATH, [binDir, join(checkoutRoot, "node_modules", ".bin"), "/usr/bin"].join(delimiter));
    assert.equal(pulumiEnv(once).PATH, once.PATH);
  });

  it("has an empty passphrase unless the user has one", () => {
    assert.equal(pulumiEnv({}).PULUMI_CONFIG_PASSPHRASE, "");
    assert.equal(pulumiEnv({ PULUMI_CONFIG_PASSPHRASE: "mine" }).PULUMI_CONFIG_PASSPHRASE, "mine");
    assert.equal(pulumiEnv({ PULUMI_CONFIG_PASSPHRASE_FILE: "/file" }).PULUMI_CONFIG_PASSPHRASE, undefined);
  });

  it("leaves the user's own PULUMI_HOME alone", () => {
    assert.equal(pulumiEnv({ PULUMI_HOME: "/mine" }).PULUMI_HOME, "/mine");
    assert.ok([undefined, pulumiHome].includes(pulumiEnv({}).PULUMI_HOME));
  });

  it("does not change what it is given", () => {
    const base = { PATH: "/usr/bin" };
    pulumiEnv(base);
    assert.deepEqual(base, { PATH: "/usr/bin" });
  });

  it("keeps tools where XDG says", () => assert.equal(cacheDir({ XDG_CACHE_HOME: "/x" }), "/x/pgha"));
});

describe("set-up: command lines", () => {
  it("are for dev unless they say otherwise, and pass on what follows --", () => {
    assert.deepEqual(stackArguments([]), { stack: "dev", extra: [] });
    assert.deepEqual(stackArguments(["--stack", "x", "--", "--diff", "-v"]), { stack: "x", extra: ["--diff", "-v"] });
  });

  it("are refused with the usage when they make no sense", () => {
    for (const args of [["--stak", "x"], ["dev"], ["--stack"]]) {
      assert.throws(() => stackArguments(args), { name: "SetupError", message: /Usage: npm run/ });
    }
  });

  it("name the file that a stack lacks", () => {
    assert.throws(() => stackSettings("nowhere"), { name: "SetupError", message: /Pulumi\.nowhere\.yaml/ });
  });
});

describe("set-up: client ports", () => {
  const socketVariable = "INCUS_SOCKET";
  let folder: string;
  let close: () => void;
  const saved = process.env[socketVariable];

  // Incus as far as the check needs it: one instance of the cluster "mine" that publishes the port in `held`.
  let held = 0;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "pgha-ports-"));
    const { createServer: createHttp } = await import("node:http");
    const server = createHttp((request, response) => {
      assert.equal(request.url, "/1.0/instances?recursion=1");
      const devices = { a: { type: "proxy", listen: `tcp:127.0.0.1:${held}` } };
      const metadata = [{ config: { "user.pgha.stack": "mine" }, expanded_devices: devices }];
      response.end(JSON.stringify({ type: "sync", metadata }));
    });
    mkdirSync(folder, { recursive: true });
    await new Promise<void>((resolve) => server.listen(join(folder, "socket"), resolve));
    process.env[socketVariable] = join(folder, "socket");
    close = () => {
      server.closeAllConnections();
      server.close();
    };
  });
  after(() => {
    close();
    if (saved === undefined) delete process.env[socketVariable];
    else process.env[socketVariable] = saved;
    rmSync(folder, { recursive: true });
  });

  it("may be held by the cluster's own machines and by nobody else", async () => {
    const { requirePorts } = await import("../../../scripts/setup/ports");
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    try {
      held = port;
      await requirePorts("mine", [port]);
      await assert.rejects(requirePorts("other", [port]), {
        name: "SetupError",
        message: new RegExp(`Nothing was changed:\\n.*port ${port} .*pgha:ports`),
      });
      await requirePorts(undefined, [port]);
      held = 0;
      await assert.rejects(requirePorts(undefined, [port]), /pgha:ports/, "held by no machine at all");
    } finally {
      server.close();
    }
    await requirePorts("other", [port]);
  });
});
