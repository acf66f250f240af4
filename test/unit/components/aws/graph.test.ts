import assert from "node:assert/strict";
import { stackConfig } from "../../support/config";
import { resource } from "../../support/goldens";
import { waitsFor } from "../../support/graph";
import { placeholder } from "../../support/placeholders";
import { runIndex, secretMark, type Run } from "../../support/program";

const stack = "staging";
const committed = stackConfig(stack);
/** The committed configuration with what is given in place of single keys of `pgha:aws`. */
const withAws = (section: Record<string, unknown>) => ({
  ...committed,
  "pgha:aws": JSON.stringify({ ...(JSON.parse(committed["pgha:aws"]!) as object), ...section }),
});
/** A DNS zone beside what is committed, so that there is a name to look for. */
const config = withAws({ dns: "pgha.internal" });

describe("staging", () => {
  let staging: Run;
  before(async () => (staging = await runIndex(config, { stack })));

  describe("its resources", () => {
    const all = () => [...staging.resources.values()];

    it("all wait for the identity, so that its refusal comes before any change", () => {
      const others = all().filter(({ name, type }) => name !== "pgha-identity" && type !== "pulumi:pulumi:Stack");
      const identity = resource(staging, "pgha-identity");
      assert.deepEqual(
        others.filter((one) => !waitsFor(staging, one, identity)).map(({ name }) => name),
        [],
      );
    });

    it("converge each node once its machine exists, and go with it", () => {
      const commands = all().filter(({ type }) => type === "command:remote:Command");
      assert.equal(commands.length, 8);
      for (const { name, inputs, deletedWith } of commands) {
        assert.equal(inputs.delete, undefined, name);
        const machine = staging.resources.get(deletedWith)!;
        assert.equal(machine.type, "aws:ec2/instance:Instance", name);
        assert.equal(machine.name, name.replace("-converge", "-instance"));
        const own = `id-of-${machine.name}`;
        // The survivors of a lost majority have a say in what becomes of it, so each etcd node also goes by the others' machines; and
        // Patroni takes up an etcd that is all new.
        const others = !name.startsWith("haproxy") ? [1, 2, 3].map((n) => `id-of-etcd${n}-instance`) : [];
        const all = [own, ...others.filter((id) => id !== own)];
        assert.deepEqual(inputs.triggers, all, "a recreated machine is converged again");
      }
    });

    it("converge a database node only with its data volume attached", () => {
      for (const node of ["postgresql1", "postgresql2", "postgresql3"]) {
        const needs = resource(staging, `${node}-converge`).dependencies.map((urn) => staging.resources.get(urn)!);
        const attached = needs.filter(({ type }) => type === "aws:ec2/volumeAttachment:VolumeAttachment");
        assert.deepEqual(
          attached.map(({ name }) => name),
          [`${node}-attachment`],
        );
      }
    });

    it("are all declared in a preview of a new stack: none is made inside an apply", async () => {
      const preview = await runIndex(config, { stack, preview: true });
      assert.deepEqual([...preview.resources.keys()].sort(), [...staging.resources.keys()].sort());
    });

    it("of an existing node keep their URNs and what replaces them when a role grows", async () => {
      const grown = await runIndex({ ...config, "pgha:nodes": JSON.stringify({ postgresql: 5 }) }, { stack });
      for (const { urn, type, inputs } of all()) {
        const later = grown.resources.get(urn);
        assert.ok(later, urn);
        if (!/^(command:|pgha:|pulumi:)|:NodeState$/.test(type)) assert.deepEqual(later.inputs, inputs, urn);
      }
    });

    it("show no secret", () => {
      for (const { name, inputs, outputs } of all()) {
        for (const [key, value] of Object.entries({ ...inputs, ...outputs })) {
          assert.ok(!placeholder.isIn(JSON.stringify(value)), `${name}: ${key} shows a secret`);
        }
      }
      for (const node of ["etcd1", "postgresql3", "haproxy2"]) {
        const { connection, stdin } = resource(staging, `${node}-converge`).inputs;
        assert.deepEqual([connection, stdin], [secretMark, secretMark], node);
      }
    });

    it("make certificates that hold for what clients ask for", () => {
      const request = (node: string) => resource(staging, `pgha-pki-${node}-request`).inputs;
      assert.deepEqual(request("haproxy1").dnsNames, ["haproxy1", "localhost", "db.pgha.internal"]);
      assert.deepEqual(request("haproxy1").ipAddresses, ["10.100.0.22", "127.0.0.1"]);
      // The proxies pass TLS through to the database nodes.
      assert.deepEqual(request("postgresql2").dnsNames, ["postgresql2", "localhost", "db.pgha.internal"]);
      assert.deepEqual(request("postgresql2").ipAddresses, ["10.100.1.12", "127.0.0.1", "10.100.0.22", "10.100.1.22"]);
      // Nobody asks etcd by another name than its own.
      assert.deepEqual(request("etcd1").dnsNames, ["etcd1"]);
      assert.deepEqual(request("etcd1").ipAddresses, ["10.100.0.4"]);
    });

    it("make a certificate for each purpose, a proxy's for showing to servers by an authority of its own", () => {
      const signed = (name: string) => resource(staging, `pgha-pki-${name}`).inputs;
      const ca = (name: string) => (signed(name).caCertPem as string) ?? "";
      for (const node of ["etcd1", "postgresql1", "haproxy1"]) {
        assert.deepEqual(signed(`${node}-cert`).allowedUses, ["digital_signature", "client_auth"]);
        assert.deepEqual(signed(`${node}-server-cert`).allowedUses, ["digital_signature", "server_auth"]);
        assert.equal(ca(`${node}-server-cert`), ca("etcd1-cert"));
      }
      assert.equal(ca("postgresql1-cert"), ca("etcd1-cert"));
      assert.notEqual(ca("haproxy1-cert"), ca("etcd1-cert"));
    });
  });

  describe("its outputs", () => {
    it("lead clients to the endpoint, and those that know several hosts to the proxies", () => {
      const { outputs } = staging;
      const url = (output: string) => String(outputs[output]).replace(/:[^:@]*@/, ":***@");
      assert.equal(
        url("writeUrl"),
        "postgresql://app:***@db.pgha.internal:5000/app?sslmode=verify-full&sslrootcert=.pgha/ca/pgha-staging.crt",
      );
      assert.equal(
        url("readUrl"),
        "postgresql://app:***@db.pgha.internal:5001/app?sslmode=verify-full&sslrootcert=.pgha/ca/pgha-staging.crt",
      );
      assert.equal(
        url("pooledUrl"),
        "postgresql://app:***@db.pgha.internal:6432/app?sslmode=verify-full&sslrootcert=.pgha/ca/pgha-staging.crt",
      );
      assert.equal(
        url("pooledReadUrl"),
        "postgresql://app:***@db.pgha.internal:6433/app?sslmode=verify-full&sslrootcert=.pgha/ca/pgha-staging.crt",
      );
      assert.equal(
        url("ownerUrl"),
        "postgresql://app_owner:***@db.pgha.internal:5000/app?sslmode=verify-full&sslrootcert=.pgha/ca/pgha-staging.crt",
      );
      assert.equal(
        url("dsn"),
        "postgresql://app:***@10.100.0.22:6432,10.100.1.22:6432/app?sslmode=verify-full&sslrootcert=.pgha/ca/pgha-staging.crt&target_session_attrs=read-write&connect_timeout=2",
      );
      assert.equal(
        url("readDsn"),
        "postgresql://app:***@10.100.0.22:5001,10.100.1.22:5001/app?sslmode=verify-full&sslrootcert=.pgha/ca/pgha-staging.crt&target_session_attrs=any&connect_timeout=2",
      );
      assert.deepEqual(outputs.statsUrls, ["https://10.100.0.22:7000/", "https://10.100.1.22:7000/"]);
      assert.deepEqual(outputs.endpoint, {
        host: "db.pgha.internal",
        ports: { write: 5000, read: 5001, pooled: 6432, pooledRead: 6433 },
      });
    });

    it("tell operators where each machine is and how to get there", () => {
      const { outputs } = staging;
      const cluster = outputs.cluster as { nodes: Record<string, unknown>[]; bastion: Record<string, unknown> };
      const { files, hostKey, instance, ...node } = cluster.nodes.find(({ name }) => name === "postgresql2")!;
      assert.deepEqual(node, { name: "postgresql2", role: "postgresql", address: "10.100.1.12", zone: "us-east-1b" });
      assert.match(String(instance), /^id-of-.*postgresql2/);
      assert.match(String(hostKey), /^ssh-ed25519 /);
      assert.ok(Object.keys(files as object).length > 0);
      const { hostKey: bastionKey, host, ...bastion } = cluster.bastion;
      assert.deepEqual(bastion, { port: 22, user: "pgha" });
      assert.match(String(bastionKey), /^ssh-ed25519 \S+$/);
      assert.notEqual(host, undefined);
      assert.deepEqual(Object.keys(outputs.ssh as object), ["user", "privateKey"]);
    });

    it("hold the key of an existing bastion only where it has one of its own", async () => {
      const bastion = { host: "bastion.example.com", user: "ops", hostKey: "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB" };
      const existing = withAws({ bastion });
      const { outputs, resources } = await runIndex(
        { ...existing, "pgha:bastionKey": placeholder.for("bastion") },
        { stack },
      );
      assert.deepEqual((outputs.cluster as { bastion: unknown }).bastion, { ...bastion, port: 22 });
      assert.equal((outputs.ssh as { bastionKey?: string }).bastionKey, `${placeholder.for("bastion")}\n`);
      for (const { name, inputs } of resources.values()) assert.ok(!placeholder.isIn(JSON.stringify(inputs)), name);
      assert.ok(
        ![...resources.values()].some(({ name }) => name === "pgha-pki-bastion-ssh"),
        "no host key is made for it",
      );
    });
  });
});
