import assert from "node:assert/strict";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { stringify } from "yaml";
import { settingsFromConfig, settingsFromFile } from "../../../settings/load";
import { SettingsError } from "../../../settings/faults";
import { asConfig, stackConfig } from "../support/config";

const root = join(__dirname, "../../..");

/** Settings, or the message they are refused with. */
function outcome(load: () => unknown): unknown {
  try {
    return load();
  } catch (error) {
    if (error instanceof SettingsError) return error.message;
    throw error;
  }
}

/** Runs `check` with these variables set, or unset. */
function withEnvironment(variables: Record<string, string | undefined>, check: () => void): void {
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
  const set = (name: string, value: string | undefined) => {
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
  };
  for (const [name, value] of Object.entries(variables)) set(name, value);
  try {
    check();
  } finally {
    for (const [name, value] of before) set(name, value);
  }
}

describe("loading settings", () => {
  let folder: string;
  before(() => (folder = mkdtempSync(join(tmpdir(), "pgha-settings-"))));
  after(() => rmSync(folder, { recursive: true }));
  const write = (text: string) => writeFileSync(join(folder, "Pulumi.dev.yaml"), text);

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

  for (const stack of ["dev", "staging", "prod"]) {
    it(`reads the committed Pulumi.${stack}.yaml, the same from the file and from Pulumi`, () => {
      const fromFile = settingsFromFile(root, stack);
      assert.deepEqual(fromFile, settingsFromConfig(stackConfig(stack), stack));
      assert.equal(fromFile.driver, stack === "dev" ? "incus" : "aws");
    });
  }

  it("takes the region from Pulumi's configuration, else from the environment", () => {
    const config = stackConfig("staging");
    const without = Object.fromEntries(Object.entries(config).filter(([key]) => key !== "aws:region"));
    const region = (from: Record<string, string>) => settingsFromConfig(from, "staging").aws!.region;
    withEnvironment({ AWS_REGION: undefined, AWS_DEFAULT_REGION: undefined }, () => {
      assert.equal(region(config), "us-east-1");
      assert.throws(() => region(without), /\n {2}aws:region is missing; write aws:region: us-east-1 /);
    });
    withEnvironment({ AWS_REGION: undefined, AWS_DEFAULT_REGION: "us-east-1" }, () => {
      assert.equal(region(without), "us-east-1");
    });
    withEnvironment({ AWS_REGION: "eu-west-1", AWS_DEFAULT_REGION: "us-east-1" }, () => {
      assert.equal(region(config), "us-east-1");
      assert.throws(() => region(without), /aws.zones names us-east-1a, which is not in region eu-west-1/);
    });
  });

  it("passes over the bastion's key, plain as the program has it and encrypted as the file has it", () => {
    const config = { ...stackConfig("dev"), "pgha:bastionKey": "-----BEGIN OPENSSH PRIVATE KEY-----" };
    assert.deepEqual(settingsFromConfig(config, "dev"), settingsFromConfig(stackConfig("dev"), "dev"));
    write(stringify({ config: { "pgha:driver": "incus", "pgha:bastionKey": { secure: "v1:abc:def" } } }));
    assert.deepEqual(settingsFromFile(folder, "dev"), settingsFromConfig(stackConfig("dev"), "dev"));
  });

  it("refuses a setting that is encrypted in the file", () => {
    write(stringify({ config: { "pgha:driver": "incus", "pgha:nodes": { secure: "v1:abc:def" } } }));
    assert.throws(() => settingsFromFile(folder, "dev"), /pgha:nodes is encrypted, but only bastionKey is a secret/);
  });

  it("says what to do when there is no such file", () => {
    assert.throws(() => settingsFromFile(folder, "nowhere"), /no Pulumi.nowhere.yaml. Copy Pulumi.dev.yaml/);
  });

  it("says what is wrong with a file that is not YAML", () => {
    write("config:\n\t- [");
    assert.throws(() => settingsFromFile(folder, "dev"), /^Error: Pulumi.dev.yaml is not YAML: .*line 2/);
  });

  it("names the driver when a file holds no settings at all", () => {
    for (const text of ["", "config:\n", "config:\n  other:key: 1\n"]) {
      write(text);
      assert.throws(() => settingsFromFile(folder, "dev"), /pgha:driver .*incus/, JSON.stringify(text));
    }
  });
});
