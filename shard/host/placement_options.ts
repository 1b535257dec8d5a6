/**
 * The option `placement`, and what `Runtime.placement()` says of it.
 *
 * @module
 */

import { kindOfValue } from "../codec/mod.ts";

/**
 * Where threads run and memory lies: a part of {@linkcode RuntimeOptions}. All of it is off unless given.
 *
 * @example Each shard on a cpu of its own, with memory of that cpu's node
 * ```ts
 * import { Runtime } from "@tidepool/core";
 *
 * await using runtime = await Runtime.start({
 *   shards: 2,
 *   memory: "16MiB",
 *   placement: { pin: true, numa: true },
 * });
 * for (const shard of [0, 1]) console.log(runtime.placement(shard).problems);
 * ```
 */
export interface PlacementOptions {
  /**
   * Keeps the threads of shards on cpus. `true`: each on one of its own, taken in turns from the nodes, of
   * those that the process may use; if these, or its CPU quota, are fewer than the shards, no shard is
   * pinned. `"node"`: each on the cpus of a node. A list: each on the cpu at its place in the list; one
   * entry more is the cpu of the thread that starts the runtime, the host, for as long as the runtime runs.
   * Beside programs that use all cpus, calls of the host are quick only so: the kernel moves a host that
   * is free to the cpu of the shard that it waits for.
   *
   * Threads that a pinned thread makes stay on its cpus too: those with which Deno reads files or resolves
   * names for a task, and Workers of its own. `"node"` leaves them room.
   *
   * @default {false}
   * @see Seastar's `--thread-affinity` and `--cpuset`
   *
   * @example
   * ```ts
   * import { Runtime } from "@tidepool/core";
   *
   * const placement = { pin: [0, 0] };
   * await using runtime = await Runtime.start({ shards: 2, memory: "16MiB", placement });
   * console.log(runtime.placement(1).cpus); // [0], where the program may pin threads
   * ```
   */
  readonly pin?: boolean | "node" | readonly number[];
  /**
   * Takes the memory of each shard from the node of its cpu, and from the next nearest when that has no
   * more.
   *
   * @default {false}
   * @see Seastar's `--mbind`
   */
  readonly numa?: boolean;
  /**
   * Lets the slices be in pages of 2 MiB: random reads of a table of 1 GiB take a third less time, and
   * more memory is in use, as a page is there as a whole. Its first touch may take 4 ms: see `prefault`.
   *
   * @default {false, which leaves it to the system}
   */
  readonly hugePages?: boolean;
  /**
   * Keeps the segment in memory from the first touch of each page on: never swapped out. Needs a limit of
   * locked memory (`ulimit -l`) as large as the segment, or CAP_IPC_LOCK.
   *
   * @default {false}
   * @see Seastar's `--lock-memory`
   */
  readonly lock?: boolean;
  /**
   * Has each shard touch all of its slice before `Runtime.start()` resolves: some 0.8 s a GiB. The system
   * hands out pages at their first touch, so it is now that it runs out of memory, and no request waits.
   *
   * @default {false}
   */
  readonly prefault?: boolean;
}

/** Where a shard is, as the kernel says, and what was asked for and is not so. */
export interface ShardPlacement {
  /** The cpus that its thread may run on, in order; none if the kernel can't be asked, or it has ended. */
  readonly cpus: readonly number[];
  /** The cpu that it ran on last. */
  readonly cpu: number | undefined;
  /** The node that its memory is on, most of the pages that are there and were looked at. */
  readonly node: number | undefined;
  /** Whether all of these are, and the kernel has been told to take its memory from there. */
  readonly nodeVerified: boolean;
  /** Bytes of its slice that memory stands behind; pages are taken as they are touched. */
  readonly presentBytes: number | undefined;
  /** Bytes of these in huge pages. Before Linux 6.7, those of neighbours may be counted in. */
  readonly hugePageBytes: number | undefined;
  /** Bytes of its slice that stay in memory once they are there. */
  readonly lockedBytes: number | undefined;
  /** What was asked for and is not so, and why. */
  readonly problems: readonly string[];
}

/** The place of a shard that nothing can be asked about, and why. */
export function nowhere(problems: readonly string[]): ShardPlacement {
  return {
    cpus: [],
    cpu: undefined,
    node: undefined,
    nodeVerified: false,
    presentBytes: undefined,
    hugePageBytes: undefined,
    lockedBytes: undefined,
    problems,
  };
}

/** What the kernel has room for in a mask of cpus. */
const MAX_CPU = 8191;
const FLAGS = ["numa", "hugePages", "lock", "prefault"] as const;

/** Refuses a placement of the wrong kind, or for another number of shards. */
export function checkPlacement(placement: PlacementOptions, shardCount: number): void {
  if (Array.isArray(placement)) {
    throw new TypeError(
      "Cannot start a runtime with placement that is an array: expected an object",
    );
  }
  const unknown = Object.keys(placement).find((key) =>
    key !== "pin" && !FLAGS.includes(key as typeof FLAGS[number])
  );
  if (unknown !== undefined) {
    throw new TypeError(
      `Cannot start a runtime with placement.${unknown}: expected pin, ${FLAGS.join(", ")}`,
    );
  }
  for (const flag of FLAGS) {
    const value: unknown = placement[flag];
    if (value !== undefined && typeof value !== "boolean") {
      throw new TypeError(
        `Cannot start a runtime with placement.${flag} that is ${
          kindOfValue(value)
        }: expected boolean`,
      );
    }
  }
  checkPin(placement.pin, shardCount);
}

function checkPin(pin: unknown, shardCount: number): void {
  if (pin === undefined || typeof pin === "boolean" || pin === "node") return;
  if (!Array.isArray(pin)) {
    throw new TypeError(
      `Cannot start a runtime with placement.pin that is ${
        kindOfValue(pin)
      }: expected boolean, "node" or an array of cpus`,
    );
  }
  if (pin.length !== shardCount && pin.length !== shardCount + 1) {
    throw new RangeError(
      `Cannot pin ${shardCount} shards to ${pin.length} cpus: expected one each, and at most one more, for the host`,
    );
  }
  for (const [endpoint, cpu] of pin.entries()) {
    const name = endpoint === shardCount ? "the host" : `shard ${endpoint}`;
    if (typeof cpu !== "number") {
      throw new TypeError(
        `Cannot pin ${name} to a cpu that is ${kindOfValue(cpu)}: expected a number`,
      );
    }
    if (!Number.isInteger(cpu) || cpu < 0 || cpu > MAX_CPU) {
      throw new RangeError(
        `Cannot pin ${name} to cpu ${cpu}: expected a whole number from 0 to ${MAX_CPU}`,
      );
    }
  }
}
