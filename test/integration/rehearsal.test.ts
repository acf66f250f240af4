/** The smallest rehearsal of AWS: two database nodes and one proxy, refused half-way, changed, protected, destroyed. */
import assert from "node:assert/strict";
import { Rehearsal } from "./support/rehearsal";

const volume = { size: 4, iops: 3000, throughput: 125 };

describe("a stack on AWS, rehearsed", function () {
  this.timeout(300_000);
  this.bail(true);
  let rehearsal: Rehearsal;

  before(async () => {
    rehearsal = await Rehearsal.begin("staging", { nodes: { etcd: 3, postgresql: 2, haproxy: 1 } });
  });
  after(() => rehearsal?.end());

  it("is not begun with settings that AWS could not follow: all faults in one message, nothing made", async () => {
    const { stack, cloud } = rehearsal;
    const [aws, machines] = [stack.setting<object>("aws"), stack.setting<object>("machines")];
    stack.set({
      aws: { ...aws, image: "ami-0123456789abcdef0" },
      machines: { ...machines, etcd: { type: "t3.nano", cpus: 4, memory: 512 } },
    });
    const { code, stdout, stderr } = await stack.pulumi("preview", "--non-interactive");
    stack.set({ aws, machines });
    assert.notEqual(code, 0);
    for (const part of ["pgha:aws.image", "pgha image", "pgha:machines.etcd.cpus", "write 2"]) {
      assert.ok((stdout + stderr).includes(part), `names ${part} in ${stdout}${stderr}`);
    }
    assert.deepEqual(await cloud.leftovers(), []);
  });

  it("is finished by a second up when AWS refuses a machine half-way through the first", async () => {
    const reason = "You have requested more vCPU capacity than your current vCPU limit of 5 allows";
    rehearsal.cloud.refuseOnce("ec2:RunInstances", "VcpuLimitExceeded", reason);
    const { code, stdout, stderr } = await rehearsal.stack.pulumi("up", "--yes", "--skip-preview", "--non-interactive");
    assert.notEqual(code, 0);
    assert.ok((stdout + stderr).includes(reason), "says what AWS said");
    await rehearsal.up();
    await rehearsal.isWhole();
  });

  it("has nothing left to change", () => rehearsal.staysAsItIs());

  it("changes just what a setting is about", async () => {
    await rehearsal.changes({ pool: { size: 40 } }, ["update haproxy1-converge"]);
  });

  it("keeps its machines when the image or the user data would be others", async () => {
    const aws = rehearsal.stack.setting<object>("aws");
    await rehearsal.changes({ aws: { ...aws, image: "ami-0d13000000000a64e" } }, []);
    rehearsal.stack.set({ aws });
  });

  it("grows its volumes in place", async () => {
    const aws = rehearsal.stack.setting<object>("aws");
    // The machines are told too: the filesystem grows after its disk.
    await rehearsal.changes({ aws: { ...aws, volume: { ...volume, size: 5 } } }, [
      "update postgresql1-converge",
      "update postgresql1-volume",
      "update postgresql2-converge",
      "update postgresql2-volume",
    ]);
  });

  it("refuses to be destroyed while it is protected", async () => {
    const aws = rehearsal.stack.setting<object>("aws");
    rehearsal.stack.set({ aws: { ...aws, protect: true } });
    await rehearsal.up();
    await rehearsal.refusesToBeDestroyed();
    rehearsal.stack.set({ aws });
    await rehearsal.up();
  });

  it("leaves nothing behind when it is destroyed", () => rehearsal.leavesNothing());
});
