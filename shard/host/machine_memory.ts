/**
 * What memory the machine has for this process: the one place that asks it.
 *
 * `--allow-sys=systemMemoryInfo` is all it needs. The files of Linux that hold the same figures,
 * `/proc/meminfo` and those of the cgroup, Deno opens for `--allow-all` alone; under this permission
 * it reads the limit of the cgroup itself, of version 2 or 1.
 *
 * @module
 */
import type processOfNode from "node:process";

/** Memory of the machine, in bytes. */
export interface MachineMemory {
  /** What could be used now without swapping. */
  readonly availableBytes: number;
  /** What the cgroup lets its processes use, `Infinity` where nothing says so. */
  readonly limitBytes: number;
}

/**
 * Asks the machine.
 *
 * @throws {Deno.errors.NotCapable} if the program may not ask: it says what to grant or pass
 */
export function readMachineMemory(): MachineMemory {
  try {
    // The global, as that loads when it is first asked for, in 20 ms: most programs name a size.
    const { process } = globalThis as unknown as { readonly process: typeof processOfNode };
    const limit = process.constrainedMemory(); // 0: no limit, or none that is known
    return {
      availableBytes: Deno.systemMemoryInfo().available,
      limitBytes: limit > 0 ? limit : Infinity,
    };
  } catch (cause) {
    if (!(cause instanceof Deno.errors.NotCapable)) throw cause;
    throw new Deno.errors.NotCapable(
      "Cannot size memory by what the machine has: " +
        'pass `memory` as bytes or text like "512MiB", or grant --allow-sys=systemMemoryInfo',
      { cause },
    );
  }
}
