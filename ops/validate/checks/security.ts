import { unitsOf } from "../../../cloud-init/services";
import { onePooler } from "../../ask";
import { messageOf } from "../../errors";
import { getStatus } from "../../status";
import { cluster, etcdNodes, forEach, none, reached } from "../context";
import { clientConfig, open, proxies, type Use } from "./sql";

/** How PostgreSQL (no line in pg_hba.conf) and PgBouncer turn a client in plaintext away. */
const refusal = /no encryption|SSL off|SSL required|requires? (SSL|TLS)|TLS required/i;

describe("security", () => {
  it("PostgreSQL and PgBouncer refuse plaintext", async () => {
    const asked = { write: 0, pooled: 0 };
    await forEach(proxies(), async (proxy) => {
      for (const use of ["write", "pooled"] satisfies Use[]) {
        const error = await open(clientConfig({ who: "app", use, proxy }, { encrypted: false })).then(
          (client) => client.end().then(() => "let in"),
          messageOf,
        );
        if (error === "let in") throw new Error(`the ${use} port takes clients in plaintext`);
        // A port that does not answer is not this check's affair.
        if (refusal.test(error)) asked[use]++;
      }
    });
    none(
      Object.entries(asked).flatMap(([use, count]) => (count === 0 ? [`no ${use} port refused: none answered`] : [])),
    );
  });

  it("etcd answers nothing without a client certificate", async () => {
    let refused = 0;
    await forEach(etcdNodes(), async ({ name, address }) => {
      const get = `curl -s --max-time 2 --cacert /etc/pgha/tls/ca.crt https://${address}:2379/version; echo " $?"`;
      const { stdout } = await reached().runner.run(name, get, { timeout: 5000 });
      if (/etcdserver/.test(stdout)) throw new Error("answers a client without a certificate");
      // 56: the server broke the handshake off (TLS 1.3), 35: the same in TLS 1.2.
      if (/ (56|35)\s*$/.test(stdout)) refused++;
    });
    if (refused === 0) throw new Error("no member could be asked");
  });
});

describe("machines", () => {
  it("no certificate is near its end", async () => {
    const { certificates } = await getStatus(reached());
    if (certificates.length === 0) throw new Error("no certificate could be read");
    none(certificates.filter(({ ending }) => ending).map(({ node, days }) => `${node}: ${days} days left`));
  });

  it("the daemons start at boot, and none hangs while starting", async () => {
    let asked = 0;
    await forEach(cluster().nodes, async ({ name, role }) => {
      const names = unitsOf(role, cluster().facts.clock, cluster().facts.poolers ?? onePooler).join(" ");
      const script = `systemctl is-enabled ${names}; systemctl show -P ActiveState ${names} | grep . | sort -u`;
      const { stdout, unreachable } = await reached().runner.run(name, script, { timeout: 5000 });
      if (unreachable) return;
      asked++;
      if (!/^(enabled\n)+(?!enabled)/.test(stdout) || /disabled|masked|not-found/.test(stdout))
        throw new Error(`not all of ${names} start at boot`);
      // A stopped one is not this check's affair.
      if (stdout.includes("activating"))
        throw new Error(`${names}: hangs while starting, so the machine never finishes booting`);
    });
    if (asked === 0) throw new Error("no node can be asked");
  });

  it("the clocks agree within a second", async () => {
    const times = await Promise.all(
      cluster().nodes.map(async ({ name }) => {
        const sent = Date.now();
        const { stdout, code } = await reached().runner.run(name, "date +%s%3N", { timeout: 5000 });
        // The node's clock was read at some moment in between.
        return code === 0 ? [{ name, early: sent - Number(stdout), late: Number(stdout) - Date.now() }] : [];
      }),
    );
    if (times.flat().length === 0) throw new Error("no clock could be read");
    none(
      times
        .flat()
        .flatMap(({ name, early, late }) =>
          Math.max(early, late) > 1000 ? [`${name} is off by ${Math.max(early, late)} ms`] : [],
        ),
    );
  });
});
