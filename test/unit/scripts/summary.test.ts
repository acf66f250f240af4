import assert from "node:assert/strict";
import { convergeCommand, convergeInput } from "../../../cloud-init/converge";
import { nodeFiles } from "../../../cloud-init/node-files";
import type { Node, Plan } from "../../../settings/plan";
import { readPreview } from "../../../scripts/summary/events";
import { changedPaths, convergeOf } from "../../../scripts/summary/files";
import { commentLimit, fenced, fit, tableCell } from "../../../scripts/summary/fit";
import { goldenMarkdown } from "../../../scripts/summary/golden";
import { lineDiff } from "../../../scripts/summary/lines";
import { summaryMarkdown } from "../../../scripts/summary/markdown";
import { nodeOf, nodeSummaries } from "../../../scripts/summary/nodes";
import { masked, redacted } from "../../../scripts/summary/secrets";
import { secretFiles } from "../support/nodes";
import { placeholder } from "../support/placeholders";
import { plan } from "../support/settings";

type Inputs = Record<string, unknown>;

// As the engine writes a secret into its event log.
const secret = { "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", ciphertext: "[secret]" };

/** A line of the engine's event log (Pulumi 3.250). */
function step(op: string, type: string, name: string, before?: Inputs, after?: Inputs, more: object = {}): string {
  const urn = `urn:pulumi:dev::pgha::pgha:index:PostgresCluster$${type}::${name}`;
  const state = (inputs?: Inputs) => (inputs ? { type, urn, custom: true, inputs, outputs: {} } : null);
  const metadata = { op, urn, type, old: state(before), new: state(after), detailedDiff: null, ...more };
  return JSON.stringify({ sequence: 1, timestamp: 1, resourcePreEvent: { metadata, planning: true } });
}
const summaryEvent = (result = "succeeded") => JSON.stringify({ summaryEvent: { result, resourceChanges: {} } });
const diagnostic = (severity: string, message: string) =>
  JSON.stringify({ diagnosticEvent: { severity, prefix: `${severity}: `, message, color: "never" } });
const previewOf = (...lines: string[]) => readPreview([...lines, summaryEvent()].join("\n"));
const markdownOf = (...lines: string[]) => summaryMarkdown("staging", previewOf(...lines), "printed");

const command = "command:remote:Command";
const convergeInputs = (of: Plan, node: Node): Inputs => ({
  connection: secret,
  create: convergeCommand(of, node, nodeFiles(of, node)),
  stdin: secret,
  triggers: ["incarnation"],
});
/** The update of a node's converge command by a change of settings. */
function converges(name: string, before: Plan, after: Plan, more: object = {}): string {
  const node = (of: Plan) => [...of.etcd, ...of.postgresql, ...of.haproxy].find((one) => one.name === name)!;
  const inputs = (of: Plan) => convergeInputs(of, node(of));
  return step("update", command, `${name}-converge`, inputs(before), inputs(after), more);
}
/** The row of the table of nodes that begins with this name. */
const rowOf = (markdown: string, name: string) =>
  markdown.split("\n").find((line) => line.startsWith(`| ${name} |`)) ?? "no row";

const instance = "aws:ec2/instance:Instance";
const volume = "aws:ebs/volume:Volume";

describe("summary of a preview", () => {
  it("names nothing when nothing changes", () => {
    const markdown = markdownOf(step("same", command, "etcd1-converge", {}, {}));
    assert.match(markdown, /^### staging: no changes \(1 resources stay as they are\)\n/);
  });

  it("tells per node what a changed parameter restarts, and in which order", () => {
    const [before, after] = [plan(), plan({ postgresql: { maxConnections: 300 } })];
    const markdown = markdownOf(...["postgresql1", "postgresql2"].map((name) => converges(name, before, after)));
    assert.match(markdown, /^### staging: 2 nodes restarted\n/);
    const row = rowOf(markdown, "postgresql2");
    assert.match(row, /\*\*restarted\*\* \| `\/etc\/patroni\/dynamic.json`<br>`\/etc\/patroni\/patroni.yml`/);
    assert.match(
      row,
      /PostgreSQL restarts \(max_connections.*\): replicas one by one, then the leader after a switchover/,
    );
    assert.match(markdown, /^- +"max_connections": 200,\n\+ +"max_connections": 300,$/m);
    assert.match(markdown, /@@ \/etc\/patroni\/dynamic.json \(postgresql1, postgresql2\)/, "one diff for both");
  });

  it("says that the leader goes first when a parameter is lowered", () => {
    const [before, after] = [plan({ postgresql: { maxConnections: 300 } }), plan()];
    const row = rowOf(markdownOf(converges("postgresql1", before, after)), "postgresql1");
    assert.match(row, /the leader first and in place, then the replicas/);
  });

  it("tells a reload from a restart", () => {
    const [before, after] = [plan(), plan({ haproxy: { maxReplicaLag: 64 } })];
    const row = rowOf(markdownOf(converges("haproxy1", before, after)), "haproxy1");
    assert.match(
      row,
      /\| reloaded \| `\/etc\/haproxy\/haproxy.cfg` \| HAProxy reloads, one proxy at a time; sessions go on in the old worker until they end \|$/,
    );
  });

  it("tells of a secret that it differs and no more", () => {
    const markdown = markdownOf(converges("haproxy1", plan(), plan(), { diffs: ["stdin"] }));
    const row = rowOf(markdown, "haproxy1");
    assert.match(row, /\| reloaded \| +\| a secret differs \(key pair or password\), for which HAProxy reloads, .*/);
  });

  describe("with what was found on a node", () => {
    const state = (node: string, differences: string[], diffs: string[]) =>
      step(
        "update",
        "pulumi-nodejs:dynamic/pgha:NodeState",
        `${node}-state`,
        { differences: [] },
        { differences },
        { diffs: ["differences", ...diffs] },
      );
    const again = (node: string) => converges(node, plan(), plan(), { diffs: ["stdin"] });

    it("tells of it, and what the node's services do about it", () => {
      const found = ["/etc/etcd/etcd.yml has been changed", "pgha-witness does not run (failed)"];
      const row = rowOf(markdownOf(state("etcd2", found, []), again("etcd2")), "etcd2");
      assert.match(row, /\| \*\*restarted\*\* \| `\/etc\/etcd\/etcd.yml` \| etcd restarts, one member at a time/);
      for (const line of found) assert.ok(row.includes(`found: ${line}`), row);
      assert.doesNotMatch(row, /secret|NodeState/);
    });

    it("does not take every change of settings for one of secrets", () => {
      const [before, after] = [plan(), plan({ haproxy: { maxReplicaLag: 64 } })];
      const change = converges("haproxy1", before, after, { diffs: ["create", "stdin"] });
      const row = (...diffs: string[]) =>
        rowOf(markdownOf(state("haproxy1", ["is not at these settings"], diffs), change), "haproxy1");
      assert.match(
        row("command"),
        /\| HAProxy reloads, one proxy at a time; sessions go on in the old worker until they end \|$/,
      );
      assert.match(
        row("command", "secrets"),
        /HAProxy reloads, one proxy at a time; sessions go on in the old worker until they end<br>a secret differs/,
      );
    });
  });

  it("tells of a service that is switched off", () => {
    const [before, after] = [plan({ clock: "witnessed" }), plan()];
    const row = rowOf(markdownOf(converges("etcd1", before, after)), "etcd1");
    assert.match(row, /the witness is switched off/);
    assert.doesNotMatch(row, /etcd restarts/);
  });

  it("tells of a step that runs and touches no service", () => {
    const [before, after] = [plan(), plan({ nodes: { etcd: 3, postgresql: 3, haproxy: 1 } })];
    const row = rowOf(markdownOf(converges("etcd1", before, after, { diffs: ["connection"] })), "etcd1");
    assert.match(row, /\| changed \| +\| the converge step runs; no service is touched \|$/);
  });

  it("names nodes that are made, replaced and destroyed, in their order", () => {
    const machine = { instanceType: "m7i.large", availabilityZone: "us-east-1b" };
    const markdown = markdownOf(
      step("delete", instance, "haproxy2-instance", machine),
      step("create", instance, "postgresql10-instance", undefined, machine),
      step("create-replacement", instance, "postgresql2-instance", machine, machine, { keys: ["subnetId"] }),
      step("replace", instance, "postgresql2-instance", machine, machine, { keys: ["subnetId"] }),
      step("delete-replaced", instance, "postgresql2-instance", machine),
    );
    assert.match(markdown, /^### staging: 1 node destroyed, 1 node replaced, 1 node created\n/);
    const names = markdown.match(/^\| (?!node)\w+/gm);
    assert.deepEqual(names, ["| postgresql2", "| postgresql10", "| haproxy2"]);
    assert.match(rowOf(markdown, "postgresql2"), /\*\*replaced\*\*.*\(subnetId\): m7i.large in us-east-1b \|$/);
  });

  it("knows which changes stop a machine", () => {
    const [before, after] = [{ instanceType: "m7i.large" }, { instanceType: "m7i.xlarge" }];
    const row = rowOf(markdownOf(step("update", instance, "etcd1-instance", before, after)), "etcd1");
    assert.match(row, /\*\*restarted\*\*.*stopped and started.*instanceType m7i.large → m7i.xlarge/);
  });

  it("lists what belongs to no node, with what differs", () => {
    const rule = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule";
    const [before, after] = [{ cidrIpv4: "10.0.0.0/16" }, { cidrIpv4: "10.0.0.0/8" }];
    const markdown = markdownOf(step("update", rule, "pgha-aws-firewall-clients", before, after));
    assert.match(markdown, /^### staging: 1 other resource\n/);
    const row =
      "| SecurityGroupIngressRule `pgha-aws-firewall-clients` | changed | cidrIpv4 10.0.0.0/16 → 10.0.0.0/8 |";
    assert.ok(markdown.includes(row), markdown);
  });

  it("does not count what only groups resources", () => {
    const lines = [
      step("create", "pgha:index:Machine", "etcd1", undefined, {}),
      step("update", "pulumi:providers:aws", "default", {}, {}),
    ];
    assert.deepEqual(previewOf(...lines).steps, []);
  });

  it("says what stops a preview: the program's errors, and policies", () => {
    const policy = (enforcementLevel: string, policyName: string) =>
      JSON.stringify({
        policyEvent: {
          resourceUrn: "urn:pulumi:a::b::c::etcd1-instance",
          message: "no IMDSv2",
          policyName,
          enforcementLevel,
        },
      });
    const log = [
      diagnostic("error", "Pulumi.staging.yaml has 1 fault"),
      diagnostic("debug", "not for readers"),
      policy("mandatory", "imds"),
      policy("advisory", "tags"),
      summaryEvent("failed"),
    ].join("\n");
    const preview = readPreview(log);
    const markdown = summaryMarkdown("staging", preview, "");
    assert.equal(preview.ok, false);
    assert.match(
      markdown,
      /^### staging: the preview FAILED\n\n\*\*Errors\*\*\n\n```\nPulumi.staging.yaml has 1 fault\npolicy imds \(etcd1-instance\): no IMDSv2\n```/,
    );
    assert.match(markdown, /Warnings\n\n```\npolicy tags/);
    assert.doesNotMatch(markdown, /not for readers/);
  });

  it("puts Pulumi's own signs where GitHub colours them", () => {
    const markdown = summaryMarkdown("dev", previewOf(), "    + tls:index:PrivateKey: (create)\n      - work_mem\n");
    assert.match(markdown, /\n\+ {4} tls:index:PrivateKey: \(create\)\n- {6} work_mem\n/);
  });
});

describe("warnings of a summary", () => {
  const warningsOf = (...lines: string[]) => markdownOf(...lines).match(/^> \*\*.*$/gm) ?? [];
  const size = { size: 100, availabilityZone: "us-east-1a" };

  it("are loud about data volumes that are replaced or destroyed", () => {
    const markdown = markdownOf(
      step("replace", volume, "postgresql1-volume", size, size, { keys: ["kmsKeyId"] }),
      step("delete", volume, "postgresql2-volume", size),
    );
    assert.match(
      markdown,
      /^> \[!CAUTION\]\n> \*\*Data volume `postgresql1-volume` is replaced\*\* \(kmsKeyId\). Its data is lost.$/m,
    );
    assert.match(markdown, /^> \*\*Data volume `postgresql2-volume` is destroyed\*\*. Its data is lost.$/m);
    assert.ok(markdown.indexOf("CAUTION") < markdown.indexOf("| node |"), "before anything else");
  });

  it("say when a volume stays in the account", () => {
    const line = JSON.parse(step("delete", volume, "postgresql2-volume", size)) as {
      resourcePreEvent: { metadata: { old: { retainOnDelete?: boolean } } };
    };
    line.resourcePreEvent.metadata.old.retainOnDelete = true;
    assert.match(warningsOf(JSON.stringify(line))[0]!, /The old volume stays in the account/);
  });

  it("know that on Incus the data goes with the machine", () => {
    const incus = "pulumi-nodejs:dynamic/incus:Instance";
    assert.deepEqual(warningsOf(step("delete", incus, "postgresql3-instance", {})), [
      "> **The disk of postgresql3 with its data is destroyed.**",
    ]);
    assert.deepEqual(warningsOf(step("delete", incus, "haproxy2-instance", {})), []);
  });

  it("name nodes of a role that go at once, with the way to do it", () => {
    const replaced = (name: string) => step("replace", instance, `${name}-instance`, {}, {}, { keys: ["subnetId"] });
    const markdown = markdownOf(replaced("etcd1"), replaced("etcd2"));
    assert.match(markdown, /^> .*2 nodes of etcd at once.*\n> ```\n> npm run up -- --stack staging .*\n> ```$/m);
    assert.doesNotMatch(markdownOf(replaced("etcd1"), replaced("haproxy1")), /at once/);
  });

  it("name secrets and endpoints that clients must follow", () => {
    const found = warningsOf(
      step("replace", "random:index/randomPassword:RandomPassword", "pgha-passwords-app", {}, {}),
      step("replace", "tls:index/selfSignedCert:SelfSignedCert", "pgha-pki-ca", {}, {}),
      step("replace", "aws:lb/loadBalancer:LoadBalancer", "pgha-aws-endpoint-balancer", {}, {}),
    ).join("\n");
    assert.match(found, /Password `pgha-passwords-app` becomes another one/);
    assert.match(found, /certificate authority becomes another one/);
    assert.match(found, /endpoint is interrupted/);
  });

  it("are silent about growth and about what is made", () => {
    assert.deepEqual(
      warningsOf(
        step("update", volume, "postgresql1-volume", size, { ...size, size: 200 }),
        step("create", volume, "postgresql2-volume", undefined, size),
      ),
      [],
    );
  });
});

describe("a summary holds no secret", () => {
  const mark = placeholder.for("app");
  const key = `-----BEGIN PRIVATE KEY-----\n${mark}\n-----END PRIVATE KEY-----\n`;

  it("even where Pulumi took one for none", () => {
    const node = plan().haproxy[0]!;
    const open = (of: string): Inputs => ({
      ...convergeInputs(plan(), node),
      stdin: convergeInput(secretFiles(plan(), node), "sum", "found") + of,
      connection: { host: "10.0.0.1", privateKey: key + of },
    });
    const markdown = summaryMarkdown(
      "dev",
      previewOf(
        step("update", command, "haproxy1-converge", open("1"), open("2")),
        step("update", "aws:ssm/parameter:Parameter", "haproxy1-host-key", { value: mark }, { value: `${mark}2` }),
        step(
          "update",
          "x:y:Z",
          "note",
          { text: key, url: `postgresql://app:${mark}@h/d` },
          { text: `${key}2`, url: "none" },
        ),
        step("create", "tls:index/certRequest:CertRequest", "pgha-pki-ca-request", undefined, { privateKeyPem: key }),
        diagnostic("error", `could not connect to postgresql://app:${mark}@10.0.0.1/app with ${key}`),
        diagnostic("debug", mark),
      ),
      `printed: ${key} and postgresql://app:${mark}@10.0.0.1/app`,
    );
    assert.ok(!placeholder.isIn(markdown), markdown);
    assert.match(markdown, /stdin|a secret differs/, "but that one differs is told");
  });

  it("masks by name, by type and by what a value looks like", () => {
    const inputs = { password: "a", nested: { ownerPassword: "b", host: "h" }, list: [{ token: "c" }], plain: "d" };
    assert.deepEqual(masked("x:y:Z", inputs), {
      password: "[secret]",
      nested: { ownerPassword: "[secret]", host: "h" },
      list: [{ token: "[secret]" }],
      plain: "d",
    });
    assert.equal(redacted("x SCRAM-SHA-256$4096:salt$stored:server' y"), "x [secret]' y");
    assert.equal(redacted(`cut ${key.slice(0, 40)}`), "cut [secret]");
  });
});

describe("files of a converge command", () => {
  const node = plan().postgresql[0]!;

  it("are those it was made of", () => {
    const files = nodeFiles(plan(), node);
    const read = convergeOf(convergeCommand(plan(), node, files)).files;
    assert.deepEqual([...read.keys()].sort(), files.map(({ path }) => path).sort());
    for (const { path, content, owner, mode } of files) assert.equal(read.get(path), `${content}# ${owner} ${mode}\n`);
  });

  it("differ by content, owner or mode", () => {
    const file = { path: "/etc/a", owner: "root:root", mode: "0644", content: "a\n" };
    const command = (more: object) => convergeOf(convergeCommand(plan(), node, [{ ...file, ...more }]));
    for (const more of [{ content: "b\n" }, { mode: "0600" }, { owner: "root:adm" }]) {
      assert.deepEqual(changedPaths(command({}), command(more)), ["/etc/a"]);
    }
    assert.deepEqual(changedPaths(command({}), command({})), []);
    assert.equal(command({}).script, command({ content: "b\n" }).script);
  });
});

describe("nodes", () => {
  it("are found in the names of their resources", () => {
    const names = ["etcd1", "etcd1-instance", "pgha-pki-postgresql12-cert", "pgha-aws-endpoint-write-haproxy2"];
    assert.deepEqual(
      names.map((name) => nodeOf(name)?.name),
      ["etcd1", "etcd1", "postgresql12", "haproxy2"],
    );
    for (const name of ["pgha-etcd", "pgha-aws-network-nat", "bastion-instance", "myetcd1x"])
      assert.equal(nodeOf(name), undefined);
  });

  it("are told what happens to their volumes and certificates too", () => {
    const [summary] = nodeSummaries(
      previewOf(step("update", volume, "postgresql1-volume", { size: 100 }, { size: 200 })).steps,
    );
    assert.deepEqual(summary?.effects, ["Volume `postgresql1-volume` changes: size 100 → 200"]);
    assert.equal(summary?.fate, "changed");
  });
});

describe("Markdown for GitHub", () => {
  it("never exceeds what a comment may have, whatever comes, and says what it left out", () => {
    const lines = Array.from({ length: 20_000 }, (_, index) => `+ line ${index} ✓ \`\`\`\`\``);
    const text = fit("### head\n", [
      { title: "first", lines: lines.slice(0, 10) },
      { title: "second", lines },
      { title: "third", lines },
    ]);
    assert.ok(Buffer.byteLength(text) <= commentLimit, `${Buffer.byteLength(text)}`);
    assert.ok(Buffer.byteLength(text) > commentLimit * 0.95, "the room is used");
    assert.match(text, /<summary>first<\/summary>[^]*line 9[^]*<summary>second<\/summary>[^]*Cut here: \d+ lines more/);
    assert.equal(text.match(/<details>/g)?.length, text.match(/<\/details>/g)?.length);
    assert.ok(commentLimit < 65_536);
  });

  it("cuts a head that is too long alone", () => {
    const text = fit(`${"row\n".repeat(40_000)}`, [{ title: "more", lines: ["x"] }]);
    assert.ok(Buffer.byteLength(text) <= commentLimit);
    assert.match(text, /Cut here/);
  });

  it("shows text as text", () => {
    assert.equal(tableCell("a|b\nc"), "a\\|b c");
    assert.equal(fenced("````\n@everyone"), "`````\n````\n@everyone\n`````");
  });

  it("of golden files counts them and shows whatever a fork wrote as text", () => {
    const diff = "diff --git a/test/golden/x b/test/golden/x\n+ ```\n+ </details> # @everyone\n";
    const markdown = goldenMarkdown(diff);
    assert.match(markdown, /^### Golden files: 1 differs\n/);
    assert.ok(markdown.includes("````diff\ndiff --git"), markdown);
    assert.match(goldenMarkdown("\n"), /no changes/);
  });

  it("of a difference shows the lines around it", () => {
    const text = "a\nb\nc\nd\ne\nf\ng\nh\ni";
    assert.deepEqual(lineDiff(text, text.replace("e", "E")), ["  ...", "  c", "  d", "- e", "+ E", "  f", "  g"]);
    assert.deepEqual(lineDiff(text, text), []);
  });
});
