/**
 * Allocations that fail on purpose, to run the paths of a program that memory seldom takes: after
 * Seastar's `alloc_failure_injector` (`util/alloc_failure_injector.hh`). Each request is one point at
 * which it can fail, a `calloc` or a `realloc` too, where Seastar counts two.
 *
 * @module
 */
import type { Allocator, Instrument } from "../malloc/mod.ts";

/**
 * Makes allocations of one allocator fail. Costs nothing while no failure is armed.
 *
 * A request that is made to fail gets 0, or throws `BadAllocError` where its form throws, and is
 * counted in `failedMallocs`. No reclaimer runs for it. A `realloc` in place is a request as well.
 *
 * @example
 * ```ts
 * import { Allocator } from "@tidepool/core/allocator";
 * import { FailureInjection } from "@tidepool/core/diagnosis";
 * import { assertEquals, assertNotEquals } from "@std/assert";
 *
 * const segment = new SharedArrayBuffer(65536);
 * const allocator = Allocator.create(segment, [{ byteOffset: 0, byteLength: 65536 }], 0);
 * const injection = new FailureInjection(allocator);
 * injection.failAfter(1);
 * assertNotEquals(allocator.malloc(8), 0);
 * assertEquals(allocator.malloc(8), 0);
 * assertNotEquals(allocator.malloc(8), 0); // it fails once
 * ```
 */
export class FailureInjection {
  readonly #allocator: Allocator;
  #watch: Disposable | undefined;
  #allocations = 0;
  #failAt = Infinity;
  #failed = false;
  #suppressions = 0;

  /** Nothing fails until {@linkcode FailureInjection.failAfter} is called. */
  constructor(allocator: Allocator) {
    this.#allocator = allocator;
  }

  /** Requests seen since `failAfter()`, the failed one included, those in a critical section not. */
  get allocations(): number {
    return this.#allocations;
  }

  /** Whether a request was made to fail since `failAfter()`. */
  get failed(): boolean {
    return this.#failed;
  }

  /**
   * Makes one request fail: the next after `count` others. Counting starts anew with each call.
   *
   * @param count how many requests pass first; `Infinity` counts them and fails none
   * @throws {RangeError} if `count` is negative or no whole number
   * @throws {TypeError} if `count` is not a number
   */
  failAfter(count: number): void {
    if (typeof count !== "number") {
      throw new TypeError(`Cannot fail after ${String(count)} allocations: expected a number`);
    }
    if (count !== Infinity && !(Number.isSafeInteger(count) && count >= 0)) {
      throw new RangeError(
        `Cannot fail after ${count} allocations: expected a whole number, 0 or more, or Infinity`,
      );
    }
    this.#allocations = 0;
    this.#failed = false;
    this.#failAt = count;
    const instrument: Instrument = {
      quietBytes: -1,
      seesFrees: false,
      wants: () => this.#wants(),
    };
    this.#watch?.[Symbol.dispose]();
    this.#watch = this.#allocator.watch(instrument);
  }

  /** Lets every request pass from here on. `allocations` and `failed` stay readable. */
  cancel(): void {
    this.#watch?.[Symbol.dispose]();
    this.#watch = undefined;
  }

  /**
   * Begins a critical section: requests made in it neither fail nor count. Sections nest. After
   * Seastar's `scoped_critical_alloc_section`.
   *
   * @returns ends the section
   */
  criticalSection(): Disposable {
    this.#suppressions++;
    let ended = false;
    return {
      [Symbol.dispose]: () => {
        if (!ended) this.#suppressions--;
        ended = true;
      },
    };
  }

  #wants(): boolean {
    if (this.#suppressions > 0) return true;
    const index = this.#allocations++;
    if (index < this.#failAt) return true;
    this.#failed = true;
    // One failure, as in Seastar: what the program does about it must find memory.
    this.cancel();
    return false;
  }
}

/** What {@linkcode withAllocationFailures} found out. */
export interface AllocationFailureRun<T> {
  /** What the clean run returned. */
  readonly result: T;
  /** How many runs had a failure: the number of requests of the clean run. */
  readonly failures: number;
}

/** How {@linkcode withAllocationFailures} runs the function. */
export interface AllocationFailureOptions {
  /** The injection to use, so that the function can begin critical sections of it. */
  readonly injection?: FailureInjection;
  /**
   * Whether an error thrown by a run that had a failure is a good answer to it. Unless given, those
   * named `BadAllocError` are, thrown or as the `cause` of what is thrown.
   */
  readonly isExpected?: (error: unknown) => boolean;
  /** Runs after which the function is taken never to come clean; 100,000 unless given. */
  readonly maxRuns?: number;
}

/**
 * Runs `run` again and again, until each of its requests has failed once. The first request fails in
 * the first run, the second in the second, until a run meets no failure. After Seastar's `with_allocation_failures`. A run
 * may answer a failure by throwing or by returning; leaving the heap as it found it is up to it, and
 * worth a check at the end of each run.
 *
 * @param allocator whose requests fail
 * @param run what to run; it is given the index of the request that fails in this run
 * @returns what the clean run returned, and how many runs failed before it
 * @throws {Error} as `run` throws, if that is no answer to a failed allocation, or no failure was met;
 * the `cause` is the error, and the message says which request had failed
 * @throws {RangeError} if `run` never comes clean, or `maxRuns` is no whole number, 1 or more
 */
export function withAllocationFailures<T>(
  allocator: Allocator,
  run: (failing: number) => T,
  options: AllocationFailureOptions = {},
): AllocationFailureRun<T> {
  const injection = options.injection ?? new FailureInjection(allocator);
  const isExpected = options.isExpected ?? isBadAlloc;
  const maxRuns = options.maxRuns ?? 100_000;
  if (!(Number.isSafeInteger(maxRuns) && maxRuns >= 1)) {
    throw new RangeError(`Cannot run ${String(maxRuns)} times: expected a whole number, 1 or more`);
  }
  for (let failing = 0; failing < maxRuns; failing++) {
    injection.failAfter(failing);
    try {
      const result = run(failing);
      if (!injection.failed) return { result, failures: failing };
    } catch (cause) {
      if (!injection.failed) throw cause;
      if (!isExpected(cause)) {
        const message = cause instanceof Error ? cause.message : String(cause);
        throw new Error(`The run in which allocation ${failing} failed threw: ${message}`, {
          cause,
        });
      }
    } finally {
      injection.cancel();
    }
  }
  throw new RangeError(
    `Cannot run to the end without a failed allocation: each of ${maxRuns} runs asked for more ` +
      `memory than the one before`,
  );
}

/** By name, as an error that came from another thread is of the same kind and another class. */
function isBadAlloc(error: unknown): boolean {
  let found = error;
  // A chain of causes may close a circle, so it is followed some way only.
  for (let links = 0; links < 100 && found instanceof Error; links++) {
    if (found.name === "BadAllocError") return true;
    found = found.cause;
  }
  return false;
}
