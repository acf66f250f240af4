/**
 * The converge step's part for the data volume on a real block device: a loop device of a sparse file, mounted in a mount
 * namespace of its own. Needs root.
 */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { asRoot } from "../../ops/root";

const part = (name: string) => join(__dirname, `../../cloud-init/converge/${name}.sh`);

/** The user that the data is for: any that every Debian has, other than root. */
const owner = "daemon";

describe("a data volume", function () {
  this.timeout(30_000);
  let folder: string;
  beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "pgha-volume-"))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /**
   * Runs statements as root on a machine that this volume was just attached to: `attach FILE GIB` has made it, `converge` takes
   * it up, `boot` mounts what fstab says, `off` unmounts.
   */
  function onMachine(statements: string): { code: number | null; stdout: string; stderr: string } {
    const script = `set -euo pipefail
      export DIR=${folder}
      mkdir -p "$DIR/links" "$DIR/data/17" "$DIR/stages"
      echo '# nothing' >"$DIR/fstab"
      attach() {
        truncate -s "$2G" "$DIR/$1"
        device=$(losetup --find --show "$DIR/$1")
        trap 'cd /; umount -ql "$DIR/data" || true; losetup -d "$device"' EXIT
        ln -sf "$device" "$DIR/links/nvme-Amazon_Elastic_Block_Store_vol0abc1"
      }
      grow() { truncate -s "$2G" "$DIR/$1"; losetup -c "$device"; }
      off() { umount "$DIR/data"; }
      boot() { mount --fstab "$DIR/fstab" "$DIR/data"; }
      converge() (
        export NODE=postgresql1 ROLE=postgresql CLUSTER=test ADDRESS=10.9.9.9 ETCD_ENDPOINTS=x VOLUME_GIB=$1
        mktemp() { command mktemp -d "$DIR/stages/XXXXXX"; }
        source "${part("common")}"; source "${part("volume")}"
        volume_links=$DIR/links volume_mount=$DIR/data volume_owner=${owner} fstab=$DIR/fstab
        systemctl() { :; }
        stage_file /etc/pgha/volume root:root 0644 <<<vol-0abc1
        converge_volume
      )
      ${statements}`;
    const [command, args] = asRoot("unshare", ["--mount", "bash", "-s"]);
    const { status, stdout, stderr, error } = spawnSync(command, args, { input: script, encoding: "utf8" });
    if (error) throw error;
    return { code: status, stdout, stderr };
  }

  /** As `onMachine`; must succeed, and gives the lines it printed. */
  function ran(statements: string): string[] {
    const { code, stdout, stderr } = onMachine(statements);
    assert.equal(code, 0, stderr);
    return stdout.trim().split("\n");
  }

  it("gets a file system once, and is mounted again at the next boot with what was on it", () => {
    const lines = ran(`attach disk 1
      converge 1
      findmnt -no FSTYPE,LABEL --mountpoint "$DIR/data" | tr -s ' '; stat -c %U "$DIR/data"
      echo kept >"$DIR/data/file"
      converge 1
      off; boot; cat "$DIR/data/file"
      grep -c "$DIR/data" "$DIR/fstab"`);
    assert.deepEqual(lines, ["postgresql1: makes a file system on volume vol-0abc1", "ext4 pgha", owner, "kept", "1"]);
    const entry = new RegExp(`^UUID=[0-9a-f-]{36} ${folder}/data ext4 noatime,nofail,\\S+ 0 2$`, "m");
    assert.match(readFileSync(join(folder, "fstab"), "utf8"), entry);
  });

  it("comes to another machine with its data, for that machine's user", () => {
    const lines = ran(`attach disk 1
      converge 1 >/dev/null
      mkdir -p "$DIR/data/17/main"; touch "$DIR/data/17/main/PG_VERSION"; chown -R root:root "$DIR/data"
      off; rm "$DIR/fstab"; echo '# another machine' >"$DIR/fstab"
      converge 1
      stat -c %U "$DIR/data" "$DIR/data/17/main/PG_VERSION"`);
    assert.deepEqual(lines, [owner, owner]);
  });

  it("grows while it is in use", function () {
    // A mounted ext4 grows only for who has CAP_SYS_RESOURCE (bit 24), which root in a sandbox may lack.
    const capabilities = ran("sed -n 's/^CapEff:[[:space:]]*/0x/p' /proc/self/status")[0]!;
    if (!(BigInt(capabilities) & (1n << 24n))) this.skip();
    const lines = ran(`attach disk 1
      converge 1 >/dev/null
      size() { echo $(($(stat -f -c '%b * %S' "$DIR/data") >> 20)); }
      before=$(size)
      exec 5>"$DIR/data/open"
      grow disk 3
      converge 3
      echo $(($(size) - before > 1900))`);
    assert.deepEqual(lines, ["postgresql1: the file system on volume vol-0abc1 has grown to 3 GiB", "1"]);
  });

  it("with a file system of another kind is refused and stays as it is", () => {
    const { code, stdout, stderr } = onMachine(`attach disk 1
      mkswap -q "$device"
      sum() { head -c 1M "$device" | sha256sum; }
      before=$(sum)
      if converge 1; then exit 3; fi
      [[ $(sum) == "$before" ]] && echo unchanged
      if mountpoint -q "$DIR/data"; then echo mounted; fi`);
    assert.deepEqual([code, stdout.trim()], [0, "unchanged"], stderr);
    assert.match(stderr, /volume vol-0abc1 is not empty and holds no ext4 but swap\. Nothing was changed/);
  });

  it("is not mounted over data", () => {
    writeFileSync(join(folder, "disk"), "");
    const { code, stderr } = onMachine(`attach disk 1
      mkdir "$DIR/data/17/main"; touch "$DIR/data/17/main/PG_VERSION"
      converge 1`);
    assert.equal(code, 1);
    assert.match(stderr, /has data in it/);
  });
});
