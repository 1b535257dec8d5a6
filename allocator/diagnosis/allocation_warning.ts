/**
 * The large-allocation warning, after Seastar's (`src/core/memory.cc`, `check_large_allocation`): a
 * large block is hard to find in a heap that has been in use for long, so a program does well to
 * know where it asks for them. It differs where Seastar's users ran into trouble:
 * - a threshold of 0 turns the warning off, where it means "warn of everything" there;
 * - `thresholdBytes` is what was set, not the value raised by warnings, so a scope that restores it
 *   restores what was there;
 * - the raised threshold comes back by the factor by which it rose, not by a page at a time.
 *
 * @module
 */
import type { Allocator, Instrument } from "../malloc/mod.ts";
import { type CallFrame, CallStack } from "../debug_heap/mod.ts";
import { count, LARGE_MALLOCS_WORD, openSlice } from "../layout/mod.ts";

/** By how much a warning raises the threshold, and 20 quiet large allocations lower it again. */
const RATCHET = 1.618;
/** Seastar's number: large allocations that went unreported before the threshold comes down. */
const QUIET_ALLOCATIONS = 20;

/** A large allocation that is reported. */
export interface LargeAllocation {
  /** Bytes asked for. */
  readonly byteLength: number;
  /** The address it got. */
  readonly address: number;
  /** The threshold that it reached: the one set, raised by the warnings before. */
  readonly thresholdBytes: number;
  /** Large allocations since the last report that were not reported. */
  readonly unreported: number;
  /** Where it was asked for, innermost call first. */
  readonly stack: readonly CallFrame[];
  /** All of that in a few lines of text. */
  readonly message: string;
}

/** Of which allocations to warn, and whom. */
export interface LargeAllocationWarningOptions {
  /** Bytes from which an allocation is large; 0 for no warning. */
  readonly thresholdBytes: number;
  /** Called with each report. What it throws, the allocation throws, so it had better not. */
  readonly report: (allocation: LargeAllocation) => void;
}

/**
 * Reports allocations of one allocator that reach a threshold. After a report the threshold is 1.618
 * times as high, and after 20 large allocations below the raised threshold it falls by that factor,
 * no lower than it was set: a program that keeps asking for large blocks is told, and not drowned.
 *
 * All allocations that reach the threshold as it was set are counted in `largeMallocs` of the
 * statistics, reported or not; a block that grows in place is none. Smaller requests cost nothing.
 *
 * @example
 * ```ts
 * import { Allocator } from "@tidepool/core/allocator";
 * import { LargeAllocationWarning } from "@tidepool/core/diagnosis";
 * import { assertEquals } from "@std/assert";
 *
 * const segment = new SharedArrayBuffer(1 << 20);
 * const allocator = Allocator.create(segment, [{ byteOffset: 0, byteLength: 1 << 20 }], 0);
 * const seen: number[] = [];
 * using warning = new LargeAllocationWarning(allocator, {
 *   thresholdBytes: 1000,
 *   report: ({ byteLength }) => seen.push(byteLength),
 * });
 * allocator.malloc(999);
 * allocator.malloc(1000);
 * {
 *   using _ = warning.scope(0); // this one is known to be large
 *   allocator.malloc(100_000);
 * }
 * assertEquals(seen, [1000]);
 * assertEquals(warning.thresholdBytes, 1000);
 * ```
 */
export class LargeAllocationWarning {
  readonly #allocator: Allocator;
  readonly #words: Int32Array;
  readonly #report: (allocation: LargeAllocation) => void;
  #watch: Disposable | undefined;
  #threshold = 0;
  #raised = 0;
  #unreported = 0;
  #quiet = 0;

  /**
   * Begins to warn.
   *
   * @param allocator whose allocations are looked at
   * @param options the threshold, and who is told
   * @throws {RangeError} if the threshold is negative, fractional or not finite
   * @throws {TypeError} if the threshold is not a number, or `report` not a function
   */
  constructor(allocator: Allocator, options: LargeAllocationWarningOptions) {
    if (typeof options.report !== "function") {
      throw new TypeError(`Cannot report to ${String(options.report)}: expected a function`);
    }
    this.#allocator = allocator;
    this.#words = openSlice(allocator.buffer, allocator.slice);
    this.#report = options.report;
    this.thresholdBytes = options.thresholdBytes;
  }

  /** Bytes from which an allocation is large, as set; 0 if no allocation is. */
  get thresholdBytes(): number {
    return this.#threshold;
  }

  /** Setting it forgets how far earlier warnings have raised the threshold. */
  set thresholdBytes(byteLength: number) {
    if (typeof byteLength !== "number") {
      throw new TypeError(`Cannot warn from ${String(byteLength)} bytes: expected a number`);
    }
    if (!(Number.isSafeInteger(byteLength) && byteLength >= 0)) {
      throw new RangeError(
        `Cannot warn from ${byteLength} bytes: expected a whole number, 0 or more`,
      );
    }
    this.#set(byteLength, byteLength);
  }

  /** Bytes from which an allocation is reported now: the threshold, raised by earlier reports. */
  get raisedThresholdBytes(): number {
    return this.#raised;
  }

  /**
   * Changes the threshold for a while. The end of the scope restores the threshold and how far it
   * was raised. Scopes nest, and end in the reverse of the order in which they began.
   *
   * @param thresholdBytes the threshold meanwhile; 0 for no warning
   * @returns ends the scope
   * @throws {RangeError} if the threshold is negative, fractional or not finite
   */
  scope(thresholdBytes: number): Disposable {
    const threshold = this.#threshold;
    const raised = this.#raised;
    this.thresholdBytes = thresholdBytes;
    let ended = false;
    return {
      [Symbol.dispose]: () => {
        if (!ended) this.#set(threshold, raised);
        ended = true;
      },
    };
  }

  /** Ends all warnings, as a threshold of 0 does. */
  [Symbol.dispose](): void {
    this.#set(0, 0);
  }

  #set(threshold: number, raised: number): void {
    this.#threshold = threshold;
    this.#raised = raised;
    this.#quiet = 0;
    this.#watch?.[Symbol.dispose]();
    this.#watch = undefined;
    if (threshold === 0) return;
    const instrument: Instrument = {
      quietBytes: threshold - 1,
      seesFrees: false,
      allocated: (address, byteLength) => this.#allocated(address, byteLength),
    };
    this.#watch = this.#allocator.watch(instrument);
  }

  #allocated(address: number, byteLength: number): void {
    count(this.#words, LARGE_MALLOCS_WORD);
    const thresholdBytes = this.#raised;
    if (byteLength < thresholdBytes) {
      this.#unreported++;
      if (++this.#quiet < QUIET_ALLOCATIONS) return;
      this.#quiet = 0;
      this.#raised = Math.max(this.#threshold, Math.floor(thresholdBytes / RATCHET));
      return;
    }
    const unreported = this.#unreported;
    this.#unreported = 0;
    this.#quiet = 0;
    this.#raised = Math.ceil(thresholdBytes * RATCHET);
    const stack = new CallStack();
    const message = `Large allocation: ${byteLength} bytes at address ${address} of slice ` +
      `${this.#allocator.sliceIndex}, threshold ${thresholdBytes}` +
      (unreported === 0 ? "" : `, ${unreported} since the last report not reported`) +
      stack.indented;
    const { frames } = stack;
    this.#report({ byteLength, address, thresholdBytes, unreported, stack: frames, message });
  }
}
