import { isIP } from "node:net";
import { parseCidr, isPrivate } from "./cidr";
import { timingFaults, hasWitness } from "./clocks";
import { awsFaults } from "./aws/invariants";
import { clientPorts, highestHost } from "./plan";
import { roles } from "./roles";
import type { Fault } from "./faults";
import { besidePool, keptConnections, mostPool } from "./limits";
import { databaseFaults } from "./database-faults";
import { parameterFaults } from "./parameters/faults";
import { readNumber } from "./parameters/numbers";
import type { Settings, Surroundings } from "./schema";

/**
 * Checks that concern more than one setting. All faults at once; empty when there is none.
 * @param around where the settings are to be used, and which top-level keys were given
 */
export function invariantFaults(settings: Settings, around: Surroundings & { given: string[] }): Fault[] {
  const faults: Fault[] = [];
  const fault = (path: string, text: string) => faults.push({ path, fault: text });

  if (!/^[a-z]([a-z0-9-]{0,38}[a-z0-9])?$/.test(settings.name)) {
    fault(
      "name",
      `is '${settings.name}' after the stack '${around.stack}', which is not a DNS label; set pgha:name to one`,
    );
  }

  const { driver, nodes, machines, pool, postgresql } = settings;
  if (nodes.etcd % 2 === 0) {
    const odd = nodes.etcd + 1;
    fault(
      "nodes.etcd",
      `is ${nodes.etcd}, but an even count survives no more losses than ${nodes.etcd - 1}; write ${odd}`,
    );
  }
  for (const { field, fault: text } of timingFaults(settings.clock)) fault(`clock.${field}`, text);

  const strict = postgresql.synchronous === "quorum" && postgresql.strict;
  if (hasWitness(settings.clock) && !(strict && nodes.etcd >= 3)) {
    const reason = strict
      ? "two of three independent witnesses must agree"
      : "the old leader could acknowledge commits alone";
    fault(
      "clock.witness",
      `is on, but ${reason}; write 0 (preset fast), or ${strict ? "nodes.etcd: 3" : "postgresql.synchronous: quorum and strict: true"}`,
    );
  }

  // Beside the pool of the first database: what looks passwords up, and the pools of the others.
  const others = besidePool("pooled", settings);
  const pooled = (pool.size + others) * nodes.haproxy;
  // For each proxy one connection past PgBouncer, or its port 5000 would serve nobody.
  const kept = keptConnections(postgresql);
  const free = postgresql.maxConnections - kept - nodes.haproxy;
  if (pooled > free) {
    const most = Math.floor(free / nodes.haproxy) - others;
    fault(
      "pool.size",
      `is ${pool.size}, with ${others} for ${settings.databases.length > 0 ? "the pools of `databases` and " : ""}looking passwords up, on ` +
        `each of ${nodes.haproxy} proxies = ${pooled} server connections, but postgresql.maxConnections ${postgresql.maxConnections} ` +
        `leaves ${free} (${kept} are reserved, and one for each proxy's port 5000); ` +
        `${most >= 1 ? `write ${most} or less` : "take less for `databases`"}, or raise postgresql.maxConnections`,
    );
  }
  const room = mostPool("pooledRead", settings);
  if (room < 1 || (pool.readSize ?? 1) > room) {
    fault(
      "pool.readSize",
      `is ${pool.readSize ?? pool.size} on each of ${nodes.haproxy} proxies, for which a replica has no room; ` +
        `${room < 1 ? "" : `write ${room} or less, or `}raise postgresql.maxConnections, which is ${postgresql.maxConnections}`,
    );
  }
  // Each backend needs a few MiB of its own beside the shared buffers (a quarter of memory): 2 MiB is a floor, not a budget.
  const backends = postgresql.maxConnections * 2;
  if (backends > machines.postgresql.memory * 0.6) {
    fault(
      "postgresql.maxConnections",
      `is ${postgresql.maxConnections}, whose backends need about ${backends} MiB of ${machines.postgresql.memory} MiB; ` +
        `write ${Math.floor((machines.postgresql.memory * 0.6) / 2)} or less, or raise machines.postgresql.memory`,
    );
  }
  faults.push(...parameterFaults(postgresql.parameters));
  const buffers = sharedBuffersMiB(postgresql.parameters);
  if (buffers !== undefined && buffers > machines.postgresql.memory * 0.75) {
    fault(
      "postgresql.parameters.shared_buffers",
      `is ${Math.ceil(buffers)} MiB of the ${machines.postgresql.memory} MiB that a database node has, and backends need some, too; ` +
        `write ${Math.floor(machines.postgresql.memory * 0.75)}MB or less, or raise machines.postgresql.memory`,
    );
  }

  const cidr = parseCidr(settings.network.cidr);
  if (!cidr) {
    const hint = isIP(settings.network.cidr.split("/")[0] ?? "") === 4 ? "; the host part must be zero" : "";
    fault(
      "network.cidr",
      `is '${settings.network.cidr}', which is not an IPv4 network; write one like 10.88.0.0/24${hint}`,
    );
  } else if (!isPrivate(cidr)) {
    fault("network.cidr", "is not a private network (RFC 1918); write one like 10.88.0.0/24");
  } else if (driver === "incus" && 2 ** (32 - cidr.bits) - 2 < highestHost(settings)) {
    fault(
      "network.cidr",
      `has no room for every node; write a /${32 - Math.ceil(Math.log2(highestHost(settings) + 2))} or wider`,
    );
  }

  const { validityDays, renewDays, authority, alsoTrust } = settings.certificates;
  if (renewDays >= validityDays) {
    fault(
      "certificates.renewDays",
      `is ${renewDays}, which is not less than validityDays ${validityDays}; write a smaller one`,
    );
  }

  if (alsoTrust.includes(authority) || new Set(alsoTrust).size < alsoTrust.length) {
    fault("certificates.alsoTrust", "names an authority twice, or the one that signs; name each once");
  }

  faults.push(...(driver === "aws" ? awsFaults(settings, around.region) : incusFaults(settings)));
  if (driver === "aws" && around.given.includes("ports")) {
    fault("ports", "is for driver incus only: on aws clients use 5000, 5001, 6432 and 6433; remove it");
  }

  faults.push(...databaseFaults(settings));
  return faults;
}

/** What the settings give to the shared buffers, MiB; undefined: nothing that can be read. */
function sharedBuffersMiB(parameters: Settings["postgresql"]["parameters"]): number | undefined {
  const [, given] = Object.entries(parameters).find(([name]) => name.toLowerCase() === "shared_buffers") ?? [];
  const read = given === undefined ? undefined : readNumber(String(given), "integer", "8kB");
  return read && "value" in read ? read.value / 128 : undefined;
}

/** What a stack on this host must not have, and client ports that clash, among all proxies. */
function incusFaults(settings: Settings): Fault[] {
  const faults: Fault[] = [];
  if (settings.aws) faults.push({ path: "aws", fault: "is for driver aws only; remove it, or write driver: aws" });
  for (const role of roles.filter((one) => settings.machines[one].type !== undefined)) {
    const fault = "is for driver aws only; remove it: cpus and memory say all of a machine on this host";
    faults.push({ path: `machines.${role}.type`, fault });
  }
  const holder = new Map<number, string>();
  for (let proxy = 0; proxy < settings.nodes.haproxy; proxy++) {
    for (const [use, port] of Object.entries(clientPorts(settings, proxy))) {
      const what = `${use} of haproxy${proxy + 1}`;
      const other = holder.get(port);
      if (other)
        faults.push({
          path: `ports.${use}`,
          fault: `gives ${what} port ${port}, which is also ${other}; move one of them`,
        });
      else if (port > 65535)
        faults.push({ path: `ports.${use}`, fault: `gives ${what} port ${port}; write a lower one` });
      holder.set(port, what);
    }
  }
  return faults;
}
