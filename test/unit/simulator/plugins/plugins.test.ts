import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { standInVersions } from "../../../../scripts/setup/versions";
import type { Engine } from "../../../../simulator/plugins/engine";
import type { Plugin } from "../../../../simulator/plugins/lib/plugin";
import { isSecret, isUnknown, UNKNOWN } from "../../../../simulator/plugins/lib/wire";
import { CA, Folder, PASSWORD, REMOTE, REQUEST, STRING, tool } from "../../../../simulator/plugins/tools";

describe("stand-in plugins", function () {
  this.timeout(15_000);
  const folder = new Folder();
  let command: Engine;
  let random: Engine;
  let tls: Engine;

  before(async () => {
    [command, random, tls] = await Promise.all([folder.start("command"), folder.start("random"), folder.start("tls")]);
  });

  after(async () => {
    await Promise.all([command.stop(), random.stop(), tls.stop()]);
    folder.remove();
  });

  it("say that they are of the versions that package.json pins", async () => {
    for (const [name, version] of Object.entries(standInVersions())) {
      const { plugin } = (await import(`../../../../simulator/plugins/${name}/index`)) as { plugin: Plugin };
      assert.deepEqual([plugin.name, plugin.version], [name, version]);
    }
  });

  for (const moment of ["while they start", "when they have started"]) {
    it(`end with an engine that is killed ${moment}`, async () => {
      // A shell in the engine's place says their process id; whoever holds its standard error lives.
      const script = '"$1" 127.0.0.1:9 & echo $! >&2; wait';
      const engine = spawn("sh", ["-c", script, "sh", join(folder.path, "pulumi-resource-tls")], {
        stdio: ["ignore", "pipe", "pipe"],
      });
      const [pid] = (await once(engine.stderr, "data")) as [Buffer];
      if (moment === "when they have started") await once(engine.stdout, "data");
      engine.kill("SIGKILL");
      engine.stdout.destroy();
      try {
        await once(engine.stderr.resume(), "end", { signal: AbortSignal.timeout(10_000) });
      } catch (error) {
        process.kill(Number(pid), "SIGKILL");
        throw error;
      }
    });
  }

  describe("any resource", () => {
    it("refuses an unknown type, an unknown input, a missing one and a wrong one", async () => {
      await assert.rejects(random.check("random:index/randomPet:RandomPet", {}), /no resource random:index\/randomPet/);
      assert.match((await random.check(PASSWORD, { length: 8, colour: "red" })).join(), /^colour: .*no input "colour"/);
      assert.match((await random.check(PASSWORD, {})).join(), /missing required input "length"/);
      assert.match((await random.check(PASSWORD, { length: "8" })).join(), /"length" must be a whole number/);
      assert.match(
        (await tls.check(REQUEST, { privateKeyPemWo: "x", privateKeyPem: "y" })).join(),
        /pass privateKeyPem/,
      );
      const nested = await command.check(REMOTE, { connection: { host: "h", hostkey: "x" } });
      assert.match(nested.join(), /no input "connection.hostkey"/);
      assert.doesNotMatch(nested.join(), /"x"/);
    });

    it("bears unknown values in check, diff and preview", async () => {
      const inputs = { create: UNKNOWN, connection: { host: UNKNOWN }, triggers: [UNKNOWN] };
      const preview = await command.create(REMOTE, inputs, { preview: true });
      assert.ok(isUnknown(preview.state.stdout));
      assert.ok(isSecret(preview.marked.connection) || typeof preview.marked.connection === "object");
      const key = await tls.create(
        CA,
        { privateKeyPem: UNKNOWN, validityPeriodHours: UNKNOWN, allowedUses: UNKNOWN },
        {
          preview: true,
        },
      );
      assert.ok(isUnknown(key.state.certPem));
      const made = await random.create(PASSWORD, { length: 8 });
      assert.deepEqual(await random.diff(PASSWORD, made, { length: UNKNOWN }), { length: "UPDATE_REPLACE" });
    });
  });

  describe("random", () => {
    it("honours lengths, classes and minimums, and keeps results secret", async () => {
      const inputs = { length: 20, special: false, lower: false, minNumeric: 15 };
      const made = await random.create(PASSWORD, inputs);
      assert.match(String(made.state.result), /^[A-Z0-9]{20}$/);
      assert.ok(String(made.state.result).replace(/\D/g, "").length >= 15);
      assert.ok(isSecret(made.marked.result) && isSecret(made.marked.bcryptHash));
      assert.equal(made.state.numeric, true);
      assert.notEqual((await random.create(PASSWORD, inputs)).state.result, made.state.result);
      const special = await random.create(STRING, {
        length: 4,
        overrideSpecial: "_",
        upper: false,
        lower: false,
        numeric: false,
      });
      assert.equal(special.state.result, "____");
      assert.equal(special.id, "____");
      assert.match((await random.check(PASSWORD, { length: 3, minLower: 4 })).join(), /at least the sum/);
    });

    it("makes a bcrypt hash that crypt(3) accepts", async () => {
      const made = await random.create(PASSWORD, { length: 16, special: false });
      const [result, hash] = [String(made.state.result), String(made.state.bcryptHash)];
      assert.equal(tool("perl", "-e", "print crypt($ARGV[0], $ARGV[1])", result, hash), hash);
    });

    it("replaces on a changed keeper or length, not on a default written out", async () => {
      const made = await random.create(PASSWORD, { length: 8, keepers: { v: "1" } });
      const changed = await random.diff(PASSWORD, made, { length: 8, keepers: { v: "2" } });
      assert.deepEqual(changed, { "keepers.v": "UPDATE_REPLACE" });
      assert.deepEqual(await random.diff(PASSWORD, made, { length: 9, keepers: { v: "1" } }), {
        length: "UPDATE_REPLACE",
      });
      assert.deepEqual(await random.diff(PASSWORD, made, { length: 8, keepers: { v: "1" }, special: true }), {});
    });

    it("makes ids and bytes whose forms agree", async () => {
      const { id, state } = await random.create("random:index/randomId:RandomId", { byteLength: 8, prefix: "p-" });
      const bytes = Buffer.from(id, "base64url");
      assert.equal(bytes.length, 8);
      assert.equal(state.hex, `p-${bytes.toString("hex")}`);
      assert.equal(state.dec, `p-${bytes.readBigUInt64BE()}`);
      const made = await random.create("random:index/randomBytes:RandomBytes", { length: 33 });
      assert.equal(Buffer.from(String(made.state.base64), "base64").toString("hex"), made.state.hex);
      assert.ok(isSecret(made.marked.hex));
    });
  });
});
