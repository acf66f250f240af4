/**
 * The catalogue of parameters against PostgreSQL and Patroni of the machine image: that it is what they know, and that settings are
 * refused when, and only when, one of them would refuse or change them. Needs what `npm run setup` makes.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { carriedPackages, formatExtensions, readExtensions } from "../../scripts/catalogue/extensions";
import { formatCatalogue, readCatalogue } from "../../scripts/catalogue/read";
import { ThrowAwayServer } from "../../scripts/catalogue/server";
import { lineDiff } from "../../scripts/summary/lines";
import { creations, extensions, withExtensions } from "../../settings/extensions";
import { catalogue, type Parameter } from "../../settings/parameters/catalogue";
import { parameterFaults } from "../../settings/parameters/faults";
import { rows, type Row } from "../unit/support/parameters";

type Pair = [name: string, value: string | number | boolean];

/**
 * Has a server that does not run read each line of its input, in base64, as its configuration, and load what that says; prints 1 when
 * it would start, else its last words.
 */
const startChecks = `
rm -rf /tmp/checked
"$bin/initdb" -D /tmp/checked -U postgres --no-sync >/dev/null
echo "include 'case.conf'" >>/tmp/checked/postgresql.conf
while read -r line; do
  base64 -d <<<"$line" >/tmp/checked/case.conf
  if said=$("$bin/postgres" -D /tmp/checked -C shared_memory_size 2>&1); then echo 1; else tail -n 1 <<<"$said"; fi
done`;

/**
 * Starts a second server with these options and has it create each extension of its input, a name and SQL a line. Prints what could not
 * be created.
 */
const creationChecks = (options: string) => `
rm -rf /tmp/created
"$bin/initdb" -D /tmp/created -U postgres -A trust --no-sync --locale C.UTF-8 >/dev/null
"$bin/pg_ctl" -D /tmp/created -w -l /tmp/created.log start -o "-k /tmp/created -c listen_addresses= -c fsync=off ${options}" >/dev/null ||
  { tail /tmp/created.log >&2; exit 1; }
while read -r name sql; do
  said=$(psql -XqAt -v ON_ERROR_STOP=1 -h /tmp/created -U postgres <<<"BEGIN; $sql ROLLBACK;" 2>&1) || echo "$name: $said"
done
"$bin/pg_ctl" -D /tmp/created -w stop >/dev/null`;

/** What Patroni makes of pairs of names and values (JSON): the value as it passes it on, null when it does not. */
const patroniChecks = `/opt/patroni/bin/python -c '
import json, logging, subprocess, sys
from patroni.collections import CaseInsensitiveSet
from patroni.postgresql.config import ConfigHandler
from patroni.postgresql.validator import recovery_parameters, transform_postgresql_parameter_value as transform
logging.disable(logging.CRITICAL)
lines = subprocess.check_output(["/usr/lib/postgresql/17/bin/postgres", "--describe-config"], text=True).splitlines()
known = CaseInsensitiveSet({line.split("\\t")[0] for line in lines})
def passed(name, value):
    if name in recovery_parameters:  # those take a way of their own
        return value
    ours = ConfigHandler.CMDLINE_OPTIONS.get(name)
    if ours and not ours[1](value):
        return None
    return transform(170000, name, value, known)
print(json.dumps([passed(name, value) for name, value in json.load(sys.stdin)]))'`;

/** A line of postgresql.conf, as Patroni writes it. */
const line = ([name, value]: Pair) => `${name} = '${String(value).replaceAll("'", "''").replaceAll("\\", "\\\\")}'\n`;

const pairOf = ([parameters]: Row): Pair => Object.entries(parameters)[0]!;

/**
 * What the settings cannot know: a sum with other parameters, the stack of the machine, what is in a database. One is for
 * configuration files only, which is what Patroni writes.
 */
const further = [
  ...["autovacuum_max_workers", "max_wal_senders", "max_worker_processes", "max_stack_depth"],
  ...["default_table_access_method", "default_tablespace", "default_text_search_config"],
  "allow_alter_system",
];

/**
 * For every parameter words, bounds and what is near them, texts that are odd: those that the settings take. What is refused though
 * it is not wrong is a matter of the table.
 */
function taken(): Pair[] {
  const values = ({ type, values: words, min, max }: Parameter): Pair[1][] => {
    const numbers = [min!, min! + 1, min! + 17, max!].filter((value) => value <= max!);
    const odd = ["", "no such thing", 'a,"', "-x"];
    return { bool: ["on", "off"], enum: words!, string: odd, integer: numbers, real: numbers }[type];
  };
  return Object.entries(catalogue.parameters)
    .flatMap(([name, of]) => values(of).map((value): Pair => [name, value]))
    .filter(([name, value]) => parameterFaults({ [name]: value }).length === 0);
}

describe("the catalogue of PostgreSQL's parameters", function () {
  this.timeout(60_000);
  const server = new ThrowAwayServer("pgha-catalogue-test");
  before(() => server.start());
  after(() => server.remove());

  it("is what `npm run catalogue` makes of the image, and so is that of extensions", async () => {
    const parameters = formatCatalogue(await readCatalogue(server)); // of a machine without them
    await server.install(carriedPackages());
    const made = {
      [`postgresql-${catalogue.version}.json`]: parameters,
      "extensions.json": formatExtensions(await readExtensions(server)),
    };
    for (const [name, text] of Object.entries(made)) {
      const kept = readFileSync(join(__dirname, "../../settings/catalogue", name), "utf8");
      const difference = lineDiff(kept, text);
      assert.equal(difference.length, 0, `${difference.join("\n")}\nRun npm run catalogue, and read git diff`);
    }
  });

  it("has extensions that can be created by the SQL of the cluster, with the libraries that it has loaded for them", async () => {
    const names = Object.keys(extensions).filter((name) => name !== "plpgsql");
    const parameters = withExtensions({}, [{ name: "postgres", extensions: names }]);
    const options = Object.entries(parameters).map(([name, value]) => `-c ${name}=${value}`);
    const lines = names.map((name) => `${name} ${creations([name], "postgres").join(" ")}\n`);
    const said = await server.do(creationChecks(options.join(" ")), lines.join(""));
    assert.equal(said.trim(), "");
  });

  it("judges the table of good and bad values as PostgreSQL does when it starts", async () => {
    const lines = rows.map((row) => Buffer.from(line(pairOf(row))).toString("base64"));
    const verdicts = (await server.do(startChecks, `${lines.join("\n")}\n`)).trim().split("\n");
    assert.equal(verdicts.length, rows.length);
    const otherwise = rows.flatMap((row, index) => {
      const [parameters, says, whose] = row;
      const taken = verdicts[index] === "1";
      return taken === (!says || whose !== undefined) ? [] : [`${JSON.stringify(parameters)}: ${verdicts[index]}`];
    });
    assert.deepEqual(otherwise, []);
  });

  it("lets nothing through that Patroni would drop or change, and refuses nothing in its name that it passes on", async () => {
    const good = rows.filter(([, says]) => !says).map(pairOf);
    const refused = rows.filter(([, , whose]) => whose === "Patroni").map(pairOf);
    const pairs = [...good, ...taken(), ...refused];
    const passed = JSON.parse(await server.do(patroniChecks, JSON.stringify(pairs))) as (Pair[1] | null)[];
    const dropped = pairs.filter(([, value], index) => passed[index] !== value);
    assert.deepEqual(dropped, refused);
  });

  it("lets nothing through that PostgreSQL refuses, of every parameter", async () => {
    const quoted = (name: string) => name.replaceAll(/[^.]+/g, '"$&"');
    const sql = taken().map(([name, value]) => `ALTER SYSTEM SET ${quoted(name)} = '${value}';\n`);
    const said = await server.do("ask -v ON_ERROR_STOP=0 2>&1", sql.join(""));
    const refused = said.split("\n").filter((one) => one.startsWith("ERROR:"));
    assert.deepEqual(
      refused.filter((one) => !further.some((name) => one.includes(`"${name}"`))),
      [],
    );
  });
});
