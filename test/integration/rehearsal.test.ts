/** The smallest rehearsal of AWS: two database nodes and one proxy, refused half-way, changed, protected, destroyed. */
import assert from "node:assert/strict";
import { images } from "../../simulator/cloud/moto";
import { endpointPorts } from "../../settings/aws/flows";
import { smallest } from "../../scripts/rehearsal/life";
import { hasKey, kmsKey } from "../../scripts/rehearsal/lives/networks";
import { Rehearsal } from "../../scripts/rehearsal/rehearsal";
import { cidr } from "../../scripts/rehearsal/settings";

describe("a stack on AWS, rehearsed", function () {
  this.timeout(300_000);
  this.bail(true);
  let rehearsal: Rehearsal;

  before(async () => {
    rehearsal = await Rehearsal.begin("staging", ({ aws }) => ({
      settings: { nodes: smallest, aws: { ...(aws as object), kmsKey } },
    }));
  });
  after(() => rehearsal?.end());

  it("is not begun with settings that AWS could not follow: all faults in one message, nothing made", async () => {
    const { stack, cloud } = rehearsal;
    const [aws, machines] = [stack.setting<object>("aws"), stack.setting<object>("machines")];
    stack.set({
      aws: { ...aws, image: images[2]!.ami_id },
      machines: {
        ...machines,
        etcd: { type: "t3.nano", cpus: 4, memory: 512 },
        haproxy: { type: "t3.nano", cpus: 2, memory: 512, disk: 4 },
      },
    });
    const { code, stdout, stderr } = await stack.pulumi("preview", "--non-interactive");
    stack.set({ aws, machines });
    assert.notEqual(code, 0);
    const faults = [
      "aws.image is ami-",
      "for arm64",
      "machines.etcd.cpus",
      "write 2",
      "machines.haproxy.disk",
      "write 8",
    ];
    for (const part of faults) {
      assert.ok((stdout + stderr).includes(part), `names ${part} in ${stdout}${stderr}`);
    }
    assert.deepEqual(await cloud.leftovers(), []);
  });

  it("is finished by a second up when AWS refuses a machine half-way through the first", async () => {
    const reason = "You have requested more vCPU capacity than your current vCPU limit of 5 allows";
    rehearsal.cloud.refuseOnce("ec2:RunInstances", "VcpuLimitExceeded", reason);
    const said = await rehearsal.stack.failedUp({});
    assert.ok(said.includes(reason), `says what AWS said: ${said}`);
    await rehearsal.up();
    await rehearsal.isWhole();
    await hasKey(rehearsal);
  });

  it("has nothing left to change", () => rehearsal.staysAsItIs());

  it("changes just what its settings are about: disks grow in place, and no machine is recreated for another image", async () => {
    const aws = rehearsal.stack.setting<{ volume: { size: number } }>("aws");
    const volume = { ...aws.volume, size: aws.volume.size + 1 };
    const changed = { ...aws, image: images[1]!.ami_id, volume, clients: [cidr, "10.95.0.0/22"] };
    const pool = { ...rehearsal.stack.setting<object>("pool"), size: 40 };
    // The machines are told too: the filesystem grows after its disk.
    const nodes = ["haproxy1", "postgresql1", "postgresql2"];
    const volumes = ["update postgresql1-volume", "update postgresql2-volume"];
    const rules = ["endpoint", "haproxy"].flatMap((group) =>
      Object.values(endpointPorts).map((port) => `create pgha-aws-firewall-${group}-from-10.95.0.0-22-${port}`),
    );
    await rehearsal.changes({ pool, aws: changed }, nodes, [...volumes, ...rules]);
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
