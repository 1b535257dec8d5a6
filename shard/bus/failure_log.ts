/**
 * What calls without reply have thrown, until somebody asks. The first are kept, all are counted.
 *
 * @module
 */

import type { ErrorPacker } from "../codec/mod.ts";

/** Failures kept for one caller; a shard that is out of order must not fill its heap with errors. */
export const MAX_FAILURES = 100;

/** What calls without reply have thrown. */
export interface Failures {
  /** How many have failed. */
  readonly count: number;
  /** What the first of them threw, in order. */
  readonly first: unknown[];
}

/** The failures of one caller's calls. */
export class FailureLog {
  #count = 0;
  #first: unknown[] = [];

  /** A call has failed with `error`. */
  add(error: unknown): void {
    this.#count++;
    if (this.#first.length < MAX_FAILURES) this.#first.push(error);
  }

  /** The same of several, some of which may not be kept any more. */
  addAll({ count, first }: Failures): void {
    this.#count += count;
    this.#first.push(...first.slice(0, MAX_FAILURES - this.#first.length));
  }

  /** All so far, which are forgotten here. */
  take(): Failures {
    const taken = { count: this.#count, first: this.#first };
    this.#count = 0;
    this.#first = [];
    return taken;
  }
}

/** All of several. */
export function sumOf(failures: readonly Failures[]): Failures {
  return {
    count: failures.reduce((sum, { count }) => sum + count, 0),
    first: failures.flatMap(({ first }) => first),
  };
}

/** What `MessageBus.packFailures()` made of failures. */
export function unpackFailures(bytes: Uint8Array | null, packer: ErrorPacker): Failures {
  if (bytes === null) return { count: 0, first: [] };
  const [count, packed] = packer.unpackAll(bytes) as [number, Uint8Array[]];
  return { count, first: packed.map((each) => packer.unpack(each)) };
}
