/**
 * What a runtime is to be, and what follows from it.
 *
 * @module
 */

import type { DebugHeapOptions } from "../../allocator/diagnosis/mod.ts";
import { MAX_SLICE_BYTES } from "../../allocator/mod.ts";
import { ringBytes } from "../ring/mod.ts";
import { kindOfValue } from "../codec/mod.ts";
import { alignToPage, MAX_TIMER_MS, type SegmentShape } from "../calls/mod.ts";
import { readMachineMemory } from "./machine_memory.ts";
import { divideMemory, divisibleMemory, MIN_SHARE_BYTES } from "./memory_division.ts";
import { automaticMemory, parseMemorySize } from "./memory_size.ts";
import { checkPlacement, type PlacementOptions } from "./placement_options.ts";
import type { CrashPolicy } from "./supervisor.ts";

/** Slots of each ring, unless told otherwise or there are many rings. */
const RING_SLOTS = 2048;
/** The fewest slots that a ring gets by default. */
const MIN_RING_SLOTS = 64;
/** Bytes that all rings together take by default, at most. */
const RINGS_BYTES = 256 * 2 ** 20;
/** Bytes of the host's slice. Untouched pages cost nothing. */
const HOST_MEMORY_BYTES = 64 * 2 ** 20;
/** The most shards: the rings grow with the square of their number. */
const MAX_SHARDS = 256;
/** Microseconds to spin before a sleep. A wake-up costs 20. */
const SPIN_MICROSECONDS = 50;
/** Longer, and timers and sockets would wait for a shard that waits for messages. */
const MAX_SPIN_MICROSECONDS = 10_000;
/** Garbage collections pause a thread for less. */
const MIN_WATCHDOG_MS = 100;
/** Memory that is free for less is soon used again. */
const MIN_TRIM_AFTER_MS = 100;
/** How long a shard that is started again may take until it takes calls, unless told otherwise. */
const RESTART_TIMEOUT_MS = 30_000;
/** How long `stop()` waits for calls under way, unless told otherwise. */
const STOP_DEADLINE_MS = 10_000;

const CRASH_POLICIES: readonly CrashPolicy[] = ["fail", "keep", "restart"];
/** Kinds of the options that are no numbers; weights and sizes of memory are checked where they are read. */
const OPTION_KINDS: Partial<Record<keyof RuntimeOptions, readonly string[]>> = {
  shards: ["number"],
  ringSlots: ["number"],
  spinMicroseconds: ["number"],
  watchdogMs: ["number"],
  trimAfterMs: ["number"],
  restartTimeoutMs: ["number"],
  onRestart: ["function"],
  onWarning: ["function"],
  debug: ["boolean"],
  debugHeap: ["boolean", "object"],
  placement: ["object"],
};

/** Options of `Runtime.start()`: shards, memory, what a crash means, who is warned. */
export interface RuntimeOptions {
  /**
   * Shards: Workers, each with its own event loop and its own slice of memory.
   *
   * @default {navigator.hardwareConcurrency}
   */
  readonly shards?: number;
  /**
   * Memory of all shards together: bytes, or text like "512MiB". "auto" takes what the machine has
   * available and the cgroup allows, less a reserve of 1536 MiB or 7 %, the larger, but never more
   * than half of it; it needs `--allow-sys=systemMemoryInfo`. Pages are taken as they are touched.
   *
   * @default {"auto"}
   */
  readonly memory?: number | string;
  /**
   * Share of the memory for each shard in relation to the others, `[2, 1, 1]` for one. A slice is
   * limited to 4 GiB.
   *
   * @default {equal shares}
   */
  readonly weights?: readonly number[];
  /**
   * Memory for messages from the host, outside the division: bytes, or text.
   *
   * @default {"64MiB"}
   */
  readonly hostMemory?: number | string;
  /**
   * Microseconds that an endpoint spins for messages before it sleeps, which makes calls some twenty
   * times faster. Its sockets and timers wait so long; then it goes on for up to eight times as long
   * and lets them have their turn. It does not spin while more endpoints are awake than there are
   * cores, and seldom while its spins end without a message: then it blocks for up to 200 µs, if that
   * pays, since others may need the core. With more endpoints than cores, the host being one, it never
   * blocks, and seldom spins while messages take longer than 12 µs to come. 0 turns all of it off.
   *
   * @default {50}
   */
  readonly spinMicroseconds?: number;
  /**
   * Records that each ring holds, a power of two. Half of them less one bound the calls under way
   * from one endpoint to another, one at the least; further calls wait in order. A record takes 64
   * bytes, and there is a ring for every ordered pair of endpoints.
   *
   * @default {2048, and fewer where there are more than some forty shards}
   */
  readonly ringSlots?: number;
  /**
   * What the death of a shard means. "fail": the runtime ends, and every call, under way or later,
   * rejects with `ShardCrashedError`. "keep": calls to that shard reject, the others go on. "restart":
   * calls under way reject, later ones wait (see `CallOptions.whenDown`), and the shard is started again,
   * with an empty slice and a new epoch: objects and blocks of its former life are gone, and foreign
   * pointers to them fail. Before it takes a call, it gets its replicated values, its services are made
   * again in the order in which they were started, and `onRestart` has resolved. A service that cannot be
   * made again is a crash of the shard. A shard that crashes more than five times within a minute, or in a
   * row before it took a call, fails the runtime; so does one whose thread does not end when it is told
   * to, as in an endless loop: it could still write to what its next life would use.
   *
   * @default {"fail"}
   */
  readonly onCrash?: CrashPolicy;
  /**
   * Called when a shard was started again, to put back into it what it needs. It may be asynchronous:
   * other calls to the shard wait until it has resolved, and only those that it makes itself go through. Its
   * calls to another shard that is being started again wait like all others, and so do those that a task
   * on another shard makes for it.
   *
   * If it throws or rejects, or takes longer than `restartTimeoutMs` leaves it, the runtime fails with an
   * error that says so and has what was thrown as its `cause`, unless the runtime is being stopped: then
   * that error is a warning. If the shard dies meanwhile, it is called again in the next life, and what
   * comes of the first call does not count.
   *
   * @param shard Its id.
   * @param cause What it had died of.
   */
  readonly onRestart?: (shard: number, cause: unknown) => void | Promise<void>;
  /**
   * Milliseconds from the moment at which the thread of a shard that is started again is ready to that
   * at which the shard takes calls: for its replicated values, its services and `onRestart` together. A
   * service that takes longer is a crash of the shard.
   *
   * @default {30_000}
   */
  readonly restartTimeoutMs?: number;
  /**
   * Takes a shard for crashed that does not come back to its event loop within so many milliseconds,
   * as in an endless loop. Sleeping shards are woken twice in that time.
   *
   * @default {undefined, which means never}
   */
  readonly watchdogMs?: number;
  /**
   * Milliseconds after which free memory goes back to the system: whole pages inside free blocks of 256
   * KiB and more, of the shards' slices and the host's. A sleeping endpoint looks, some times in that
   * period, and gives back what was free at every look; one that has nothing to give back is not woken.
   * To use memory again then takes some 3 µs a page. It takes Linux and `--allow-ffi`, for which nobody is
   * asked; without them nothing is given back. `localAllocator().mallocTrim()` does it at once.
   *
   * @default {undefined, which means never}
   */
  readonly trimAfterMs?: number;
  /**
   * Told of what went wrong where nobody waits: a destructor that threw in the background, a foreign
   * pointer that was lost, or still held at the end, a service that leaves blocks in its slice each time
   * it stops. If it throws or rejects, the warning and that go to the console.
   *
   * @default {console.warn}
   */
  readonly onWarning?: (warning: Error) => unknown;
  /**
   * Remembers where each foreign pointer was made, for such warnings. Costs microseconds a pointer.
   *
   * @default {false}
   */
  readonly debug?: boolean;
  /**
   * Gives every slice a debug heap: guards behind blocks, freed memory that is held back and checked,
   * an exact map of blocks, the stacks of allocations, and a report of blocks still live at `stop()`,
   * to `onWarning`. Costs microseconds a block.
   *
   * @default {false}
   */
  readonly debugHeap?: boolean | DebugHeapOptions;
  /**
   * Where the threads of shards run and where their memory lies: on which cpus and nodes, in huge pages,
   * locked, touched at the start. It needs Linux and `--allow-ffi`; without them, and for what the kernel
   * refuses, everything runs as if it had been left out, and `Runtime.placement()` says why. The kernel's
   * refusals are warnings too.
   *
   * @default {undefined: nothing is asked of the system}
   */
  readonly placement?: PlacementOptions;
}

/** How long `Runtime.stop()` waits. */
export interface StopOptions {
  /**
   * How long to wait, in milliseconds, for calls under way; then they are rejected. `Infinity` waits
   * for as long as it takes.
   *
   * @default {10_000}
   */
  readonly deadlineMs?: number;
}

/** Refuses options of the wrong kind, and an unknown policy. */
export function checkKinds(options: RuntimeOptions): void {
  checkObject(options, "start a runtime with options");
  for (const [name, kinds] of Object.entries(OPTION_KINDS)) {
    const value: unknown = options[name as keyof RuntimeOptions];
    if (value !== undefined && !kinds.includes(value === null ? "null" : typeof value)) {
      throw new TypeError(
        `Cannot start a runtime with ${name} that is ${kindOfValue(value)}: expected ${
          kinds.join(" or ")
        }`,
      );
    }
  }
  const { onCrash } = options;
  if (onCrash !== undefined && !CRASH_POLICIES.includes(onCrash)) {
    throw new TypeError(
      `Cannot start a runtime with onCrash that is ${kindOfValue(onCrash)}: expected ${
        CRASH_POLICIES.map((policy) => `"${policy}"`).join(", ")
      }`,
    );
  }
}

function checkObject(options: unknown, action: string): void {
  if (typeof options === "object" && options !== null) return;
  throw new TypeError(`Cannot ${action} that are ${kindOfValue(options)}: expected an object`);
}

/** How long `stop()` is to wait, in milliseconds. */
export function deadlineFor(options: StopOptions): number {
  checkObject(options, "stop a runtime with options");
  const { deadlineMs = STOP_DEADLINE_MS } = options;
  if (typeof deadlineMs !== "number") {
    throw new TypeError(
      `Cannot stop with a deadline that is ${kindOfValue(deadlineMs)}: expected a number`,
    );
  }
  if (!(deadlineMs >= 0 && deadlineMs <= MAX_TIMER_MS || deadlineMs === Infinity)) {
    throw new RangeError(
      `Cannot stop within ${deadlineMs} ms: expected 0 to ${MAX_TIMER_MS}, or Infinity`,
    );
  }
  return deadlineMs;
}

/** The shape of the segment that `options` ask for. */
export function shapeFor(options: RuntimeOptions): SegmentShape {
  const shardCount = options.shards ?? navigator.hardwareConcurrency;
  if (!Number.isInteger(shardCount) || shardCount < 1 || shardCount > MAX_SHARDS) {
    throw new RangeError(
      `Cannot start ${shardCount} shards: expected a whole number from 1 to ${MAX_SHARDS}`,
    );
  }
  if (options.placement !== undefined) checkPlacement(options.placement, shardCount);
  const { memory = "auto", weights } = options;
  const totalBytes = memory === "auto"
    ? automaticMemory(readMachineMemory(), divisibleMemory(shardCount, weights))
    : parseMemorySize(memory);
  const sliceBytes = divideMemory(totalBytes, shardCount, weights);
  const hostSliceBytes = alignToPage(parseMemorySize(options.hostMemory ?? HOST_MEMORY_BYTES));
  if (hostSliceBytes < MIN_SHARE_BYTES || hostSliceBytes > MAX_SLICE_BYTES) {
    throw new RangeError(
      `Cannot give the host ${hostSliceBytes} bytes: expected ${MIN_SHARE_BYTES} to ${MAX_SLICE_BYTES}`,
    );
  }
  const ringSlots = options.ringSlots ?? defaultRingSlots(shardCount + 1);
  if (
    !Number.isInteger(ringSlots) || ringSlots < 2 || ringSlots > 2 ** 20 ||
    ringSlots & (ringSlots - 1)
  ) {
    throw new RangeError(
      `Cannot make rings of ${ringSlots} slots: expected a power of two from 2 to ${2 ** 20}`,
    );
  }
  // One of the calls that half a ring admits is kept for cancellations, and one is for all others.
  return { shardCount, sliceBytes, hostSliceBytes, ringSlots: Math.max(ringSlots, 4) };
}

function defaultRingSlots(endpointCount: number): number {
  const rings = endpointCount * (endpointCount - 1);
  let slots = RING_SLOTS;
  while (slots > MIN_RING_SLOTS && rings * ringBytes(slots) > RINGS_BYTES) slots /= 2;
  return slots;
}

/** How long the endpoints spin. */
export function spinFor({ spinMicroseconds = SPIN_MICROSECONDS }: RuntimeOptions): number {
  if (!(spinMicroseconds >= 0 && spinMicroseconds <= MAX_SPIN_MICROSECONDS)) {
    throw new RangeError(
      `Cannot spin for ${spinMicroseconds} microseconds: expected 0 to ${MAX_SPIN_MICROSECONDS}`,
    );
  }
  return spinMicroseconds;
}

/** The time after which a shard is stuck; undefined for never. */
export function watchdogFor({ watchdogMs }: RuntimeOptions): number | undefined {
  if (watchdogMs !== undefined && !(watchdogMs >= MIN_WATCHDOG_MS && watchdogMs <= MAX_TIMER_MS)) {
    throw new RangeError(
      `Cannot watch over shards every ${watchdogMs} ms: expected ${MIN_WATCHDOG_MS} to ${MAX_TIMER_MS}`,
    );
  }
  return watchdogMs;
}

/** The time after which free memory goes back to the system; undefined for never. */
export function trimAfterFor({ trimAfterMs }: RuntimeOptions): number | undefined {
  if (
    trimAfterMs === undefined || (trimAfterMs >= MIN_TRIM_AFTER_MS && trimAfterMs <= MAX_TIMER_MS)
  ) {
    return trimAfterMs;
  }
  throw new RangeError(
    `Cannot give memory back after ${trimAfterMs} ms: expected ${MIN_TRIM_AFTER_MS} to ${MAX_TIMER_MS}`,
  );
}

/** How long a shard may take to open, in milliseconds. */
export function restartTimeoutFor({ restartTimeoutMs }: RuntimeOptions): number {
  const timeoutMs = restartTimeoutMs ?? RESTART_TIMEOUT_MS;
  if (!(timeoutMs > 0 && timeoutMs <= MAX_TIMER_MS)) {
    throw new RangeError(
      `Cannot start shards again within ${timeoutMs} ms: expected more than 0, up to ${MAX_TIMER_MS}`,
    );
  }
  return timeoutMs;
}
