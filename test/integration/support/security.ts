/** What must be refused, and where no secret may be seen, on a running cluster. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { nodesOf } from "../../../ops/cluster";
import type { Role } from "../../../settings/roles";
import type { Machines } from "../../../simulator/machines";
import { incus, run, type TestStack } from "../../../simulator/stack";

/** TCP ports each role's machines listen on, beyond the loopback interface. */
const listeners: Record<Role, number[]> = {
  etcd: [22, 2379, 2380],
  postgresql: [22, 5432, 8008],
  haproxy: [22, 5000, 5001, 6432, 6433, 7000, 8009],
};

/** Declares the tests. @param machines gives the cluster once it is up */
export function securityChecks(stack: TestStack, machines: () => Machines): void {
  describe("is closed to strangers", () => {
    let folder: string;
    let node: (role: Role) => { name: string; address: string };

    before(() => {
      folder = mkdtempSync(join(tmpdir(), "pgha-security-"));
      writeFileSync(join(folder, "ca.crt"), machines().cluster.outputs.caCertificate);
      makeForeignPair(folder);
      node = (role) => nodesOf(machines().cluster, role)[0]!;
    });
    after(() => rmSync(folder, { recursive: true, force: true }));

    const curl = (...args: string[]) =>
      run("curl", ["-sS", "--max-time", "5", "--cacert", join(folder, "ca.crt"), ...args]);
    const foreign = () => ["--cert", join(folder, "foreign.crt"), "--key", join(folder, "foreign.key")];

    it("etcd answers nothing without a certificate of the CA, to clients and peers", async () => {
      for (const port of [2379, 2380]) {
        const url = `https://${node("etcd").address}:${port}/version`;
        for (const certificate of [[], foreign()]) {
          const { code, stdout } = await curl(...certificate, url);
          assert.notEqual(code, 0, `${url} answered: ${stdout}`);
          assert.equal(stdout, "");
        }
      }
    });

    it("Patroni answers health checks to all, and changes nothing without a certificate of the CA", async () => {
      // From a proxy: others do not even connect.
      const base = `https://${node("postgresql").address}:8008`;
      const from = node("haproxy").name;
      const pair = ["crt", "key"].map((kind) => readFileSync(join(folder, `foreign.${kind}`), "utf8"));
      await machines().on(
        from,
        `cd /run && cat >foreign.crt <<'PEM'\n${pair[0]}\nPEM\ncat >foreign.key <<'PEM'\n${pair[1]}\nPEM\n`,
      );
      const ask = async (...args: string[]) => {
        const command = `cd /run && curl -sS --max-time 5 --cacert /etc/pgha/tls/ca.crt ${args.join(" ")}; echo " $?"`;
        const [, stdout, code] = /^(?:([^]*) )?(\d+)$/.exec(await machines().on(from, command))!;
        return { stdout: stdout ?? "", code: Number(code) };
      };
      assert.equal((await ask("-f", "-o", "/dev/null", `${base}/liveness`)).code, 0);
      const unsafe: [string, string][] = [
        ["POST", "/switchover"],
        ["POST", "/failover"],
        ["POST", "/restart"],
        ["POST", "/reload"],
        ["POST", "/reinitialize"],
        ["PATCH", "/config"],
        ["PUT", "/config"],
      ];
      for (const [method, path] of unsafe) {
        const request = ["-o", "/dev/null", "-w", "%{http_code}", "-X", method, "-d", "{}"];
        assert.equal((await ask(...request, base + path)).stdout, "403", `${method} ${path} without a certificate`);
        const foreignPair = ["--cert", "foreign.crt", "--key", "foreign.key"];
        assert.notEqual(
          (await ask(...request, ...foreignPair, base + path)).code,
          0,
          `${method} ${path} with a foreign one`,
        );
      }
      await machines().on(from, "rm /run/foreign.crt /run/foreign.key");
    });

    it("PostgreSQL and PgBouncer refuse plaintext, and servers of another CA are refused by clients", async () => {
      const { cluster } = machines();
      for (const door of ["writeUrl", "readUrl", "pooledUrl"] as const) {
        const url = new URL(cluster.outputs[door]);
        const login = {
          host: url.hostname,
          port: Number(url.port),
          user: url.username,
          password: url.password,
          database: url.pathname.slice(1),
        };
        const refused = async (ssl: false | { ca: string | Buffer }, reason: RegExp) => {
          const client = new Client({ ...login, ssl, connectionTimeoutMillis: 5000 });
          client.on("error", () => undefined);
          await assert.rejects(client.connect(), reason, `${door}: ${reason}`);
          await client.end().catch(() => undefined);
        };
        await refused(false, /no encryption|TLS required|SSL required|no pg_hba.conf entry/i);
        await refused({ ca: readFileSync(join(folder, "foreign.crt")) }, /self.signed|unable to (verify|get)/i);
      }
    });

    it("nobody is superuser from the network, and replication wants a database node's certificate", async () => {
      // From a proxy, with the proxy's own certificate: an address and a CA that PostgreSQL knows.
      const { name } = node("haproxy");
      const address = node("postgresql").address;
      const tls =
        "sslmode=verify-full sslrootcert=/etc/pgha/tls/ca.crt sslcert=/etc/pgha/tls/node.crt sslkey=/run/own.key";
      // libpq takes no key that a group may read.
      await machines().on(name, "install -o postgres -m 600 /etc/pgha/tls/node.key /run/own.key");
      const login = (user: string, more: string) =>
        machines().on(
          name,
          `runuser -u postgres -- psql -XAtqc 'SELECT 1' "host=${address} user=${user} ${more} ${tls}" 2>&1 || true`,
        );
      assert.match(await login("postgres", "dbname=postgres"), /pg_hba.conf rejects|no pg_hba.conf entry/);
      assert.match(await login("replicator", "dbname=postgres replication=true"), /no pg_hba.conf entry/);
      assert.match(await login("rewind_user", "dbname=postgres"), /no pg_hba.conf entry/);
      await machines().on(name, "rm /run/own.key");
    });

    it("machines listen where documented and nowhere else", async () => {
      for (const { name, role } of machines().cluster.nodes) {
        const lines = await machines().on(name, "ss -Htuln | awk '{print $1, $5}'");
        const open = lines
          .split("\n")
          .map((line) => /^(tcp|udp) (.*):(\d+)$/.exec(line.trim()))
          .filter((match) => match && !/^(127\.|\[::1\])/.test(match[2]!))
          .map((match) => (match![1] === "udp" ? `udp ${match![3]}` : Number(match![3])));
        assert.deepEqual([...new Set(open)].sort(), [...listeners[role]].sort(), `${name} listens`);
      }
    });

    it("root and passwords are refused by SSH", async () => {
      for (const { name } of machines().cluster.nodes) {
        const config = await machines().on(
          name,
          "sshd -T 2>/dev/null | grep -E '^(permitrootlogin|passwordauthentication|kbdinteractiveauthentication) '",
        );
        assert.deepEqual(config.split("\n").sort(), [
          "kbdinteractiveauthentication no",
          "passwordauthentication no",
          "permitrootlogin no",
        ]);
      }
    });

    it("no secret is in user data, arguments, environments, journals or a preview", async () => {
      const secrets = await allSecrets(stack);
      assert.ok(secrets.length > 20, `${secrets.length} secrets are looked for`);
      const clean = (where: string, text: string) => {
        for (const secret of secrets) {
          const at = text.indexOf(secret);
          assert.ok(at < 0, `a secret is in ${where}, behind: ${text.slice(Math.max(0, at - 200), at)}`);
        }
      };
      for (const { name } of machines().cluster.nodes) {
        clean(`user data of ${name}`, await incus("config", "show", `${stack.cluster}-${name}`));
        clean(
          `arguments on ${name}`,
          await machines().on(name, "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n'"),
        );
        clean(
          `environments on ${name}`,
          await machines().on(name, "cat /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'"),
        );
        clean(`journal of ${name}`, await machines().on(name, "journalctl --no-pager -o cat"));
        clean(
          `cloud-init of ${name}`,
          await machines().on(name, "cat /var/log/cloud-init*.log /var/lib/cloud/instance/user-data.txt"),
        );
      }
      stack.set({ pool: { size: 40 } });
      const preview = await stack.mustPulumi("preview", "--diff", "--non-interactive");
      stack.forget("pool");
      assert.match(preview, /pool_size = 40/, "the preview shows the change");
      clean("a preview", preview);
    });
  });
}

/** A CA and key pair that have nothing to do with the cluster's. */
function makeForeignPair(folder: string): void {
  const file = (name: string) => join(folder, name);
  const args = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1"];
  execFileSync(
    "openssl",
    [...args, "-subj", "/CN=postgresql1", "-keyout", file("foreign.key"), "-out", file("foreign.crt")],
    {
      stdio: "ignore",
    },
  );
}

/** Every secret in the stack's state: passwords, and a line from the middle of each private key. */
async function allSecrets(stack: TestStack): Promise<string[]> {
  const state = JSON.parse(await stack.mustPulumi("stack", "export", "--show-secrets")) as {
    deployment: { resources: { type: string; outputs?: Record<string, unknown> }[] };
  };
  const plain = (value: unknown): string => {
    const text = (value as { plaintext?: string } | undefined)?.plaintext;
    return text === undefined ? "" : String(JSON.parse(text));
  };
  return state.deployment.resources
    .flatMap(({ type, outputs = {} }) => {
      if (type === "random:index/randomPassword:RandomPassword") return [plain(outputs.result)];
      if (type !== "tls:index/privateKey:PrivateKey") return [];
      return (
        [outputs.privateKeyPem, outputs.privateKeyOpenssh, outputs.privateKeyPemPkcs8]
          .map(plain)
          .filter(Boolean)
          // A line of the key itself, the second where there is one: the first is alike in all keys of a kind.
          .map((key) => key.split("\n").filter((line) => line && !line.startsWith("-----")))
          .map((lines) => lines[1] ?? lines[0]!)
      );
    })
    .filter(Boolean);
}
