import assert from "node:assert/strict";
import * as pulumi from "@pulumi/pulumi";
import * as random from "@pulumi/random";
import { stackConfig } from "../support/config";
import { resource } from "../support/goldens";
import { waitsFor } from "../support/graph";
import { placeholder } from "../support/placeholders";
import { runIndex, runProgram, secretMark, unknownMark, type Registered, type Run } from "../support/program";

const config = stackConfig("dev");
const withNodes = (nodes: Record<string, number>) => ({ ...config, "pgha:nodes": JSON.stringify(nodes) });
const isStack = ({ type }: Registered) => type === "pulumi:pulumi:Stack";

describe("resources of dev", () => {
  let run: Run;
  let all: Registered[];
  before(async () => {
    run = await runIndex(config);
    all = [...run.resources.values()];
  });

  it("all have a parent but the stack", () => {
    assert.deepEqual(
      all.filter(({ parent }) => parent === "").map(({ type }) => type),
      ["pulumi:pulumi:Stack"],
    );
    for (const { name, parent } of all.filter((one) => !isStack(one))) assert.ok(run.resources.has(parent), name);
    const top = all.filter(({ parent }) => parent !== "" && isStack(run.resources.get(parent)!));
    assert.deepEqual(
      top.map(({ name }) => name),
      ["pgha-identity", "pgha"],
      "one component holds everything but what comes before it",
    );
  });

  it("all wait for the identity, so that its refusal comes before any change", () => {
    const others = all.filter((one) => one.name !== "pgha-identity" && !isStack(one));
    const identity = resource(run, "pgha-identity");
    assert.deepEqual(
      others.filter((one) => !waitsFor(run, one, identity)).map(({ name }) => name),
      [],
    );
    assert.deepEqual(identity.dependencies, []);
  });

  it("of this project are of types pgha:index:X", () => {
    const components = all.filter(({ custom, type }) => !custom && type !== "pulumi:pulumi:Stack");
    const types = [...new Set(components.map(({ type }) => type))].sort();
    assert.deepEqual(
      types,
      ["Etcd", "Machine", "Passwords", "Patroni", "Pki", "PostgresCluster", "Proxy"].map(
        (name) => `pgha:index:${name}`,
      ),
    );
    for (const { name, outputs } of components)
      assert.ok(Object.keys(outputs ?? {}).length > 0, `${name} registers outputs`);
  });

  it("keep their URNs when a role grows: nothing that exists changes its name or parent", async () => {
    for (const [role, count, names] of [
      ["postgresql", 5, "[45]"],
      ["etcd", 5, "[45]"],
      ["haproxy", 3, "3"],
    ] as const) {
      const grown = await runIndex(withNodes({ [role]: count }));
      for (const [urn, { parent }] of run.resources) assert.equal(grown.resources.get(urn)?.parent, parent, urn);
      const added = [...grown.resources.values()].filter(({ urn }) => !run.resources.has(urn));
      assert.ok(added.length > 0);
      for (const { name } of added) assert.match(name, new RegExp(`\\b${role}${names}\\b`));
    }
  });

  it("of an existing node keep what replaces a machine or a certificate when a role grows", async () => {
    const grown = await runIndex(withNodes({ postgresql: 5 }));
    for (const { urn, type, inputs } of all) {
      if (!/^command:|:NodeState$/.test(type)) assert.deepEqual(grown.resources.get(urn)!.inputs, inputs, urn);
    }
  });

  it("are all declared in a preview of a new stack, when nothing is known yet: none is made inside an apply", async () => {
    const preview = await runIndex(config, { preview: true });
    assert.deepEqual([...preview.resources.keys()].sort(), [...run.resources.keys()].sort());
    // The preview is a true one: what a provider makes up is not known in it.
    const unknown = [...preview.resources.values()].filter((one) => JSON.stringify(one.inputs).includes(unknownMark));
    assert.ok(unknown.length > 0);
  });

  it("show a node's configuration in a preview, before anything exists", async () => {
    const preview = await runIndex(config, { preview: true });
    for (const name of ["etcd1", "postgresql1", "haproxy1"]) {
      for (const input of ["script", "files"])
        assert.deepEqual(
          resource(preview, `${name}-state`).inputs[input],
          resource(run, `${name}-state`).inputs[input],
        );
    }
  });

  it("do not dial a machine to take it down: commands have no delete and go with their machine", () => {
    const commands = all.filter(({ type }) => type === "command:remote:Command");
    assert.equal(commands.length, 8);
    for (const { name, inputs, deletedWith } of commands) {
      assert.equal(inputs.delete, undefined, name);
      assert.equal(run.resources.get(deletedWith)?.name, name.replace("-converge", "-instance"));
    }
  });

  it("converge every database node after all of etcd, and not after one another", () => {
    const needs = (name: string) => resource(run, name).dependencies.map((urn) => run.resources.get(urn)!.name);
    for (const etcd of ["etcd1-converge", "etcd2-converge", "etcd3-converge"]) {
      assert.ok(needs("postgresql1-converge").includes(etcd), etcd);
    }
    assert.ok(!needs("postgresql2-converge").includes("postgresql1-converge"), "database nodes are made at once");
  });
});

describe("secrets of dev", () => {
  let run: Run;
  before(async () => (run = await runIndex(config)));

  it("are secret in every input and output that holds one", () => {
    for (const { name, inputs, outputs } of run.resources.values()) {
      for (const [key, value] of Object.entries({ ...inputs, ...outputs })) {
        assert.ok(!placeholder.isIn(JSON.stringify(value)), `${name}: ${key} shows a secret`);
      }
    }
  });

  it("are where they must be", () => {
    const secrets = (name: string) => {
      const { inputs } = resource(run, name);
      return Object.keys(inputs).filter((key) => inputs[key] === secretMark);
    };
    for (const node of ["etcd1", "postgresql3", "haproxy2"]) {
      assert.deepEqual(secrets(`${node}-converge`).sort(), ["connection", "stdin"]);
      const { privateKey, publicKey } = resource(run, `${node}-instance`).inputs.hostKey as Record<string, string>;
      assert.equal(privateKey, secretMark);
      assert.match(publicKey!, /^ssh-ed25519 /, "the public half stays readable");
      assert.deepEqual(secrets(`pgha-pki-${node}-request`), ["privateKeyPem"]);
      assert.deepEqual(secrets(`pgha-pki-${node}-cert`), ["caPrivateKeyPem"]);
    }
  });

  it("are secret among the stack's outputs; what is not a secret stays readable", () => {
    const { outputs } = [...run.resources.values()].find(isStack)!;
    const secret = Object.keys(outputs!).filter((key) => outputs![key] === secretMark);
    assert.deepEqual(secret.sort(), [
      "dsn",
      "ownerUrl",
      "pooledReadDsn",
      "pooledReadUrl",
      "pooledUrl",
      "readDsn",
      "readUrl",
      "ssh",
      "statsPassword",
      "writeUrl",
    ]);
    const readable = Object.keys(outputs!).filter((key) => outputs![key] !== secretMark);
    assert.deepEqual(readable.sort(), ["caCertificate", "cluster", "readme", "statsUrls"]);
  });
});

describe("the strict mocks", () => {
  it("refuse a resource that is not expected", async () => {
    await assert.rejects(
      runProgram(() => void new random.RandomPet("x"), {}),
      /unmocked resource random:index\/randomPet/,
    );
  });

  it("refuse a call of a provider's function", async () => {
    const call = async () => await pulumi.runtime.invoke("aws:ec2/getAmi:getAmi", {});
    await assert.rejects(runProgram(call, {}), /unmocked call of aws:ec2/);
  });

  it("notice what fails in an apply that nobody waits for", async () => {
    const program = () => {
      pulumi.output(1).apply(() => {
        throw new Error("nobody waits for this");
      });
    };
    await assert.rejects(runProgram(program, {}), /nobody waits for this/);
  });
});

describe("a stack with faults in its settings", () => {
  it("declares nothing", async () => {
    const refused = runIndex({ ...config, "pgha:nodes": '{"etcd": 4}', "pgha:colour": "red" });
    await assert.rejects(refused, (error: Error) => {
      assert.ok(pulumi.RunError.isInstance(error), "a message, not a stack trace");
      assert.match(error.message, /^Pulumi.dev.yaml has 2 faults; nothing was changed:/);
      return true;
    });
  });
});
