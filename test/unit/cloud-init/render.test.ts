import assert from "node:assert/strict";
import { parse } from "yaml";
import {
  dynamicConfiguration,
  hostBasedAuthentication,
  identMapLines,
} from "../../../cloud-init/services/patroni/files";
import { watchdogMargin, clocks } from "../../../settings/clocks";
import { pgbouncerSecrets } from "../../../cloud-init/services/pgbouncer/files";
import { clusterSql } from "../../../cloud-init/services/patroni/sql";
import { nodeFiles } from "../../../cloud-init/node-files";
import { allNodes, roleAddresses, type Node, type Plan } from "../../../settings/plan";
import { networksOf } from "../../../settings/cidr";
import { plan, planOnAws } from "../support/settings";

/** A rendered file of a node, by the end of its path. The golden files show the defaults; here is what settings change. */
function rendered(of: Plan, node: Node, name: string): string {
  const found = nodeFiles(of, node).filter(({ path }) => path.endsWith(name));
  assert.equal(found.length, 1, name);
  return found[0]!.content;
}

type Values = Record<string, unknown>;

/** Dynamic configuration under such settings, PostgreSQL's parameters apart. */
function dynamic(raw: Values): { top: Values; parameters: Values } {
  const { postgresql, ...top } = dynamicConfiguration(plan(raw));
  return { top, parameters: (postgresql as { parameters: Values }).parameters };
}

describe("rendered files", () => {
  it("take every layer's timings from the one clock", () => {
    for (const preset of ["classic", "fast"] as const) {
      const clock = clocks[preset];
      const made = plan({ clock: preset });
      const { top, parameters } = dynamic({ clock: preset });
      assert.deepEqual(
        [top.ttl, top.loop_wait, top.retry_timeout, top.primary_start_timeout, parameters.wal_sender_timeout],
        [clock.ttl, clock.loopWait, clock.retryTimeout, clock.primaryStartTimeout, `${clock.peerTimeout}ms`],
      );
      const haproxy = rendered(made, made.haproxy[0]!, "haproxy.cfg");
      const check = `inter ${clock.checkInterval}ms fastinter ${clock.checkFast}ms downinter ${clock.checkDown}ms fall ${clock.fall} rise ${clock.rise}`;
      assert.ok(haproxy.includes(check));
      assert.ok(haproxy.includes(`timeout connect ${clock.connectTimeout}ms`));
      const keepalive = Math.ceil(clock.peerTimeout / 2000);
      for (const side of ["clitcpka", "srvtcpka"]) assert.ok(haproxy.includes(`${side}-idle ${keepalive}s`), side);
      const pgbouncer = rendered(made, made.haproxy[0]!, "pgbouncer.ini");
      assert.match(pgbouncer, new RegExp(`^server_login_retry = ${clock.loginRetry}$`, "m"));
      for (const [role, unit] of [
        ["etcd", "etcd.service"],
        ["postgresql", "patroni.service"],
        ["haproxy", "pgbouncer.service"],
      ] as const) {
        assert.match(
          rendered(made, made[role][0]!, unit),
          new RegExp(`^RestartSec=${clock.restartDelay}ms$`, "m"),
          unit,
        );
      }
    }
  });

  it("end a silent session where the clock says so, else never while its ends live", () => {
    const config = (clock: unknown) => {
      const made = plan({ clock });
      return rendered(made, made.haproxy[0]!, "haproxy.cfg");
    };
    const limits = (text: string) =>
      [...text.matchAll(/^defaults$[^]*?timeout client (\S+)\n {2}timeout server (\S+)$/gm)].map(([, ...both]) => both);
    assert.deepEqual(limits(config("classic")), [["30s", "30s"]]);
    assert.deepEqual(limits(config("fast")), [["24d", "24d"]]);
    assert.deepEqual(limits(config({ idleTimeout: 7200 })), [["7200s", "7200s"]]);
    for (const clock of ["classic", "fast"]) assert.match(config(clock), /^ {2}option tcpka$/m);
  });

  it("end a session that idles in a transaction for 10 minutes, unless the settings say otherwise", () => {
    const limit = (parameters: Values) =>
      dynamic({ postgresql: { parameters } }).parameters.idle_in_transaction_session_timeout;
    assert.equal(limit({}), "10min");
    assert.equal(limit({ idle_in_transaction_session_timeout: 0 }), 0);
    assert.equal(limit({ idle_in_transaction_session_timeout: "1h" }), "1h");
  });

  it("let a commit wait for a standby unless the settings say off", () => {
    assert.equal(dynamic({}).top.synchronous_mode, "quorum");
    assert.equal(dynamic({}).top.synchronous_mode_strict, true);
    assert.equal(dynamic({ postgresql: { strict: false } }).top.synchronous_mode_strict, false);
    assert.equal(dynamic({ postgresql: { synchronous: "off" } }).top.synchronous_mode, false);
    assert.equal(dynamic({ postgresql: { synchronous: "off" } }).top.synchronous_mode_strict, false);
  });

  it("give parameters of the settings the last word", () => {
    const { parameters } = dynamic({
      postgresql: { parameters: { work_mem: "9MB", jit: false, max_wal_size: "1GB" } },
    });
    assert.deepEqual([parameters.work_mem, parameters.jit, parameters.max_wal_size], ["9MB", false, "1GB"]);
  });

  it("give every member the same bootstrap and dynamic configuration", () => {
    const made = plan({ nodes: { postgresql: 5 } });
    const configs = made.postgresql.map((node) => rendered(made, node, "patroni.yml"));
    const bootstrap = (text: string) =>
      (parse(text, { version: "1.1" }) as { bootstrap: { dcs: unknown } }).bootstrap.dcs;
    for (const [index, node] of made.postgresql.entries()) {
      const want = JSON.parse(rendered(made, node, "dynamic.json")) as unknown;
      assert.deepEqual(bootstrap(configs[index]!), want);
      assert.deepEqual(want, dynamicConfiguration(made));
    }
  });

  it("name every database node in HAProxy, its certificate checked against that name", () => {
    const made = plan({ nodes: { postgresql: 5 } });
    const text = rendered(made, made.haproxy[1]!, "haproxy.cfg");
    for (const { name, address } of made.postgresql) {
      const times = (line: string) => text.split("\n").filter((each) => each === line).length;
      for (const line of [
        `backend role_${name}`,
        `backend role_read_${name}`,
        `  server ${name} ${address}:5432 track leaders/${name}`,
      ])
        assert.equal(times(line), 1, line);
      // For the role and for reads.
      for (const line of [
        `  server patroni ${address}:8008 ssl verify required ca-file /etc/pgha/tls/ca.crt verifyhost ${name}`,
        `  server ${name} ${address}:5432 check`,
      ])
        assert.equal(times(line), 2, line);
    }
  });

  it("ask for who leads within the time of the check that asks", () => {
    for (const preset of ["classic", "fast"] as const) {
      const made = plan({ clock: preset });
      const text = rendered(made, made.haproxy[0]!, "haproxy.cfg");
      const relay = text.slice(text.indexOf("backend role_postgresql1"), text.indexOf("backend role_postgresql2"));
      const limit = (name: string, within: string) => Number(new RegExp(`timeout ${name} (\\d+)ms`).exec(within)![1]);
      assert.ok(limit("connect", relay) + limit("server", relay) < limit("check", text), preset);
    }
  });

  it("let new connections wait for a leader as long as the clock says, and PgBouncer longer than that", () => {
    const files = (hold: number) => {
      const made = plan({ clock: { preset: "fast", hold } });
      const proxy = made.haproxy[0]!;
      return {
        haproxy: rendered(made, proxy, "haproxy.cfg"),
        pgbouncer: rendered(made, proxy, "pgbouncer.ini"),
        programs: nodeFiles(made, proxy).filter(({ path }) => path.endsWith("/hold.lua")).length,
      };
    };
    const holding = files(30);
    assert.equal(
      holding.haproxy.match(/^ {2}tcp-request content lua\.hold 30$/gm)?.length,
      2,
      "at the door and behind it",
    );
    // Longer than the program waits: HAProxy calls it an error when a program has not ended by then.
    assert.equal(holding.haproxy.match(/^ {2}tcp-request inspect-delay 31s$/gm)?.length, 2);
    assert.match(holding.haproxy, /^ {2}server hold 127\.0\.0\.1:5009 backup$/m);
    assert.match(holding.pgbouncer, /^server_connect_timeout = 35$/m);
    assert.equal(holding.programs, 1);

    const refusing = files(0);
    assert.doesNotMatch(refusing.haproxy, /hold|lua\./);
    assert.match(refusing.haproxy, /^ {2}tcp-request content reject unless \{ var\(proc\.leader\) -m found \}$/m);
    assert.match(refusing.pgbouncer, /^server_connect_timeout = 1$/m);
    assert.equal(refusing.programs, 0);
  });

  it("open PostgreSQL to what may be the cluster's own machines only, by TLS, and to no superuser", () => {
    const made = plan();
    const lines = hostBasedAuthentication(made);
    const proxies = roleAddresses(made.settings, "haproxy").flatMap(networksOf);
    const addresses = new Set([...made.postgresql.map(({ address }) => `${address}/32`), ...proxies]);
    const open = lines
      .filter((line) => !line.startsWith("local") && !line.endsWith("reject"))
      .map((line) => line.split(" "));
    for (const [type, , , address] of open) {
      assert.equal(type, "hostssl");
      assert.ok(addresses.has(address!), address);
    }
    assert.ok(lines.indexOf("host all postgres all reject") < lines.findIndex((line) => line.startsWith("hostssl")));
    assert.ok(!lines.some((line) => /\b(trust|md5|password)\b/.test(line)));
  });

  it("say the same of any number of proxies: one that is to go still has clients when PostgreSQL hears of it", () => {
    const nodes = (haproxy: number) => plan({ nodes: { etcd: 3, postgresql: 3, haproxy } });
    assert.deepEqual(hostBasedAuthentication(nodes(1)), hostBasedAuthentication(nodes(2)));
    assert.deepEqual(identMapLines(nodes(1)), identMapLines(nodes(2)));
  });

  it("let no certificate log in as postgres", () => {
    for (const line of identMapLines(plan()))
      assert.match(
        line,
        /^pgha (postgres (replicator|app_owner)|postgresql\d (replicator|rewind_user)|haproxy\d pgbouncer)$/,
      );
    assert.ok(!identMapLines(plan()).some((line) => /haproxy\d (replicator|rewind_user)/.test(line)));
  });

  it("name the database and roles of the settings, and no others", () => {
    const database = { name: "shop", owner: "shop_owner", user: "shop_web" };
    const made = plan({ database });
    const sql = clusterSql(made, { owner: "one", user: "two", roles: {} }).content;
    for (const text of [
      sql,
      hostBasedAuthentication(made).join("\n"),
      rendered(made, made.haproxy[0]!, "pgbouncer.ini"),
    ]) {
      assert.ok(text.includes("shop"));
      assert.doesNotMatch(text, /\bapp(_owner)?\b/);
    }
    assert.match(sql, /ALTER ROLE shop_owner LOGIN NOSUPERUSER .* PASSWORD 'one';/);
    assert.match(sql, /ALTER ROLE shop_web LOGIN NOSUPERUSER .* PASSWORD 'two';/);
  });

  it("clear a pooled connection after each transaction, unless the settings say otherwise", () => {
    const always = (settings: Parameters<typeof plan>[0]) => {
      const made = plan(settings);
      return /^server_reset_query_always = (.*)$/m.exec(rendered(made, made.haproxy[0]!, "pgbouncer.ini"))![1];
    };
    assert.equal(always({}), "1");
    assert.equal(always({ pool: { resetAlways: false } }), "0");
  });

  it("let into PgBouncer by the network who may come into PostgreSQL by a proxy, and nobody else", () => {
    const database = { name: "shop", owner: "shop_owner", user: "shop_web", createDatabases: false };
    const made = plan({ database });
    const lines = rendered(made, made.haproxy[0]!, "pgbouncer/hba.conf")
      .split("\n")
      .filter((line) => /^[a-z]/.test(line));
    assert.deepEqual(lines, [
      "local pgbouncer pgbouncer peer",
      "local pgbouncer pgha-gate peer",
      "hostssl shop shop_owner,shop_web all scram-sha-256",
    ]);
    // An empty password is one that a client may send.
    assert.match(pgbouncerSecrets("secret").content, /^"pgbouncer" "secret"\n"pgha-gate" "SCRAM-SHA-256[^"]+"\n$/);
  });

  it("have sound paths, owners and modes, and each path once on a node", () => {
    const made = plan();
    for (const node of allNodes(made)) {
      const files = nodeFiles(made, node);
      assert.equal(new Set(files.map(({ path }) => path)).size, files.length);
      for (const { path, owner, mode } of files) {
        assert.match(owner, /^root:(root|etcd|postgres)$/);
        if (path.startsWith("/usr/local/lib/pgha/")) assert.match(`${owner} ${mode}`, /^root:root 0(755|644)$/, path);
        else assert.match(`${path} ${mode}`, /^\/etc\/[a-z0-9._/-]+ 06[04][04]$/);
      }
    }
  });

  it("give Patroni a watchdog of its own kernel's on AWS, and none in a container", () => {
    const watchdog = (of: Plan) => (parse(rendered(of, of.postgresql[0]!, "patroni.yml")) as Values).watchdog;
    assert.deepEqual(watchdog(planOnAws()), { mode: "automatic", device: "/dev/watchdog", safety_margin: 5 });
    assert.deepEqual(watchdog(plan()), { mode: "off" });
  });

  it("have a watchdog that waits longer than Patroni may take for a round", () => {
    for (const preset of ["classic", "fast"] as const) {
      const { ttl, loopWait, retryTimeout } = clocks[preset];
      assert.ok(ttl - watchdogMargin > loopWait + retryTimeout, preset);
    }
  });

  it("let Patroni wait for its volume on AWS", () => {
    const unit = (of: Plan) => rendered(of, of.postgresql[0]!, "patroni.service");
    assert.match(unit(planOnAws()), /^RequiresMountsFor=\/var\/lib\/postgresql$/m);
    assert.doesNotMatch(unit(plan()), /RequiresMountsFor/);
  });

  it("answer a load balancer on AWS, and nobody else", () => {
    const config = (of: Plan) => rendered(of, of.haproxy[0]!, "haproxy.cfg");
    const health = config(planOnAws());
    assert.match(health, /^frontend health_door\n {2}no log\n {2}bind :8010$/m);
    for (const path of ["write", "read", "pooled"])
      assert.match(health, new RegExp(`http-request return status 200 if { path /${path} } led reached`));
    assert.match(health, /^ {2}server pgbouncer 127\.0\.0\.1:6432 check$/m);
    assert.doesNotMatch(config(plan()), /8010|pooler/);
  });

  it("hold no path, address or name of another cluster's network", () => {
    const made = plan({ network: { cidr: "192.168.77.0/24" }, name: "other" });
    for (const node of allNodes(made)) {
      for (const { path, content } of nodeFiles(made, node))
        assert.doesNotMatch(content, /10\.88\.|pgha-dev/, `${node.name} ${path}`);
    }
  });
});
