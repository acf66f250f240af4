import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { bash, temporaryFolder } from "../../support/bash";

const part = (name: string) => join(__dirname, `../../../../cloud-init/converge/${name}.sh`);

/**
 * What a cloud machine does before it converges, run by real bash. Devices and mounts are functions of the shell here; what they
 * really do is in test/integration/volume.test.ts.
 */
describe("converge of a cloud machine", () => {
  const folder = temporaryFolder();
  const at = (path: string) => join(folder(), path);
  const log = () => (existsSync(at("log")) ? readFileSync(at("log"), "utf8").trim().split("\n") : []);

  function put(path: string, content: string): void {
    mkdirSync(dirname(at(path)), { recursive: true });
    writeFileSync(at(path), content);
  }
  beforeEach(() => {
    for (const path of ["log", "data", "stages", "fstab", "install.sh", "installed"])
      rmSync(at(path), { recursive: true, force: true });
    for (const path of ["data/17", "stages"]) mkdirSync(at(path), { recursive: true });
    put("fstab", "UUID=root / ext4 defaults 0 1\n");
  });

  const run = (statements: string) =>
    bash(
      `NODE=postgresql1 ROLE=postgresql JOURNAL="-u patroni" CLUSTER=test ADDRESS=10.9.9.9 ETCD_ENDPOINTS=https://10.9.9.9:2379 VOLUME_GIB=100
       mktemp() { command mktemp -d "$DIR/stages/XXXXXX"; }
       source "${part("common")}"; source "${part("cloud")}"; source "${part("volume")}"
       installer=$DIR/install.sh installed=$DIR/installed volume_links=/links volume_mount=$DIR/data fstab=$DIR/fstab
       note() { echo "$*" >>"$DIR/log"; }
       sleep() { SECONDS=$((SECONDS + 100)); }
       mountpoint() { [[ -n \${MOUNTED:-} ]]; }
       findmnt() { if [[ $2 == SOURCE ]]; then echo "$MOUNTED"; else echo "\${TYPE:-ext4}"; fi; }
       is_device() { [[ \${DEVICES:-/dev/nvme1n1 /links/nvme-Amazon_Elastic_Block_Store_vol0abc1} == *$1* ]]; }
       readlink() { if [[ $2 == /links/nvme-Amazon_Elastic_Block_Store_vol0abc1 ]]; then echo /dev/nvme1n1; else echo "$2"; fi; }
       wipefs() { [[ \${FOUND:-} != error ]] && echo "\${FOUND:-}"; }
       blkid() { echo 1234-5678; }
       blockdev() { echo $((\${GIB:-100} << 30)); }
       for name in mkfs.ext4 mount systemctl; do eval "$name() { note $name \\"\\$@\\"; }"; done
       stat() { echo "\${OWNER:-postgres}"; }
       chown() { note chown "$@"; }
       resize2fs() { note resize2fs "$@"; echo "\${GREW:-It is 1 (4k) blocks long. Nothing to do!}"; }
       ${statements}`,
      { env: { DIR: folder() } },
    );
  const volume = (content = "vol-0abc1") => `stage_file /etc/pgha/volume root:root 0644 <<<'${content}'\n`;

  /** The volume's part under such circumstances: what it did, said and left behind. */
  function converged(circumstances = "", content?: string) {
    const { code, stdout, stderr } = run(`${volume(content)}${circumstances}\nconverge_volume`);
    return { code, said: stdout.trim(), stderr: stderr.trim(), did: log(), fstab: readFileSync(at("fstab"), "utf8") };
  }
  const device = "/dev/nvme1n1";
  const entry = () => `UUID=1234-5678 ${at("data")} ext4 noatime,nofail,x-systemd.device-timeout=300 0 2\n`;
  const mounted = () => [
    "systemctl daemon-reload",
    `mount --fstab ${at("fstab")} ${at("data")}`,
    `resize2fs ${device}`,
  ];

  it("does nothing where no volume is named", () => {
    const { code, stdout, stderr } = run("converge_volume");
    assert.deepEqual([code, stdout, stderr, log()], [0, "", "", []]);
  });

  it("gives an empty volume a file system, and mounts it now and at every boot", () => {
    const { code, said, did, fstab } = converged();
    assert.equal(code, 0);
    assert.equal(said, "postgresql1: makes a file system on volume vol-0abc1");
    assert.deepEqual(did, [`mkfs.ext4 -q -L pgha -m 1 ${device}`, ...mounted()]);
    assert.equal(fstab, `UUID=root / ext4 defaults 0 1\n${entry()}`);
  });

  it("keeps what a volume has that comes from another machine, and gives it to this one's user", () => {
    const { code, said, did } = converged("FOUND=ext4 OWNER=109");
    assert.deepEqual([code, said], [0, ""]);
    const [reload, mount, resize] = mounted();
    assert.deepEqual(did, [reload, mount, `chown -R postgres:postgres ${at("data")}`, resize]);
  });

  it("replaces the entry of a volume that was here before", () => {
    put("fstab", `UUID=root / ext4 defaults 0 1\nUUID=old ${at("data")} ext4 noatime 0 2\n`);
    assert.equal(converged("FOUND=ext4").fstab, `UUID=root / ext4 defaults 0 1\n${entry()}`);
  });

  it("leaves a mounted one alone", () => {
    const { code, said, did } = converged(`MOUNTED=${device}`);
    assert.deepEqual([code, said, did], [0, "", [`resize2fs ${device}`]]);
  });

  it("says that it grew", () => {
    const { said } = converged(`MOUNTED=${device} GIB=200 VOLUME_GIB=200 GREW="now 9 blocks"`);
    assert.equal(said, "postgresql1: the file system on volume vol-0abc1 has grown to 200 GiB");
  });

  it("leaves alone what somebody else has mounted there and no volume is", () => {
    for (const circumstances of ["TYPE=btrfs MOUNTED=/dev/loop1", "MOUNTED=/dev/vda1[/data]"]) {
      const { code, did } = converged(circumstances);
      assert.deepEqual([code, did], [0, []], circumstances);
    }
  });

  const refusals: [string, string, RegExp, string?][] = [
    [
      "data is in the way",
      'mkdir "$DIR/data/17/main"; touch "$DIR/data/17/main/PG_VERSION"',
      /has data in it \(.*PG_VERSION\)/,
    ],
    ["the volume does not appear", "DEVICES=none", /waited 300 s for: volume vol-0abc1 as \/links\/nvme-.*Nitro/],
    ["something else is on the volume", "FOUND=$'dos\\nxfs'", /holds no ext4 but dos, xfs\. Nothing was changed/],
    ["the volume cannot be read", "FOUND=error", /volume vol-0abc1 cannot be read/],
    [
      "another volume is mounted",
      "MOUNTED=/dev/nvme2n1 DEVICES=/dev/nvme2n1",
      /is not volume vol-0abc1\. Nothing was changed/,
    ],
    ["the name is none", "", /names no volume: 'vol-1; rm'/, "vol-1; rm"],
  ];
  for (const [name, circumstances, message, content] of refusals) {
    it(`ends, and has changed nothing, when ${name}`, () => {
      const { code, stderr, did, fstab } = converged(circumstances, content);
      assert.equal(code, 1);
      assert.match(stderr, message);
      assert.deepEqual(did, []);
      assert.equal(fstab, "UUID=root / ext4 defaults 0 1\n");
    });
  }

  it("ends when the volume has not the size it should have", () => {
    const { code, stderr, did } = converged(`MOUNTED=${device} GIB=99`);
    assert.deepEqual([code, did], [1, []]);
    assert.match(stderr, /volume vol-0abc1 to have 100 GiB/);
  });

  const installer = (text: string) => `printf '#!/bin/bash\\n%s\\n' '${text}' >"$installer"; chmod +x "$installer"\n`;

  it("installs nothing when the first boot has", () => {
    put("installed", "");
    const { code, stdout } = run(`${installer("exit 1")}finish_installation`);
    assert.deepEqual([code, stdout], [0, ""]);
  });

  it("installs once what the first boot could not", () => {
    const text = 'echo "installs $*" >>"$DIR/log"';
    const { code, stderr } = run(`export DIR\n${installer(text)}finish_installation; finish_installation`);
    assert.deepEqual([code, stderr, log()], [0, "", ["installs postgresql"]]);
  });

  it("says why it cannot, and tries again the next time", () => {
    const { code, stderr } = run(`${installer("echo no mirror >&2; exit 1")}finish_installation`);
    assert.equal(code, 1);
    assert.match(stderr, /^postgresql1: its software cannot be installed: no mirror$/m);
    assert.ok(!existsSync(at("installed")));
  });
});
