/** The matrix's clients in Node.js: `main.mjs NAME`. Protocol: ../README.md. It runs beside a copy of docs/clients. */
import { performance } from "node:perf_hooks";
import { createInterface } from "node:readline";
import { setTimeout as sleep } from "node:timers/promises";
import { adapters } from "./adapters.mjs";

/** Writes under an id of its own each, one after the other, until it is told to stop. */
class Ride {
  done = 0;
  failed = [];
  longest = 0;
  stopped = false;

  constructor(adapter, prefix) {
    this.ended = this.run(adapter, prefix);
  }

  async run(adapter, prefix) {
    for (let n = 0; !this.stopped; n++) {
      const began = performance.now();
      await adapter.once(`${prefix}-${n}`).then(
        () => this.done++,
        (error) => this.failed.push(`${prefix}-${n}: ${error.name}: ${error.message}`),
      );
      this.longest = Math.max(this.longest, performance.now() - began);
      await sleep(50);
    }
  }
}

class Session {
  constructor(adapter) {
    this.adapter = adapter;
  }

  connect = () => this.adapter.connect();
  write = (id) => this.adapter.write(id);
  read = () => this.adapter.read();
  long = () => this.adapter.long();

  async prepared() {
    let columns;
    for (let n = 0; n < 8; n++) columns = await this.adapter.prepared();
    return columns;
  }

  async cancel(mark) {
    const began = performance.now();
    const state = await this.adapter.cancelled(`SELECT pg_sleep(30) /* ${mark} */`, 500);
    if (state === "none") return state;
    const took = (performance.now() - began) / 1000;
    if (took > 10) throw new Error(`it ended after ${took.toFixed(1)} s`);
    await this.adapter.connect();
    return state;
  }

  async broken(id) {
    const state = await this.adapter.broken(id).then(
      () => Promise.reject(new Error("the transaction did not fail")),
      (error) => this.adapter.state(error),
    );
    if ((await this.adapter.count(id)) !== 0) throw new Error("a statement of the failed transaction was done");
    return state;
  }

  own = () => this.adapter.own?.() ?? null;

  ride(prefix) {
    this.riding = new Ride(this.adapter, prefix);
  }

  async stop() {
    this.riding.stopped = true;
    await this.riding.ended;
    const { done, failed, longest } = this.riding;
    return { done, failed, longest: Math.round(longest / 10) / 100 };
  }
}

const session = new Session(await adapters[process.argv[2]]());
for await (const line of createInterface({ input: process.stdin })) {
  const [step, ...words] = line.split(" ");
  const answer = await Promise.resolve()
    .then(() => session[step](...words))
    .then(
      (said) => ({ ok: true, said }),
      (error) => ({ ok: false, said: `${error.name}: ${error.message}` }),
    );
  console.log(JSON.stringify({ step, ...answer }));
}
process.exit();
