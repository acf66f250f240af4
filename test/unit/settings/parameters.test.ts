import assert from "node:assert/strict";
import { dataDirectory, dynamicConfiguration } from "../../../cloud-init/services/patroni/files";
import { pinned } from "../../../cloud-init/services/patroni/pinned";
import { clocks } from "../../../settings/clocks";
import { catalogue } from "../../../settings/parameters/catalogue";
import { unsettable } from "../../../settings/parameters/controlled";
import { parameterFaults, type Parameters } from "../../../settings/parameters/faults";
import { readList } from "../../../settings/parameters/lists";
import { nearest } from "../../../settings/parameters/nearest";
import { readNumber, written } from "../../../settings/parameters/numbers";
import { rows } from "../support/parameters";
import { faultsOf, plan, planOnAws } from "../support/settings";

describe("PostgreSQL's parameters in the settings", () => {
  for (const [parameters, says] of rows) {
    it(`${JSON.stringify(parameters)} ${says ? "is refused" : "is taken"}`, () => {
      const faults = parameterFaults(parameters);
      assert.deepEqual(
        faults.map(({ path }) => path),
        says ? [`postgresql.parameters.${Object.keys(parameters)[0]}`] : [],
        faults[0]?.fault,
      );
      if (says) assert.match(faults[0]!.fault, says);
    });
  }

  it("are judged all at once, together with the other settings", () => {
    const parameters = { log_min_duration: "1s", work_mem: "64 MiB", timezone: "Mars/Phobos" };
    const faults = faultsOf({ nodes: { etcd: 4 }, postgresql: { parameters } });
    const paths = faults.map(({ path }) => path).sort();
    const names = ["log_min_duration", "timezone", "work_mem"].map((name) => `postgresql.parameters.${name}`);
    assert.deepEqual(paths, ["nodes.etcd", ...names]);
  });

  it("are judged also when other settings cannot be read", () => {
    const paths = faultsOf({ colour: 1, postgresql: { parameters: { work_mem: [], jit: "maybe" } } }).map(
      ({ path }) => path,
    );
    assert.deepEqual(paths.sort(), ["colour", "postgresql.parameters.jit", "postgresql.parameters.work_mem"]);
  });

  it("may not be written twice in different case", () => {
    const [fault, ...more] = parameterFaults({ Work_Mem: "4MB", work_mem: "8MB" });
    assert.deepEqual(more, []);
    assert.deepEqual(fault, {
      path: "postgresql.parameters.work_mem",
      fault: "is Work_Mem once more; remove one of them",
    });
  });
});

describe("the parameters that the project renders", () => {
  /** Without those that are the project's own business to set. */
  const judged = (parameters: Record<string, unknown>) =>
    parameterFaults(
      Object.fromEntries(
        Object.entries(parameters).filter(([name, value]) => !unsettable(name, String(value), undefined)),
      ) as Parameters,
    );
  const rendered = (made: ReturnType<typeof plan>) => {
    const { postgresql } = dynamicConfiguration(made) as { postgresql: { parameters: Record<string, unknown> } };
    return { ...postgresql.parameters, ...pinned(made.settings, dataDirectory) };
  };

  for (const preset of Object.keys(clocks)) {
    for (const memory of [1024, 4096, 65_536, 1_048_576]) {
      it(`pass with the timings of ${preset} and ${memory} MiB`, () => {
        const made = plan({ clock: preset, machines: { postgresql: { memory } } });
        assert.deepEqual(judged(rendered(made)), []);
      });
    }
  }
  it("pass on the smallest and the largest machine, and on AWS", () => {
    const smallest = plan({
      machines: { postgresql: { memory: 512 } },
      postgresql: { maxConnections: 40 },
      pool: { size: 10 },
    });
    const largest = plan({ machines: { postgresql: { memory: 4_194_304 } }, postgresql: { maxConnections: 10_000 } });
    for (const made of [smallest, largest, planOnAws()]) assert.deepEqual(judged(rendered(made)), []);
  });
  it("are known by name also where the settings may not have them", () => {
    for (const name of Object.keys(rendered(plan()))) assert.ok(name in catalogue.parameters, name);
  });
});

describe("numbers as PostgreSQL reads them", () => {
  const value = (text: string, base?: string, type: "integer" | "real" = "integer") => {
    const read = readNumber(text, type, base);
    return "value" in read ? read.value : read.wrong;
  };
  it("come in their base unit", () => {
    assert.equal(value("1GB", "8kB"), 131_072);
    assert.equal(value("1d", "min"), 1440);
    assert.equal(value("90s", "min"), 2, "rounded to the even neighbor of 1.5");
    assert.equal(value("150s", "min"), 2, "rounded to the even neighbor of 2.5");
    assert.equal(value("30.1GB", "kB"), 31_561_728, "30822 MB, as the manual has it");
    assert.equal(value("1500us", "ms", "real"), 1.5);
    assert.equal(value("-0x10"), -16);
    assert.equal(value("010"), 8);
    assert.equal(value("010.5", undefined, "real"), 10.5);
  });
  it("are written in the largest unit that needs no fraction", () => {
    assert.equal(written(16, "8kB"), "128kB");
    assert.equal(written(60_000, "ms"), "1min");
    assert.equal(written(-1, "kB"), "-1");
    assert.equal(written(5), "5");
  });
});

describe("lists as PostgreSQL reads them", () => {
  it("have words in lower case, unless they are in double quotes", () => {
    assert.deepEqual(readList(' One ,"Two ""and"" a half"', "words"), ["one", 'Two "and" a half']);
    assert.equal(readList("one two", "words"), undefined);
  });
  it("of files have names with blanks", () => {
    assert.deepEqual(readList(" /One two , Three ", "files"), ["/One two", "Three"]);
    assert.equal(readList("one,", "files"), undefined);
  });
});

describe("the nearest known name", () => {
  it("is one that goes on where this one ends, or one of few other letters", () => {
    assert.deepEqual(nearest("lock", ["lock_timeout", "clock"]), ["lock_timeout"]);
    assert.deepEqual(nearest("wrk_mem", ["work_mem", "temp_mem"]), ["work_mem"]);
    assert.deepEqual(nearest("colour", ["work_mem"]), []);
  });
});
