import assert from "node:assert/strict";
import { parse } from "yaml";
import { adminUser, userData } from "../../../cloud-init/user-data";
import { allNodes } from "../../../settings/plan";
import { placeholder } from "../support/placeholders";
import { plan } from "../support/settings";

const key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIPlaceholder operators@pgha";

describe("user data", () => {
  for (const node of allNodes(plan({ nodes: { postgresql: 2, haproxy: 1 } }))) {
    it(`of ${node.name} is a cloud-config of less than 16 KiB`, () => {
      const text = userData(node, `${key}\n`);
      assert.match(text, /^#cloud-config\n/);
      assert.ok(Buffer.byteLength(text) < 16 * 1024);
      assert.equal((parse(text) as { hostname: string }).hostname, node.name);
    });
  }

  it("lets in one user, by one key and no password", () => {
    const config = parse(userData(plan().etcd[0]!, key)) as Record<string, unknown> & {
      users: Record<string, unknown>[];
    };
    assert.equal(config.users.length, 1);
    assert.deepEqual(config.users[0]!.ssh_authorized_keys, [key]);
    assert.equal(config.users[0]!.name, adminUser);
    assert.equal(config.users[0]!.lock_passwd, true);
    assert.equal(config.ssh_pwauth, false);
    assert.equal(config.disable_root, true);
    assert.equal(config.ssh_deletekeys, false, "the pinned host key stays");
  });

  it("holds nothing that looks like a secret", () => {
    for (const node of allNodes(plan())) {
      const text = userData(node, key);
      assert.doesNotMatch(text, /PRIVATE KEY|SCRAM|insecure-password/);
      assert.ok(!placeholder.isIn(text));
    }
  });

  it("depends on nothing but the machine's own name and the operators' key, so it does not change", () => {
    const other = plan({ clock: "classic", nodes: { postgresql: 5 }, machines: { etcd: { memory: 512 } } });
    assert.equal(userData(other.etcd[0]!, key), userData(plan().etcd[0]!, key));
  });
});
