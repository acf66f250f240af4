import assert from "node:assert/strict";
import { clocks } from "../../../settings/clocks";
import { faultsOf, refusal, settings } from "../support/settings";

/** What is written, the key that must be named, and what its message must say. */
type Case = [what: string, raw: Record<string, unknown>, key: string, says: RegExp];

const unknownKeys: Case[] = [
  ["at the top", { colour: 1 }, "colour", /is not a setting; known here: name, driver, clock, nodes/],
  ["of nodes", { nodes: { mongodb: 1 } }, "nodes.mongodb", /known here: etcd, postgresql, haproxy$/],
  ["of machines", { machines: { redis: {} } }, "machines.redis", /known here: etcd, postgresql, haproxy$/],
  ["of a machine", { machines: { etcd: { ram: 9 } } }, "machines.etcd.ram", /known here: cpus, memory, disk, type$/],
  ["of clock", { clock: { tttl: 20 } }, "clock.tttl", /known here: ttl, loopWait.*, preset$/],
  ["of network", { network: { mtu: 1500 } }, "network.mtu", /known here: cidr$/],
  ["of ports", { ports: { admin: 7000 } }, "ports.admin", /known here: write, read, stats, pooled, pooledRead$/],
  [
    "of database",
    { database: { password: "x" } },
    "database.password",
    /known here: name, owner, user, extensions, createDatabases$/,
  ],
  ["of postgresql", { postgresql: { version: 17 } }, "postgresql.version", /known here: maxConnections, synchronous/],
  [
    "of pool",
    { pool: { min: 1 } },
    "pool.min",
    /known here: maxClients, size, readSize, mode, resetAlways, preparedStatements$/,
  ],
  [
    "of certificates",
    { certificates: { days: 1 } },
    "certificates.days",
    /known here: validityDays, renewDays, authority, alsoTrust$/,
  ],
  [
    "of haproxy",
    { haproxy: { maxconn: 1 } },
    "haproxy.maxconn",
    /known here: maxReplicaLag, readAffinity, hardStopAfter$/,
  ],
];

const values: Case[] = [
  ["text for a number", { nodes: { etcd: "three" } }, "nodes.etcd", /must be an? .*number/],
  ["a number for a section", { nodes: 3 }, "nodes", /must be an? .*object|section/],
  ["a fraction of a node", { nodes: { etcd: 2.5 } }, "nodes.etcd", /must be an? .*(int|whole)/],
  ["text for a boolean", { postgresql: { strict: "yes" } }, "postgresql.strict", /must be true or false/],
  ["a number for a name", { database: { name: 5 } }, "database.name", /must be text/],
  [
    "a list as a parameter",
    { postgresql: { parameters: { work_mem: [] } } },
    "postgresql.parameters.work_mem",
    /must be text, a number/,
  ],
  ["no driver of that name", { driver: "gcp" }, "driver", /must be one of: incus, aws/],
  ["no preset of that name", { clock: "turbo" }, "clock", /must be one of: classic, fast/],
  ["no preset to start from", { clock: { preset: "turbo" } }, "clock.preset", /must be one of: classic, fast/],
  ["text for a timing", { clock: { ttl: "20s" } }, "clock.ttl", /must be an? .*number/],
  ["no pool mode of that name", { pool: { mode: "statement" } }, "pool.mode", /one of: transaction, session/],
  [
    "no synchronous mode of that name",
    { postgresql: { synchronous: "on" } },
    "postgresql.synchronous",
    /one of: quorum, off/,
  ],
  ["no etcd", { nodes: { etcd: 0 } }, "nodes.etcd", /must be 1 or more/],
  ["too many etcd", { nodes: { etcd: 9 } }, "nodes.etcd", /must be 7 or less/],
  ["a lonely PostgreSQL", { nodes: { postgresql: 1 } }, "nodes.postgresql", /must be 2 or more/],
  ["no proxy", { nodes: { haproxy: 0 } }, "nodes.haproxy", /must be 1 or more/],
  ["a privileged port", { ports: { pooled: 80 } }, "ports.pooled", /must be 1024 or more/],
  ["a port too high", { ports: { stats: 70000 } }, "ports.stats", /must be 65535 or less/],
  ["no allowed lag", { haproxy: { maxReplicaLag: 0 } }, "haproxy.maxReplicaLag", /must be 1 or more/],
  ["no time for old workers", { haproxy: { hardStopAfter: 0 } }, "haproxy.hardStopAfter", /must be 1 or more/],
  ["more than HAProxy can count", { haproxy: { hardStopAfter: 40_000 } }, "haproxy.hardStopAfter", /34560 or less/],
  [
    "negative prepared statements",
    { pool: { preparedStatements: -1 } },
    "pool.preparedStatements",
    /must be 0 or more/,
  ],
  ["a certificate for a day", { certificates: { validityDays: 1 } }, "certificates.validityDays", /must be 2 or more/],
  [
    "a database name to be quoted",
    { database: { name: "My-App" } },
    "database.name",
    /plain SQL identifier: lower-case/,
  ],
  ["a cluster name in capitals", { name: "My_Cluster" }, "name", /DNS label of at most 40 characters/],
  ["a cluster name of 41 characters", { name: "c".repeat(41) }, "name", /DNS label of at most 40 characters/],
  ["a tiny disk", { machines: { etcd: { disk: 1 } } }, "machines.etcd.disk", /must be 2 or more/],
  ["no processor", { machines: { haproxy: { cpus: 0 } } }, "machines.haproxy.cpus", /must be 1 or more/],
];

const small = { pool: { size: 10 }, postgresql: { maxConnections: 40 } };

const invariants: Case[] = [
  ["even etcd", { nodes: { etcd: 4 } }, "nodes.etcd", /is 4, .*no more losses than 3; write 5/],
  [
    "the law of ttl broken",
    { clock: { retryTimeout: 10 } },
    "clock.ttl",
    /1 \+|= 21 s must fit into it; write 21 or more/,
  ],
  ["ttl under the floor", { clock: { ttl: 19 } }, "clock.ttl", /is 19 s, .*floor is 20 s; write 20 or more/],
  [
    "peers given up at once",
    { clock: { peerTimeout: 1 } },
    "clock.peerTimeout",
    /floor is 1000 ms; write 1000 or more/,
  ],
  [
    "no time to connect",
    { clock: { connectTimeout: 1 } },
    "clock.connectTimeout",
    /floor is 100 ms; write 100 or more/,
  ],
  [
    "connections kept from clients",
    { postgresql: { parameters: { superuser_reserved_connections: 100 } } },
    "pool.size",
    /\(107 are reserved,/,
  ],
  ["loopWait under the floor", { clock: { loopWait: 0 } }, "clock.loopWait", /must be 1 or more/],
  ["retryTimeout under the floor", { clock: { retryTimeout: 2 } }, "clock.retryTimeout", /write 3 or more/],
  [
    "detection slower than ttl",
    { clock: { checkInterval: 20000 } },
    "clock.checkInterval",
    /20.2 s.*ttl 20 s.*shorter/,
  ],
  ["detection as slow as ttl", { clock: { checkInterval: 19800 } }, "clock.checkInterval", /20 s.*ttl 20 s.*shorter/],
  ["a pool too large", { pool: { size: 100 } }, "pool.size", /2 proxies = 204 .*leaves 188.*write 92 or less/],
  ["too many pools", { nodes: { haproxy: 9 } }, "pool.size", /9 proxies = 468 .*write 18 or less/],
  ["two uses of one port", { ports: { read: 5500 } }, "ports.read", /read of haproxy1 port 5500, .*write of haproxy1/],
  [
    "ports that clash across proxies",
    { ports: { stats: 5503 } },
    "ports.read",
    /read of haproxy2 port 5503, .*stats of haproxy1; move/,
  ],
  ["a neighbouring port too high", { ports: { write: 65535 } }, "ports.write", /haproxy2 port 65537; write a lower/],
  ["no CIDR", { network: { cidr: "ten" } }, "network.cidr", /is 'ten', .*write one like 10.88.0.0\/24$/],
  [
    "an address out of range",
    { network: { cidr: "10.256.0.0/24" } },
    "network.cidr",
    /not an IPv4 network; write one like/,
  ],
  ["IPv6", { network: { cidr: "fd00::/64" } }, "network.cidr", /not an IPv4 network; write one like/],
  ["host bits", { network: { cidr: "10.88.0.1/24" } }, "network.cidr", /the host part must be zero/],
  ["a public network", { network: { cidr: "8.8.8.0/24" } }, "network.cidr", /not a private network.*write one like 10/],
  ["a network too small", { network: { cidr: "10.88.0.0/28" } }, "network.cidr", /no room.*write a \/26 or wider/],
  [
    "a database machine too small",
    { ...small, machines: { postgresql: { memory: 256 } } },
    "machines.postgresql.memory",
    /must be 512 or more/,
  ],
  ["an etcd machine too small", { machines: { etcd: { memory: 128 } } }, "machines.etcd.memory", /must be 192 or more/],
  ["a proxy too small", { machines: { haproxy: { memory: 128 } } }, "machines.haproxy.memory", /must be 192 or more/],
  [
    "more shared buffers than a machine has",
    { postgresql: { parameters: { shared_buffers: "1GB" } } },
    "postgresql.parameters.shared_buffers",
    /is 1024 MiB of the 1024 MiB .* write 768MB or less, or raise machines\.postgresql\.memory/,
  ],
  [
    "connections for more memory",
    { postgresql: { maxConnections: 1000 } },
    "postgresql.maxConnections",
    /write 307 or less/,
  ],
  ["one role for all", { database: { owner: "app" } }, "database.user", /must not be the owner.*write another name/],
  [
    "a reserved role",
    { database: { user: "postgres" } },
    "database.user",
    /'postgres' is reserved; write another name/,
  ],
  ["Patroni's role", { database: { owner: "replicator" } }, "database.owner", /is reserved; write another name/],
  ["a template database", { database: { name: "template1" } }, "database.name", /is reserved; write another name/],
  [
    "a name of PostgreSQL's own",
    { database: { owner: "pg_owner" } },
    "database.owner",
    /is reserved; write another name/,
  ],
  ["a name of our own", { database: { user: "pgha_app" } }, "database.user", /is reserved; write another name/],
  [
    "fsync",
    { postgresql: { parameters: { fsync: "off" } } },
    "postgresql.parameters.fsync",
    /cannot be set: .*loses data/,
  ],
  [
    "max_connections as a parameter",
    { postgresql: { parameters: { max_connections: 9 } } },
    "postgresql.parameters.max_connections",
    /write it as pgha:postgresql.maxConnections/,
  ],
  [
    "a wal_level that replication cannot do with",
    { postgresql: { parameters: { wal_level: "minimal" } } },
    "postgresql.parameters.wal_level",
    /cannot be set: .*write logical, or nothing/,
  ],
  ["the section of another driver", { aws: {} }, "aws", /for driver aws only; remove it, or write driver: aws/],
  [
    "an instance type",
    { machines: { etcd: { type: "t3.small" } } },
    "machines.etcd.type",
    /for driver aws only; remove it/,
  ],
  ["TLS switched off", { postgresql: { parameters: { ssl: false } } }, "postgresql.parameters.ssl", /TLS is always on/],
  [
    "standbys by hand",
    { postgresql: { parameters: { synchronous_standby_names: "*" } } },
    "postgresql.parameters.synchronous_standby_names",
    /choose with pgha:postgresql.synchronous/,
  ],
  [
    "an authority that signs and is also trusted",
    { certificates: { alsoTrust: [1] } },
    "certificates.alsoTrust",
    /once/,
  ],
  ["renewal longer than life", { certificates: { renewDays: 365 } }, "certificates.renewDays", /write a smaller one/],
];

function table(cases: Case[]): void {
  for (const [what, raw, key, says] of cases) {
    it(what, () => {
      const faults = faultsOf(raw);
      assert.deepEqual([...new Set(faults.map(({ path }) => path))], [key], "exactly this key is named");
      assert.match(faults[0]!.fault, says);
    });
  }
}

describe("settings: faults", () => {
  describe("unknown keys", () => table(unknownKeys));
  describe("values", () => table(values));
  describe("invariants", () => table(invariants));

  it("a missing driver", () => {
    const [fault, ...more] = refusal({}).faults;
    assert.deepEqual(more, []);
    assert.equal(fault!.path, "driver");
    assert.match(fault!.fault, /incus/);
  });

  it("a stack whose name is not a DNS label, unless the cluster has a name of its own", () => {
    const [fault] = faultsOf({}, "My.Stack");
    assert.equal(fault!.path, "name");
    assert.match(fault!.fault, /'pgha-My.Stack' .*set pgha:name/);
    assert.equal(settings({ name: "mine" }, "My.Stack").name, "mine");
  });

  it("are told all at once, each on a line that names its key", () => {
    const error = refusal({
      driver: "gcp",
      colour: "red",
      clock: { ttl: 10 },
      nodes: { etcd: 4, postgresql: "three" },
      network: { cidr: "10.88.0.1/24" },
      pool: { mode: "statement", size: 100 },
      database: { owner: "app" },
    });
    const [head, ...lines] = error.message.split("\n");
    assert.equal(head, "Pulumi.dev.yaml has 9 faults; nothing was changed:");
    const expected = [
      "clock.ttl",
      "colour",
      "database.user",
      "driver",
      "network.cidr",
      "nodes.etcd",
      "nodes.postgresql",
      "pool.mode",
      "pool.size", // prettier-ignore
    ];
    assert.deepEqual(lines.map((line) => /^ {2}pgha:(\S+) /.exec(line)?.[1]).sort(), expected);
  });

  it("count one fault as one", () => {
    assert.match(
      refusal({ driver: "gcp" }).message,
      /^Pulumi.dev.yaml has 1 fault; nothing was changed:\n {2}pgha:driver /,
    );
  });
});

describe("settings: defaults", () => {
  it("need nothing but the driver", () => {
    const defaults = settings();
    assert.equal(defaults.name, "pgha-dev");
    assert.deepEqual(defaults.nodes, { etcd: 3, postgresql: 3, haproxy: 2 });
    assert.deepEqual(defaults.clock, clocks.fast);
    assert.deepEqual(defaults.ports, { write: 5500, read: 5501, stats: 7500, pooled: 6432, pooledRead: 6532 });
    assert.deepEqual(defaults.database, { name: "app", owner: "app_owner", user: "app", extensions: [] });
    assert.deepEqual(defaults.network, { cidr: "10.88.0.0/24" });
    assert.deepEqual(defaults.pool, {
      maxClients: 1000,
      size: 50,
      mode: "transaction",
      resetAlways: true,
      preparedStatements: 200,
    });
    assert.equal(defaults.postgresql.synchronous, "quorum");
    assert.equal(defaults.postgresql.strict, true);
  });

  it("fill in what a section leaves out", () => {
    assert.deepEqual(settings({ nodes: { postgresql: 5 } }).nodes, { etcd: 3, postgresql: 5, haproxy: 2 });
    assert.equal(settings({ machines: { postgresql: { memory: 4096 } } }).machines.postgresql.cpus, 1);
  });

  it("take a preset by its name, or with single timings changed", () => {
    assert.deepEqual(settings({ clock: "classic" }).clock, clocks.classic);
    assert.deepEqual(settings({ clock: { ttl: 25 } }).clock, { ...clocks.fast, ttl: 25 });
    assert.deepEqual(settings({ clock: { preset: "classic", loopWait: 5 } }).clock, { ...clocks.classic, loopWait: 5 });
  });

  it("let wal_level be logical, for those who leave by logical replication", () => {
    const parameters = { wal_level: "logical" };
    assert.deepEqual(settings({ postgresql: { parameters } }).postgresql.parameters, parameters);
  });

  it("hold for the smallest topology", () => {
    assert.deepEqual(settings({ nodes: { postgresql: 2, haproxy: 1 } }).nodes, { etcd: 3, postgresql: 2, haproxy: 1 });
  });
});
