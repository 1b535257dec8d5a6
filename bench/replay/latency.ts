/**
 * How long single operations take, in a run of their own: looking at the clock costs more than
 * most operations.
 *
 * A single reading says as much about the machine as about the allocator: a collection, a page
 * fault or another process may fall into it. Each trace is therefore replayed several times from
 * the same state, in which every operation does exactly the same work each time, and the least
 * reading of each operation is kept: what is slow in every replay is the allocator's own doing.
 *
 * The readings that are long all the same are explained by what the engine and the system say of the
 * few operations around them (`interference.ts`), and held against as many readings of nothing.
 *
 * @module
 */
import { quantile } from "../comparison.ts";
import { Interference, type LongReadings } from "./interference.ts";
import { CALLOC, FREE, MALLOC, MEMALIGN, OPERATION_WORDS, type Program } from "./program.ts";
import { type HandleTable, replay, type ReplayAllocator } from "./replay.ts";

/** Durations of single operations, in nanoseconds, the clock's own cost included. */
export interface SingleOperationTimes {
  readonly p50: number;
  readonly p99: number;
  readonly p999: number;
  /** The longest reading of all, whatever fell into it. */
  readonly maximum: number;
  /** The longest of the operations' least readings. */
  readonly repeatableMaximum: number;
  /** Which operation that was. */
  readonly slowest: string;
  /** How many readings there were, of all replays together. */
  readonly readings: number;
  /** Those that took long, and what happened around them. */
  readonly long: LongReadings;
  /** Those of as many readings that took long though nothing was done: the machine's own. */
  readonly longIdle: number;
  /** The median of two looks at the clock with nothing between them. */
  readonly clock: number;
}

/** Times every operation of a program; `open` makes an allocator in the same state each time. */
export function timeSingleOperations(
  open: () => ReplayAllocator<number>,
  program: Program,
  handles: HandleTable<number>,
  replays: number,
): SingleOperationTimes {
  const operations = program.words.length / OPERATION_WORDS;
  const count = program.timedTo - program.timedFrom;
  const readings = new Float64Array(count * replays);
  const interference = new Interference();
  for (let turn = 0; turn < replays; turn++) {
    const allocator = open();
    replay(allocator, program, 0, program.timedFrom, handles);
    const some = readings.subarray(turn * count, (turn + 1) * count);
    interference.begin();
    for (let index = 0; index < count; index++) {
      const operation = program.timedFrom + index;
      const before = performance.now();
      replay(allocator, program, operation, operation + 1, handles);
      const ms = performance.now() - before;
      some[index] = ms * 1e6;
      interference.add(ms * 1e3);
    }
    interference.end();
    replay(allocator, program, program.timedTo, operations, handles);
  }
  let slowest = 0;
  let repeatableMaximum = 0;
  for (let index = 0; index < count; index++) {
    let least = Infinity;
    for (let turn = 0; turn < replays; turn++) {
      least = Math.min(least, readings[turn * count + index]!);
    }
    if (least > repeatableMaximum) {
      repeatableMaximum = least;
      slowest = program.timedFrom + index;
    }
  }
  readings.sort();
  return {
    p50: quantile(readings, 0.5),
    p99: quantile(readings, 0.99),
    p999: quantile(readings, 0.999),
    maximum: quantile(readings, 1),
    repeatableMaximum,
    slowest: describe(program, slowest),
    readings: readings.length,
    long: interference.long,
    longIdle: longIdleReadings(readings.length),
    clock: clockCost(),
  };
}

function describe(program: Program, operation: number): string {
  const [kind, , byteLength] = program.words.subarray(operation * OPERATION_WORDS);
  const names = new Map([[MALLOC, "malloc"], [CALLOC, "calloc"], [MEMALIGN, "memalign"]]);
  const text = kind === FREE ? "free" : `${names.get(kind!) ?? "realloc"} of ${byteLength} bytes`;
  return `${text}, operation ${operation}`;
}

function longIdleReadings(count: number): number {
  const idle = new Interference();
  idle.begin();
  for (let index = 0; index < count; index++) {
    const before = performance.now();
    idle.add((performance.now() - before) * 1e3);
  }
  idle.end();
  return idle.long.total;
}

function clockCost(): number {
  const readings = new Float64Array(10_000);
  for (let index = 0; index < readings.length; index++) {
    const before = performance.now();
    readings[index] = (performance.now() - before) * 1e6;
  }
  return quantile(readings.sort(), 0.5);
}
