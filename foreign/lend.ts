/**
 * Bytes of another shard's slice, to be filled here: read into, they are where they are to be worked on, and
 * nothing is copied.
 *
 * @module
 */

import { BadAllocError } from "../allocator/mod.ts";
import { defineTasks, type Runtime, type Tasks } from "../shard/mod.ts";
import { type Endpoint, localEndpoint } from "../shard/unstable_layers.ts";
import type { ForeignPtr } from "./foreign_ptr.ts";
import {
  formatLent,
  lenderOf,
  LENT_HEADER_BYTES,
  LentBytes,
  NO_LENDER,
  Owned,
  UniquePtr,
} from "./local/mod.ts";
import { makeForeign } from "./make_foreign.ts";

/** As much as an address can reach, but for the header. */
export const MAX_LENT_BYTES: number = 2 ** 32 - LENT_HEADER_BYTES;

/** Tasks that run on the shard that lends. */
const lendingTasks: Tasks<{
  lend: (byteLength: number, count: number, isLoan: boolean) => ForeignPtr<LentBytes>[];
}> = defineTasks(import.meta.url, {
  /** At most `count` blocks, and one at least; of a loan they go back to the caller. */
  lend(byteLength: number, count: number, isLoan: boolean): ForeignPtr<LentBytes>[] {
    const endpoint = localEndpoint();
    const caller = endpoint.bus.currentCaller ?? endpoint.id;
    const blocks: ForeignPtr<LentBytes>[] = [];
    while (blocks.length < count) {
      const address = endpoint.allocator.malloc(LENT_HEADER_BYTES + byteLength);
      if (address === 0) break;
      formatLent(endpoint.buffer, address, byteLength, isLoan ? caller : NO_LENDER);
      const lent = new LentBytes(endpoint.buffer, address);
      const freed = isLoan ? () => tellLender(endpoint, address) : undefined;
      blocks.push(makeForeign(UniquePtr["of"](new Owned(lent, freed, address))));
    }
    if (blocks.length === 0) throw noRoom(endpoint, byteLength);
    return blocks;
  },
});

/** A block on loan is freed, and will not come back: who waits for it has to ask for another. */
function tellLender(endpoint: Endpoint, address: number): void {
  const lender = lenderOf(new Int32Array(endpoint.buffer), address);
  if (lender !== NO_LENDER) endpoint.countReturn(lender);
}

function noRoom({ allocator }: Endpoint, byteLength: number): BadAllocError {
  const wanted = LENT_HEADER_BYTES + byteLength;
  const { freeBytes, largestFreeBytes, totalBytes } = allocator.statistics();
  const oversized = !allocator.canHold(wanted);
  return new BadAllocError(
    { byteLength: wanted, alignment: 8, freeBytes, largestFreeBytes, totalBytes, oversized },
    "a lent block",
  );
}

/**
 * Borrows bytes of the slice of `shard`, to be filled here and worked on there without a copy. One round
 * trip; for many blocks one after the other, `chunks()` takes none but the calls.
 *
 * The pointer owns the block, as any `ForeignPtr` does: it moves when it is sent, and the block is freed when
 * whoever has it disposes of it. `pointer.bytes()` are its bytes, here and there, uninitialised at first.
 *
 * @param runtime The runtime, on its host; on a shard, left out.
 * @param shard The shard to borrow from.
 * @param byteLength How many bytes.
 * @throws {TypeError} As a rejection: if the length is not a number. If this thread is not a shard and no
 * runtime is given.
 * @throws {RangeError} As a rejection: if there is no such shard, or the length is not a whole number from 1.
 * @throws {BadAllocError} As a rejection: if the shard's slice has no room.
 *
 * @example
 * ```ts ignore
 * // sums.ts
 * import { defineTasks, type ForeignPtr } from "@tidepool/core";
 * import type { LentBytes } from "@tidepool/core/foreign";
 *
 * export const sums = defineTasks(import.meta.url, {
 *   add(block: ForeignPtr<LentBytes>, byteLength: number) {
 *     using own = block; // freed at the end
 *     return own.bytes(byteLength).reduce((sum, byte) => sum + byte, 0);
 *   },
 * });
 * ```
 *
 * ```ts ignore
 * // main.ts
 * import { Runtime } from "@tidepool/core";
 * import { lend } from "@tidepool/core/foreign";
 * import { assertEquals } from "@std/assert";
 * import { sums } from "./sums.ts";
 *
 * await using runtime = await Runtime.start({ shards: 2, memory: "16MiB" });
 * const block = await lend(runtime, 1, 4096);
 * block.bytes().set([20, 22]); // or `await file.read(block.bytes())`
 * assertEquals(await runtime.submitTo(1, sums.add, block, 2), 42);
 * ```
 */
export function lend(
  runtime: Runtime,
  shard: number,
  byteLength: number,
): Promise<ForeignPtr<LentBytes>>;
/** Borrows bytes of the slice of `shard` from a task on another shard. One round trip. */
export function lend(shard: number, byteLength: number): Promise<ForeignPtr<LentBytes>>;
export async function lend(
  runtime: Runtime | number,
  shard: number,
  byteLength?: number,
): Promise<ForeignPtr<LentBytes>> {
  const [block] = typeof runtime === "number"
    ? await borrow(localEndpoint(), runtime, shard, 1, false)
    : await borrow(runtime["endpoint"], shard, byteLength!, 1, false);
  return block!;
}

/** Borrows at most `count` blocks of `shard`, and one at least; on loan, they go back to `endpoint`. */
export function borrow(
  endpoint: Endpoint,
  shard: number,
  byteLength: number,
  count: number,
  isLoan: boolean,
): Promise<ForeignPtr<LentBytes>[]> {
  checkLentBytes(byteLength);
  return endpoint.submitTo(shard, lendingTasks.lend, [byteLength, count, isLoan]);
}

/** Whether a block can have that many bytes, at least in the largest slice. */
export function isLendable(byteLength: number): boolean {
  return Number.isInteger(byteLength) && byteLength > 0 && byteLength <= MAX_LENT_BYTES;
}

function checkLentBytes(byteLength: number): void {
  if (typeof byteLength !== "number") {
    throw new TypeError(
      `Cannot lend bytes of type ${typeof byteLength}: expected a number of them`,
    );
  }
  if (isLendable(byteLength)) return;
  throw new RangeError(
    `Cannot lend ${byteLength} bytes: expected a whole number from 1 to ${MAX_LENT_BYTES}`,
  );
}
