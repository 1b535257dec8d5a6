/**
 * What a shard does for `compare placement`: reads a large table, replays a recorded program, touches
 * memory that nobody has touched.
 *
 * @module
 */
import {
  type Allocator,
  defineTasks,
  f64,
  localAllocator,
  string,
  struct,
  type Task,
  u32,
} from "@tidepool/core";
import { replayAllocator } from "../peers/tidepool_allocator.ts";
import { type Program, readTraces } from "../replay/program.ts";
import { type ReplayLimits, timeReplay } from "../replay/replay.ts";

/** How reads follow each other: from places that are known before, or from where the last one says. */
export type ReadKind = "independent" | "dependent";

/** A cache line, as in most tables that are read at random: no two rows share one. */
const Row = struct("Row", { price: f64, next: u32, stock: u32, name: string(48) });

/** Of the table, once there is one. */
let rowCount = 0;
let firstRow = 0;
let programs: readonly Program[] = [];

/**
 * The row that is read after `row`: a linear congruential generator, which meets every one of 2^n rows
 * once before it comes back, and whose strides no prefetcher follows.
 */
function rowAfter(row: number): number {
  return (Math.imul(row, 1_664_525) + 1_013_904_223) & (rowCount - 1);
}

function readIndependent(buffer: SharedArrayBuffer, reads: number): number {
  let sum = 0;
  let row = 0;
  for (let read = 0; read < reads; read++) {
    sum += Row.at(buffer, firstRow + row * Row.byteLength).price;
    row = rowAfter(row);
  }
  return sum;
}

function readDependent(buffer: SharedArrayBuffer, reads: number): number {
  let sum = 0;
  let row = 0;
  for (let read = 0; read < reads; read++) {
    const { price, next } = Row.at(buffer, firstRow + row * Row.byteLength);
    sum += price;
    row = next;
  }
  return sum;
}

/** A block for the rest of the work of this shard. */
function take(allocator: Allocator, byteLength: number): number {
  const address = allocator.memalign(64, byteLength);
  if (address === 0) throw new Error(`The slice has no room for ${byteLength} bytes`);
  return address;
}

interface PlacedTasks {
  readonly makeTable: Task<[number], void>;
  readonly read: Task<[ReadKind, number], number>;
  readonly readPrograms: Task<[string, readonly string[]], string[]>;
  readonly replay: Task<[string, ReplayLimits], number>;
  readonly touch: Task<[number], number>;
}

export const placedTasks: PlacedTasks = defineTasks(import.meta.url, {
  /** Fills a table of `byteLength` bytes, a power of two. */
  makeTable: (byteLength: number): void => {
    const allocator = localAllocator();
    rowCount = byteLength / Row.byteLength;
    firstRow = take(allocator, byteLength);
    for (let index = 0; index < rowCount; index++) {
      const row = Row.at(allocator.buffer, firstRow + index * Row.byteLength);
      row.price = index % 1000;
      row.next = rowAfter(index);
    }
  },

  /** @returns nanoseconds per read */
  read: (kind: ReadKind, reads: number): number => {
    const { buffer } = localAllocator();
    const begin = performance.now();
    const sum = kind === "dependent"
      ? readDependent(buffer, reads)
      : readIndependent(buffer, reads);
    const nanoseconds = (performance.now() - begin) * 1e6 / reads;
    let expected = 0;
    let row = 0;
    for (let read = 0; read < reads; read++) {
      expected += row % 1000;
      row = rowAfter(row);
    }
    if (sum !== expected) throw new Error(`The prices add up to ${sum}, and not to ${expected}`);
    return nanoseconds;
  },

  /** Reads the traces of a folder. @returns the names of those that are wanted, or of all if none is there */
  readPrograms: async (folder: string, wanted: readonly string[]): Promise<string[]> => {
    const all = await readTraces(folder);
    programs = all.filter(({ name }) => wanted.includes(name));
    if (programs.length === 0) programs = all;
    return programs.map(({ name }) => name);
  },

  /** Replays a program on the shard's own allocator. @returns nanoseconds per timed operation */
  replay: (wanted: string, limits: ReplayLimits): number => {
    const program = programs.find(({ name }) => name === wanted)!;
    const handles = new Float64Array(program.blocks);
    return timeReplay(replayAllocator(localAllocator()), program, handles, limits);
  },

  /** Writes to each page of a new block. @returns nanoseconds per page of 4 KiB */
  touch: (byteLength: number): number => {
    const allocator = localAllocator();
    const address = take(allocator, byteLength);
    const words = new Int32Array(allocator.buffer, address, byteLength >> 2);
    const begin = performance.now();
    for (let word = 0; word < words.length; word += 1024) words[word] = 1;
    return (performance.now() - begin) * 1e6 / (byteLength / 4096);
  },
});
