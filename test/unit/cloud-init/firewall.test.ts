import assert from "node:assert/strict";
import { firewallFiles } from "../../../cloud-init/firewall";
import { patroniPerSource } from "../../../settings/limits";
import { roles, type Role } from "../../../settings/roles";
import { plan, planOnAws } from "../support/settings";

const text = (role: Role, of = plan()) => firewallFiles(of, of[role][0]!)[0]!.content;
const opened = (role: Role, of = plan()) =>
  [...text(role, of).matchAll(/tcp dport (\d+) ip saddr (@\w+|!= @nodes) accept/g)]
    .map(([, port, who]) => `${port} ${who}`)
    .sort();

describe("packet filter", () => {
  it("opens each role's ports to those of the table of flows, and no other", () => {
    assert.deepEqual(opened("etcd"), ["22 != @nodes", "2379 @etcd", "2379 @postgresql", "2380 @etcd"]);
    assert.deepEqual(opened("postgresql"), [
      "22 != @nodes",
      "5432 @haproxy",
      "5432 @postgresql",
      "8008 @haproxy",
      "8008 @postgresql",
    ]);
    const clients = [5000, 5001, 6432, 6433, 7000].map((port) => `${port} != @nodes`);
    const cancels = ["6432 @haproxy", "6433 @haproxy"];
    assert.deepEqual(opened("haproxy"), ["22 != @nodes", ...clients, ...cancels, "8009 @postgresql"].sort());
    assert.ok(opened("haproxy", planOnAws()).includes("8010 != @nodes"));
    assert.ok(opened("postgresql", plan({ clock: "witnessed" })).includes("8008 @etcd"));
  });

  it("ends with a refusal, and takes the place of the old one in one step", () => {
    for (const role of roles) {
      assert.match(text(role), /^table inet pgha\ndelete table inet pgha\ntable inet pgha \{$/m);
      assert.match(text(role), /\n {4}reject with tcp reset\n {2}\}\n\}\n$/);
    }
  });

  it("does not change on the existing nodes when others come", () => {
    const more = plan({ nodes: { etcd: 5, postgresql: 4, haproxy: 2 } });
    for (const role of roles) assert.equal(text(role, more), text(role));
  });

  it("counts connections where a few are enough to do harm, before it opens the port", () => {
    const rules = text("postgresql");
    const count = rules.indexOf(
      `tcp dport 8008 ip saddr @haproxy add @held_8008_haproxy { ip saddr ct count over ${patroniPerSource} } reject`,
    );
    assert.ok(count > 0 && count < rules.indexOf("tcp dport 8008 ip saddr @haproxy accept"));
    // 95 of 200 places are for each of two proxies, whatever part of them is the pool's.
    const most = (from: string, of: number) =>
      `tcp dport 5432 ip saddr @${from} add @held_5432_${from} { ip saddr ct count over ${of} } reject with tcp reset`;
    assert.ok(rules.includes(most("haproxy", 163)) && rules.includes(most("postgresql", 16)));
    assert.equal(text("postgresql", plan({ pool: { size: 40 } })), rules);
    assert.doesNotMatch(text("haproxy"), /held_(6432|5000|5001)/);
  });
});
