/** The release gate: the main faults under load, nothing lost; and a set-up that must lose, which the checker must catch. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { faults } from "../../ops/drill/faults";
import type { DrillResult, Report } from "../../ops/drill/model";
import { checkoutRoot } from "../../ops/env";
import { thorough } from "./support/thorough";
import { clientsRideThrough } from "./support/clients";
import { TestStack } from "../../simulator/stack";

const stack = new TestStack("test-drill", {
  driver: "incus",
  name: "pgha-drill",
  network: { cidr: "10.92.0.0/24" },
  ports: { write: 18500, read: 18501, stats: 18700, pooled: 18632, pooledRead: 18732 },
});

/** What is drilled: each kind of fault, and each role. Thoroughly: all main ones. */
const some = ["switchover", "kill-postmaster", "power-off-leader", "power-off-proxy", "kill-pgbouncer", "cut-leader"];
const drilled = faults.filter(({ name, main }) => main && (thorough || some.includes(name))).map(({ name }) => name);
/** Writes the gate must see acknowledged. */
const least = 2000 * drilled.length;

describe("drills", function () {
  this.timeout(900_000);
  this.bail(true);
  const folder = join(checkoutRoot, ".pgha", "log");

  before(async () => {
    mkdirSync(folder, { recursive: true });
    await stack.init();
    await stack.up();
  });
  after(() => stack.remove());

  /** Runs drills and gives their report, which stays in .pgha/log for whoever wants to know more. */
  async function drill(
    name: string,
    ...args: string[]
  ): Promise<{ code: number | null; report: Report; said: string }> {
    const [json, html] = [join(folder, `${name}.json`), join(folder, `${name}.html`)];
    const { code, stdout, stderr } = await stack.pgha("drill", ...args, "--yes", "--json", json, "--html", html);
    const said = `${stdout}\n${stderr}`;
    assert.ok(existsSync(json), said);
    return { code, report: JSON.parse(readFileSync(json, "utf8")) as Report, said };
  }

  it("the main faults: nothing lost, whole again after each, no outage over its bound", async () => {
    const { code, report, said } = await drill("drill-gate", ...drilled, "--rate", "120");
    for (const result of report.drills) console.log(`      ${line(result)}`);
    assert.deepEqual(
      report.drills.flatMap((result) => result.faults.map((fault) => `${result.fault}: ${fault}`)),
      [],
    );
    assert.deepEqual(
      report.drills.filter(({ skipped }) => !skipped).map(({ fault }) => fault),
      drilled,
      said,
    );
    const { verification } = report;
    console.log(`      ${verification?.acknowledged} writes acknowledged, ${verification?.lost} lost`);
    assert.deepEqual(verification?.faults, []);
    assert.equal(verification.lost, 0);
    assert.ok(verification.acknowledged >= least, `${verification.acknowledged} writes are fewer than ${least}`);
    assert.equal(code, 0, said);
  });

  it("clients that copied docs/clients meet no error in a switchover and a killed leader, and do everything once", () =>
    clientsRideThrough(stack.name));

  it("without synchronous commit the same checker finds writes that were lost", async () => {
    stack.set({ postgresql: { synchronous: "off" } });
    await stack.up();
    const { code, report, said } = await drill("drill-lossy", "cut-standbys-then-power-off");
    const [result] = report.drills;
    console.log(`      ${line(result!)}`);
    assert.equal(code, 1, said);
    assert.ok(result!.verification.lost > 0, said);
    assert.ok(report.verification!.lost >= result!.verification.lost, "still lost at the end");
    assert.match(result!.faults.join("\n"), /acknowledged writes are lost/);
  });
});

function line({ fault, skipped, outage, verification, whole }: DrillResult): string {
  if (skipped) return `${fault}: skipped, ${skipped}`;
  const bound = outage.bound === null ? "no bound" : `at most ${(outage.bound / 1000).toFixed(1)} s`;
  const gap = `longest gap ${(outage.measured / 1000).toFixed(2)} s (${bound})`;
  return `${fault}: ${gap}, ${verification.acknowledged} acknowledged, ${verification.lost} lost, whole after ${whole?.toFixed(1)} s`;
}
