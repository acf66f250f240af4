import assert from "node:assert/strict";
import { pendingCreates, pendingNotice } from "../../../scripts/pending";

const operation = (type: string, name: string) => ({
  type,
  resource: { urn: `urn:pulumi:staging::pgha::pgha:index:Machine$aws:iam/role:Role::${name}` },
});
const exported = (...pending_operations: object[]) =>
  JSON.stringify({ version: 3, deployment: { pending_operations } });

describe("what a killed up was making", () => {
  it("is what the state says was being created, and nothing else", () => {
    const text = exported(operation("creating", "etcd1-role"), operation("updating", "etcd2-role"));
    assert.deepEqual(pendingCreates(text), ["etcd1-role"]);
  });

  it("is nothing where nothing was cut off, or nothing is there yet", () => {
    for (const text of [exported(), JSON.stringify({ version: 3, deployment: {} }), JSON.stringify({ version: 3 })]) {
      assert.equal(pendingNotice("staging", pendingCreates(text)), "");
    }
  });

  it("is named, with the command that forgets it", () => {
    const notice = pendingNotice("staging", ["etcd1-role"]);
    assert.match(notice, /^An earlier run was killed while it made etcd1-role\./);
    assert.match(notice, /npm run pulumi -- refresh --yes --clear-pending-creates --stack staging$/);
  });
});
