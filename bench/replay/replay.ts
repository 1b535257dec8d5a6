/**
 * The loop that every contestant in this process runs, and its timing.
 *
 * Each contestant has a worker of its own (`replay_worker.ts`) and thereby its own copy of this
 * module: the engine optimises the loop for that one contestant, and none pays for the others'
 * shapes or garbage.
 *
 * @module
 */
import {
  CALLOC,
  FREE,
  MALLOC,
  MEMALIGN,
  OPERATION_WORDS,
  type Program,
  REALLOC,
} from "./program.ts";

/**
 * The calls of an allocator under test. A handle is an address, 0 for no memory; for the garbage
 * collector it is the array itself.
 */
export interface ReplayAllocator<Handle> {
  malloc(byteLength: number): Handle;
  calloc(byteLength: number): Handle;
  memalign(alignment: number, byteLength: number): Handle;
  realloc(handle: Handle, byteLength: number): Handle;
  free(handle: Handle): void;
}

/** Where a replay keeps the handle of each block: a typed array where handles are numbers. */
export interface HandleTable<Handle> {
  [block: number]: Handle | 0;
  readonly length: number;
}

/** Thrown when an allocator returns 0. */
export class OutOfMemoryError extends Error {
  override readonly name = "OutOfMemoryError";

  constructor(program: string, operation: number, byteLength: number) {
    super(`no memory for ${byteLength} bytes at operation ${operation} of ${program}`);
  }
}

/** Runs the operations from `first` to `end`, exclusive. */
export function replay<Handle>(
  allocator: ReplayAllocator<Handle>,
  program: Program,
  first: number,
  end: number,
  handles: HandleTable<Handle>,
): void {
  const words = program.words;
  for (let at = first * OPERATION_WORDS; at < end * OPERATION_WORDS; at += OPERATION_WORDS) {
    const block = words[at + 1]!;
    const byteLength = words[at + 2]!;
    let handle: Handle | 0;
    switch (words[at]!) {
      case MALLOC:
        handle = allocator.malloc(byteLength);
        break;
      case FREE:
        allocator.free(handles[block] as Handle);
        handles[block] = 0;
        continue;
      case REALLOC:
        handle = allocator.realloc(handles[block] as Handle, byteLength);
        break;
      case CALLOC:
        handle = allocator.calloc(byteLength);
        break;
      case MEMALIGN:
        handle = allocator.memalign(words[at + 3]!, byteLength);
        break;
      default:
        throw new Error(`Cannot replay ${program.name}: no operation has the kind ${words[at]}`);
    }
    if (handle === 0) throw new OutOfMemoryError(program.name, at / OPERATION_WORDS, byteLength);
    handles[block] = handle;
  }
}

/** Operations between two looks at the clock: a look costs about 0.1 µs. */
const CHUNK_OPERATIONS = 8_192;

/** `peers/glibc_replay.c` has the same number. */
const OVERALL_FACTOR = 5;

/** The same where a single operation may take 0.1 ms. */
const PART_OPERATIONS = 16;

/** How long a replay goes on. */
export interface ReplayLimits {
  /**
   * Whole replays are repeated until their timed sections add up to this, or until this has passed
   * `OVERALL_FACTOR` times: where preparing the heap takes most of the time, more is not worth it.
   */
  readonly minimumMs: number;
  /** A single replay that takes longer than this is given up. */
  readonly budgetMs: number;
}

/** Replays a program as often as the limits ask. @returns nanoseconds per timed operation */
export function timeReplay<Handle>(
  allocator: ReplayAllocator<Handle>,
  program: Program,
  handles: HandleTable<Handle>,
  limits: ReplayLimits,
): number {
  const operations = program.words.length / OPERATION_WORDS;
  let timedMs = 0;
  let replays = 0;
  const end = performance.now() + limits.minimumMs * OVERALL_FACTOR;
  do {
    const deadline = performance.now() + limits.budgetMs;
    replayWithin(allocator, program, 0, program.timedFrom, handles, deadline, limits);
    const before = performance.now();
    replayWithin(
      allocator,
      program,
      program.timedFrom,
      program.timedTo,
      handles,
      deadline,
      limits,
    );
    timedMs += performance.now() - before;
    replayWithin(allocator, program, program.timedTo, operations, handles, deadline, limits);
    replays++;
  } while (timedMs < limits.minimumMs && performance.now() < end);
  return timedMs * 1e6 / (replays * (program.timedTo - program.timedFrom));
}

/**
 * Replays what prepares a program, then as many of its timed operations as fit in a time: for allocators
 * that are too slow to replay all, and programs of which any part stands for the whole. The blocks stay
 * live, so the allocator is of no use afterwards. @returns nanoseconds per timed operation
 */
export function timePart<Handle>(
  allocator: ReplayAllocator<Handle>,
  program: Program,
  handles: HandleTable<Handle>,
  wantedMs: number,
): number {
  replay(allocator, program, 0, program.timedFrom, handles);
  let from = program.timedFrom;
  let passedMs = 0;
  const before = performance.now();
  while (from < program.timedTo && passedMs < wantedMs) {
    const end = Math.min(from + PART_OPERATIONS, program.timedTo);
    replay(allocator, program, from, end, handles);
    from = end;
    passedMs = performance.now() - before;
  }
  return passedMs * 1e6 / (from - program.timedFrom);
}

/**
 * Replays a program once on an allocator whose memory nobody has touched: the system's work for each
 * first touch of a page is part of the time. @returns nanoseconds per timed operation
 */
export function timeFreshReplay<Handle>(
  allocator: ReplayAllocator<Handle>,
  program: Program,
  handles: HandleTable<Handle>,
): number {
  replay(allocator, program, 0, program.timedFrom, handles);
  const before = performance.now();
  replay(allocator, program, program.timedFrom, program.timedTo, handles);
  return (performance.now() - before) * 1e6 / (program.timedTo - program.timedFrom);
}

function replayWithin<Handle>(
  allocator: ReplayAllocator<Handle>,
  program: Program,
  first: number,
  end: number,
  handles: HandleTable<Handle>,
  deadline: number,
  limits: ReplayLimits,
): void {
  for (let from = first; from < end; from += CHUNK_OPERATIONS) {
    if (performance.now() > deadline) {
      const total = program.words.length / OPERATION_WORDS;
      throw new Error(
        `stopped after ${limits.budgetMs / 1e3} s at operation ${from} of ${total}`,
      );
    }
    replay(allocator, program, from, Math.min(from + CHUNK_OPERATIONS, end), handles);
  }
}
