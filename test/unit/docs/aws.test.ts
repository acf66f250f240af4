import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { lives } from "../../../scripts/rehearsal/lives";
import { flows } from "../../../settings/aws/flows";
import { settingsFromFile } from "../../../settings/load";

const root = join(__dirname, "../../..");
const docs = (name: string) => readFileSync(join(root, "docs", name), "utf8");

describe("docs of AWS", () => {
  it("list what can be rehearsed, as the command does", () => {
    const rows = /<!-- rehearsals -->\n((?:.+\n)+)/.exec(docs("aws.md"))![1]!.trim().split("\n").slice(2);
    const expected = Object.entries(lives).map(([name, { about }]) => `| \`${name}\` | ${about} |`);
    assert.deepEqual(rows, expected, `the table in docs/aws.md should be:\n${expected.join("\n")}`);
  });

  it("list who talks to whom as the security groups allow it", () => {
    const rows = /<!-- flows -->\n((?:.+\n)+)/.exec(docs("aws.md"))![1]!.trim().split("\n").slice(2);
    const expected = flows(settingsFromFile(root, "prod")).map(
      ({ from, to, port, why }) => `| ${from} | ${to} | ${port} | ${why} |`,
    );
    assert.deepEqual(rows, expected, `the table in docs/aws.md should be:\n${expected.join("\n")}`);
  });
});
