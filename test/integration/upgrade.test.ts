/** A cluster made by the release before, taken over by one `up` of this one while clients write through the pooled port. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { imageAlias } from "../../components/incus/image";
import { checkoutRoot } from "../../ops/env";
import { machinesOf } from "../../simulator/machines";
import { incus, run, TestStack } from "../../simulator/stack";
import { stealKeys } from "./support/stolen-keys";
import { thoroughIt } from "./support/thorough";
import { underLoad } from "./support/under-load";
import { complaints, validation } from "../../simulator/validation";

/** The last commit of the release before. */
const release = "d22661b7c8d4a83567f68e75b1dc780175133613";

const ports = { write: 19500, read: 19501, stats: 19700, pooled: 19632 };
const stack = new TestStack("test-upgrade", {
  driver: "incus",
  name: "pgha-upgrade",
  network: { cidr: "10.96.0.0/24" },
  ports,
});

const git = (...args: string[]) => spawnSync("git", args, { cwd: checkoutRoot, encoding: "utf8" });

describe("a cluster of the release before", function () {
  // Three updates under load are one test.
  this.timeout(600_000);
  this.bail(true);
  let old: string | undefined;

  before(async function () {
    // A shallow clone has no history to take it from.
    if (git("cat-file", "-e", `${release}^{commit}`).status !== 0) return;
    old = join(mkdtempSync(join(checkoutRoot, ".pgha", "test", "release-")), "checkout");
    const { status, stderr } = git("worktree", "add", "--detach", old, release);
    assert.equal(status, 0, stderr);
    symlinkSync(join(checkoutRoot, "node_modules"), join(old, "node_modules"));
    await makeImage(old);
    await stack.init();
  });

  after(async () => {
    if (!old) return;
    await stack.remove();
    git("worktree", "remove", "--force", old);
    rmSync(join(old, ".."), { recursive: true, force: true });
  });

  it("comes up", async function () {
    if (!old) this.skip();
    await stack.upFrom(old);
  });

  it("gets this release by one up: no transaction on the pooled port fails, nothing is lost", async function () {
    if (!old) this.skip();
    stack.set({ ports: { ...ports, pooledRead: 19732 } }); // which the one before does not know
    const said = await underLoad(stack, () => stack.up(), { checkout: old });
    assert.doesNotMatch(said, /Instance.*(replace|delete)/);
  });

  it("is whole, and has nothing left to do", async function () {
    if (!old) this.skip();
    assert.equal(complaints(await validation(stack)), "");
    for (const name of (await stack.leftovers()).filter((name) => name !== stack.cluster)) {
      for (const key of ["security.ipv4_filtering", "security.mac_filtering"])
        assert.equal(await incus("config", "device", "get", name, "eth0", key), "true", `${name}: ${key}`);
    }
    await stack.up("--refresh", "--expect-no-changes");
  });

  thoroughIt(
    "ends what stolen keys open by another authority, in three ups, with no failed transaction",
    async function () {
      if (!old) this.skip();
      const machines = await machinesOf(stack.name);
      const tryThem = await stealKeys(machines, stack.folder);
      await tryThem(machines, "of use");
      const steps = [
        { alsoTrust: [2] }, // is trusted everywhere before it signs
        { authority: 2, alsoTrust: [1] },
        { authority: 2 },
      ];
      for (const certificates of steps) {
        stack.set({ certificates });
        await underLoad(stack, () => stack.up());
      }
      await tryThem(await machinesOf(stack.name), "worthless");
      assert.equal(complaints(await validation(stack)), "");
      await stack.up("--refresh", "--expect-no-changes");
    },
  );
});

/**
 * Makes the machine image of another checkout, unless it exists. Set-up then takes away images that nothing was made from: a
 * machine that is never started keeps the one of this checkout.
 */
async function makeImage(checkout: string): Promise<void> {
  const keeper = `${stack.cluster}-keeps-image`;
  await incus("create", "--quiet", "--no-profiles", "--storage", "pgha", imageAlias(), keeper);
  try {
    const make =
      'const { machineImage: image } = require("./scripts/setup/machine-image");' +
      "image.check().then((there) => there || image.apply())";
    const made = await run("node", ["--require", "tsx/cjs", "-e", make], { cwd: checkout });
    assert.equal(made.code, 0, made.stdout + made.stderr);
  } finally {
    await incus("delete", "--force", keeper);
  }
}
