/** The report page in a real browser, wide and narrow, light and dark. */
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import puppeteer, { type Browser, type Page } from "puppeteer-core";
import type { Report } from "../../ops/drill/model";
import { renderReport } from "../../ops/report/html";
import { browser } from "../../scripts/setup/browser";
import { isRoot } from "../../ops/root";
import { drill, report, richReport } from "../unit/support/report";
import { until } from "../../simulator/stack";

/** Pictures of the last run, for whoever wants to look. */
const pictures = join(tmpdir(), "pgha-report");

describe("report page", function () {
  this.timeout(120_000);
  let chromium: Browser;
  let folder: string;
  /** What the page said or asked for and should not have. */
  let complaints: string[];
  let page: Page;

  before(async function () {
    const executablePath = browser();
    if (!executablePath) return this.skip();
    mkdirSync(pictures, { recursive: true });
    folder = mkdtempSync(join(tmpdir(), "pgha-report-"));
    // Chromium's sandbox refuses to work for root.
    chromium = await puppeteer.launch({ executablePath, args: isRoot() ? ["--no-sandbox"] : [] });
  });
  after(async () => {
    await chromium?.close();
    if (folder) rmSync(folder, { recursive: true });
  });
  afterEach(async () => {
    await page.close();
    assert.deepEqual(complaints, []);
  });

  async function open(shown: Report, width: number, height: number, scheme = "light"): Promise<void> {
    const file = join(folder, "report.html");
    writeFileSync(file, renderReport(shown));
    page = await chromium.newPage();
    complaints = [];
    page.on("console", (message) => complaints.push(`${message.type()}: ${message.text()}`));
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("dialog", (dialog) => {
      complaints.push(`dialog: ${dialog.message()}`);
      void dialog.dismiss();
    });
    page.on("request", (request) => {
      const url = request.url();
      if (url !== pathToFileURL(file).href && !/^(data|blob):/.test(url)) complaints.push(`request: ${url}`);
    });
    await page.setViewport({ width, height });
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    await page.goto(pathToFileURL(file).href);
    await page.waitForSelector("html[data-ready]");
  }

  /** Evaluates an expression in the page, which the compiler knows nothing of. */
  const ask = async <T>(expression: string) => (await page.evaluate(expression)) as T;
  const drawn = (id: string) => page.waitForSelector(`#${id} .timeline .canvas > svg`);

  const views: [number, number, string][] = [
    [1280, 900, "light"],
    [1280, 900, "dark"],
    [390, 844, "light"],
    [390, 844, "dark"],
  ];
  for (const [width, height, scheme] of views) {
    it(`shows everything at ${width} x ${height}, ${scheme}`, async () => {
      await open(richReport(), width, height, scheme);
      await drawn("drill-25");
      assert.ok((await ask<number>("document.documentElement.scrollWidth")) <= width, "is not wider than the window");
      assert.deepEqual(await ask("[...document.querySelectorAll('h2')].map(({id}) => id)"), [
        "overview",
        "comparison",
        "throughput",
        "drills",
        "whole-run",
      ]);
      const text = await ask<string>("document.querySelector('#drill-25 svg[role=group]').textContent");
      for (const word of ["fault", "no write for 11.20 s", "PgBouncer", "Patroni", "postgresql1"])
        assert.ok(text.includes(word), `the timeline has '${word}'`);
      const paper = await ask<string>("getComputedStyle(document.body).backgroundColor");
      assert.equal(Number(/\d+/.exec(paper)![0]) < 128, scheme === "dark");
      await page.screenshot({ path: join(pictures, `${width}-${scheme}.png`), fullPage: true });
    });
  }

  it("opens a drill by a click, zooms, and explains what is pointed at or has the focus", async () => {
    await open(richReport(), 1280, 900);
    assert.equal(await ask("document.querySelector('#drill-1').open"), false);
    assert.equal(await page.$("#drill-1 .canvas"), null, "nothing is drawn before it is wanted");
    await page.click("#drill-1 > summary");
    await drawn("drill-1");

    const ticks = () => ask<string>("document.querySelector('#drill-1 .axis').textContent");
    const near = await ticks();
    await page.click("#drill-1 .switch button:last-child");
    assert.notEqual(await ticks(), near);

    const tip = () => ask<string>("document.querySelector('#drill-1 .tip:not([hidden])')?.innerText ?? ''");
    await page.hover("#drill-1 .glass");
    assert.match(await tip(), /after the fault[^]*pooled \d+\/s/);
    await page.screenshot({ path: join(pictures, "tip.png") });
    await page.mouse.move(0, 0);
    assert.equal(await tip(), "");
    await ask(`document.querySelector("#drill-1 .mark[tabindex='0']").focus()`);
    assert.match(await tip(), /drill postgresql1 powered off postgresql1/);
    await page.keyboard.press("ArrowRight");
    assert.match(await tip(), /clients ECONNRESET/);

    await page.click("#drill-1 .events > summary");
    await page.waitForSelector("#drill-1 .events tbody");
    assert.equal(await ask("document.querySelectorAll('#drill-1 .events tbody tr').length"), 19);
  });

  it("sorts the table by a column, and the other way round", async () => {
    await open(richReport(), 1280, 900);
    const longest = () =>
      ask<(number | null)[]>(
        "[...document.querySelectorAll('.sortable tbody tr')].map((row) => Number(row.cells[8].dataset.value ?? NaN))",
      );
    const column = ".sortable th:nth-child(9)";
    assert.equal(await ask(`document.querySelector('${column}').innerText.trim()`), "max");
    await page.click(`${column} button`);
    const numbers = (await longest()).filter((value) => value !== null);
    assert.deepEqual(
      numbers,
      numbers.toSorted((a, b) => a - b),
    );
    assert.equal(await ask(`document.querySelector('${column}').ariaSort`), "ascending");
    await page.click(`${column} button`);
    const down = await longest();
    assert.deepEqual(down.slice(0, -1), numbers.toReversed());
    assert.equal(down.at(-1), null, "what was not measured comes last, whichever way");
  });

  it("gives the report as JSON", async () => {
    const rich = richReport();
    await open(rich, 1280, 900);
    const session = await chromium.target().createCDPSession();
    await session.send("Browser.setDownloadBehavior", {
      behavior: "allow",
      downloadPath: folder,
      eventsEnabled: true,
    });
    // A file has its name before it has its text.
    let state = "";
    session.on("Browser.downloadProgress", (progress) => (state = progress.state));
    await page.click("#download");
    await until("the end of the download", 10, () => Promise.resolve(state === "completed"));
    const file = join(folder, "pgha-dev-2026-03-01.json");
    assert.deepEqual(JSON.parse(readFileSync(file, "utf8")), JSON.parse(JSON.stringify(rich)));
  });

  it("shows a run that goes on, and one with nothing in it", async () => {
    await open(report([drill(900)], { ended: null, verification: null }), 390, 844);
    await drawn("drill-1");
    assert.match(await ask("document.querySelector('.verdict').innerText"), /still goes on/);
    await page.close();
    await open(report([], { verification: null, load: [], clocks: {} }), 390, 844);
    assert.match(await ask("document.querySelector('.verdict').innerText"), /No drill ran/);
  });

  it("shows 600 drills within seconds", async () => {
    const many = report(Array.from({ length: 600 }, (_, index) => drill(1000 + index)));
    const started = performance.now();
    await open(many, 1280, 900);
    await page.click("#drill-1 > summary");
    await drawn("drill-1");
    assert.ok(performance.now() - started < 20_000);
  });
});
