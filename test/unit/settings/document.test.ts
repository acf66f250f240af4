import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { tables, withTables } from "../../../settings/document";
import { checkoutRoot } from "../../../ops/env";

const page = readFileSync(join(checkoutRoot, "docs", "settings.md"), "utf8");

describe("docs/settings.md", () => {
  it("has the tables that the schema gives; `npm run golden` writes them", () => {
    assert.equal(page, withTables(page));
  });

  it("tells of each setting its default and what it means", () => {
    const { settings, aws, clock } = tables();
    for (const line of [
      "| `pool.size` | 50 | server connections",
      "| `machines.<role>.memory` | 256, 1024, 256 | memory in MiB.",
      "| `name` | `pgha-<stack>` |",
      "| `postgresql.synchronous` | `quorum` |",
    ])
      assert.ok(settings!.includes(line), line);
    assert.ok(aws!.includes("| `volume.size` | 100 |"));
    assert.ok(clock!.includes("| `ttl` (s) | 30 | 20 | 20 | Patroni: life of the leader key"));
  });

  it("is not made of a page in which a table has no place", () => {
    assert.throws(() => withTables(page.replace("<!-- aws:", "<!-- other:")), /no place for the table 'aws'/);
  });
});
