/**
 * What falls into single operations from outside: collections of the JavaScript engine, page faults
 * and preemption. Asking for them costs more than an operation does, so they are asked for once in a
 * window of operations, between two of them: a long reading is put down to what its window saw.
 *
 * @module
 */
import process from "node:process";
import { getHeapStatistics } from "node:v8";

/** From here on a reading is long, in microseconds. */
export const LONG_US = 50;
/** Operations between two looks. */
const WINDOW_OPERATIONS = 64;

/** How many readings were long, each counted under the first of the causes that its window saw. */
export interface LongReadings {
  total: number;
  /** The heap of the engine shrank: it was collected. */
  collections: number;
  /** The process touched a page that was not mapped. */
  pageFaults: number;
  /** The system took the core away. */
  preemptions: number;
  /** None of these happened. */
  unexplained: number;
}

interface Look {
  readonly heapBytes: number;
  readonly pageFaults: number;
  readonly preemptions: number;
}

/** Watches over readings, and explains the long ones. */
export class Interference {
  readonly long: LongReadings = {
    total: 0,
    collections: 0,
    pageFaults: 0,
    preemptions: 0,
    unexplained: 0,
  };
  readonly #look: () => Look;
  #before: Look;
  #readings = 0;
  #longInWindow = 0;

  /** `look` is what the engine and the system have counted so far. */
  constructor(look: () => Look = lookAround) {
    this.#look = look;
    this.#before = look();
  }

  /** Readings begin; what happened until now is not theirs. */
  begin(): void {
    this.#readings = 0;
    this.#longInWindow = 0;
    this.#before = this.#look();
  }

  /** Takes in a reading. */
  add(microseconds: number): void {
    if (microseconds > LONG_US) this.#longInWindow++;
    if (++this.#readings % WINDOW_OPERATIONS === 0) this.end();
  }

  /** Explains what was long since it looked last. */
  end(): void {
    const before = this.#before;
    const after = this.#look();
    this.#before = after;
    const long = this.#longInWindow;
    this.#longInWindow = 0;
    this.long.total += long;
    if (after.heapBytes < before.heapBytes) this.long.collections += long;
    else if (after.pageFaults > before.pageFaults) this.long.pageFaults += long;
    else if (after.preemptions > before.preemptions) this.long.preemptions += long;
    else this.long.unexplained += long;
  }
}

/** The counters are those of the whole process, whose other threads have nothing to do meanwhile. */
function lookAround(): Look {
  const { minorPageFault, majorPageFault, involuntaryContextSwitches } = process.resourceUsage();
  return {
    heapBytes: getHeapStatistics().used_heap_size,
    pageFaults: minorPageFault + majorPageFault,
    preemptions: involuntaryContextSwitches,
  };
}
