/**
 * Random numbers that can be had again: sfc32 (Chris Doty-Humphrey, PractRand), seeded by one
 * number, and what random tests share: where the seed comes from, and how a failure says it.
 *
 * @module
 */
import { relative } from "node:path";
import { fileURLToPath } from "node:url";
import * as fc from "fast-check";

/** A stream of random numbers that depends on nothing but its seed. */
export class SeededRandom {
  readonly seed: number;
  #a: number;
  #b: number;
  #c: number;
  #counter = 1;

  constructor(seed: number) {
    this.seed = seed >>> 0;
    this.#a = this.seed;
    this.#b = 0x9e3779b9;
    this.#c = 0x243f6a88;
    // Nearby seeds give unrelated streams only after some rounds.
    for (let i = 0; i < 15; i++) this.next();
  }

  /** A whole number from 0 to 2^32 - 1. */
  next(): number {
    const result = (this.#a + this.#b + this.#counter) | 0;
    this.#counter = (this.#counter + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + result) | 0;
    return result >>> 0;
  }

  /** A whole number from 0 to `limit - 1`. */
  below(limit: number): number {
    return Math.floor((this.next() / 0x1_0000_0000) * limit);
  }

  /** A whole number from `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  /** Puts the items in random order, in place. */
  shuffle<T>(items: T[]): T[] {
    for (let i = items.length - 1; i > 0; i--) {
      const j = this.below(i + 1);
      const item = items[i]!;
      items[i] = items[j]!;
      items[j] = item;
    }
    return items;
  }
}

/** The seed of this run: the environment's TIDEPOOL_SEED if it is set, else one of its own. */
export function runSeed(): number {
  const given = Deno.env.get("TIDEPOOL_SEED");
  if (given === undefined) return crypto.getRandomValues(new Uint32Array(1))[0]!;
  const seed = Number(given);
  if (!Number.isInteger(seed)) throw new RangeError(`TIDEPOOL_SEED is no whole number: ${given}`);
  return seed;
}

/** Runs a test body with random numbers; a failure says the seed and how to run it again. */
export function withRandom(body: (random: SeededRandom) => Promise<void>): Promise<void>;
/** The same, for a body that waits for nothing. */
export function withRandom(body: (random: SeededRandom) => void): void;
export function withRandom(
  body: (random: SeededRandom) => void | Promise<void>,
): void | Promise<void> {
  const random = new SeededRandom(runSeed());
  const fail = (cause: unknown): never => {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new Error(message + again(random.seed), { cause });
  };
  try {
    return body(random)?.catch(fail);
  } catch (cause) {
    fail(cause);
  }
}

/** Checks a property on random inputs; a failure says the smallest one, the seed, and how to run it again. */
export function checkProperty<T>(property: fc.IProperty<T>, numRuns: number): void {
  expectPassed(fc.check(property, { seed: runSeed() | 0, numRuns }));
}

/** The same for a property that has to be waited for. */
export async function checkAsyncProperty<T>(
  property: fc.IAsyncProperty<T>,
  numRuns: number,
): Promise<void> {
  expectPassed(await fc.check(property, { seed: runSeed() | 0, numRuns }));
}

function expectPassed<T>(details: fc.RunDetails<T>): void {
  if (!details.failed) return;
  const cause = details.errorInstance;
  throw new Error(`${fc.defaultReportMessage(details)}${again(details.seed)}`, { cause });
}

function again(seed: number): string {
  const file = relative(Deno.cwd(), fileURLToPath(Deno.mainModule)); // of a test, its own file
  return `\nSeed ${seed}: run it again with TIDEPOOL_SEED=${seed} deno task test ${file}`;
}
