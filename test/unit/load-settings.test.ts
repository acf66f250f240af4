import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { stringify } from "yaml";
import { settingsFromConfig, settingsFromFile } from "../../components/load-settings";
import { SettingsError } from "../../components/faults";
import { asConfig, stackConfig } from "./support/config";

const root = join(__dirname, "../..");

/** Settings, or the message they are refused with. */
function outcome(load: () => unknown): unknown {
  try {
    return load();
  } catch (error) {
    if (error instanceof SettingsError) return error.message;
    throw error;
  }
}

describe("loading settings", () => {
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), "pgha-settings-"))));
  after(() => rmSync(folder, { recursive: true }));
  const write = (text: string) => writeFileSync(join(folder, "Pulumi.dev.yaml"), text);

  it("reads Pulumi.dev.yaml the same from the file and from Pulumi", () => {
    const fromFile = settingsFromFile(root, "dev");
    assert.deepEqual(fromFile, settingsFromConfig(stackConfig("dev"), "dev"));
    assert.equal(fromFile.driver, "incus");
  });

  it("reads any settings, good and bad, the same from the file and from Pulumi", () => {
    const value = fc.oneof(
      fc.integer({ min: -1, max: 400 }),
      fc.boolean(),
      fc.constantFrom(
        "fast",
        "quorum",
        "off",
        "session",
        "app",
        "10.9.0.0/24",
        "10.9.0.1/24",
        "1e1",
        "0",
        " ",
        "yes",
        "~",
      ),
    );
    const section = (...keys: string[]) => fc.dictionary(fc.constantFrom(...keys), value, { maxKeys: 3 });
    const raw = fc.record(
      {
        driver: fc.constantFrom("incus", "aws", "gcp"),
        name: fc.constantFrom("mine", "Mine", "x-1", "true", "null", "0x1"),
        clock: fc.oneof(fc.constantFrom("fast", "classic", "slow"), section("ttl", "loopWait", "preset", "tick")),
        nodes: fc.oneof(section("etcd", "postgresql", "haproxy"), fc.integer()),
        network: section("cidr"),
        pool: section("size", "mode"),
        postgresql: section("maxConnections", "strict", "synchronous"),
      },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(raw, (settings) => {
        const config = Object.fromEntries(Object.entries(settings).map(([key, setting]) => [`pgha:${key}`, setting]));
        write(stringify({ config: { ...config, "other:key": 1 } }));
        assert.deepEqual(
          outcome(() => settingsFromFile(folder, "dev")),
          outcome(() => settingsFromConfig(asConfig(config), "dev")),
        );
      }),
      { numRuns: 200 },
    );
  });

  for (const stack of ["staging", "prod"]) {
    it(`refuses ${stack} clearly: the aws driver is not here yet`, () => {
      const message = new RegExp(
        `^Pulumi.${stack}.yaml has 1 fault; nothing was changed:\n {2}pgha:driver .*aws.*write incus`,
      );
      assert.throws(() => settingsFromFile(root, stack), { name: "SettingsError", message });
      assert.throws(() => settingsFromConfig(stackConfig(stack), stack), { name: "SettingsError", message });
    });
  }

  it("says what to do when there is no such file", () => {
    assert.throws(() => settingsFromFile(folder, "nowhere"), /no Pulumi.nowhere.yaml. Copy Pulumi.dev.yaml/);
  });

  it("says what is wrong with a file that is no YAML", () => {
    write("config:\n\t- [");
    assert.throws(() => settingsFromFile(folder, "dev"), /^Error: Pulumi.dev.yaml is no YAML: .*line 2/);
  });

  it("names the driver when a file holds no settings at all", () => {
    for (const text of ["", "config:\n", "config:\n  other:key: 1\n"]) {
      write(text);
      assert.throws(() => settingsFromFile(folder, "dev"), /pgha:driver .*incus/, JSON.stringify(text));
    }
  });
});
