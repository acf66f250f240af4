import { createHash } from "node:crypto";

/** One drill to come. */
export interface DrillJob {
  fault: string;
  clock: string;
}

/**
 * Every fault on every clock, `repeat` times. Clocks take turns within each repeat, and each repeat begins with another one,
 * so that a machine that grows slower or faster meanwhile treats them all alike.
 */
export function interleaved(faults: string[], clocks: string[], repeat: number): DrillJob[] {
  const rounds = Array.from({ length: repeat }, (_, round) => {
    const turn = round % clocks.length;
    return [...clocks.slice(turn), ...clocks.slice(0, turn)];
  });
  return rounds.flatMap((order) => order.flatMap((clock) => faults.map((fault) => ({ fault, clock }))));
}

/**
 * Numbers in [0, 1) that depend on nothing but the seed: mulberry32 (Tommy Ettinger, public domain) on 32 bits of the seed's
 * SHA-256.
 */
export function randomFrom(seed: string): () => number {
  let state = createHash("sha256").update(seed).digest().readUInt32LE();
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** An endless random sequence, in which every fault comes up once before any comes up again. */
export function* shuffled(faults: string[], random: () => number): Generator<string, never> {
  if (faults.length === 0) throw new Error("there is nothing to choose from");
  for (;;) {
    const round = [...faults];
    while (round.length > 0) yield round.splice(Math.floor(random() * round.length), 1)[0]!;
  }
}
