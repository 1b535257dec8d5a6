/**
 * Bytes that do not change any more, in a block of their owner's slice, counted there by a SharedPtr and held
 * elsewhere by foreign pointers, which say how long they are there.
 *
 * ```
 * byte     0..3     MAGIC       says that such a block begins here, and which kind
 *          4..7     BYTES       how many bytes there are
 *          8..15    SERIAL      which block of its owner it is, a float64: no other has had the number
 *         16..      CONTENT
 * ```
 *
 * The owner writes all of it before anybody has a pointer; the message that carries one publishes it.
 *
 * @module
 */

import {
  BadAllocError,
  f64,
  struct,
  type StructType,
  u32,
  type ViewOf,
} from "../../allocator/mod.ts";
import { ForeignPtr, makeForeign, SharedPtr } from "../../foreign/mod.ts";
import { type Endpoint, localEndpoint } from "../../shard/unstable_layers.ts";
import { kindOf } from "../header/mod.ts";

/** The header of a block, as a struct: so it travels by its address, and is freed with its last pointer. */
export const ImmutableBlock: StructType<{
  readonly magic: typeof u32;
  readonly bytes: typeof u32;
  readonly serial: typeof f64;
}> = struct("ImmutableBlock", { magic: u32, bytes: u32, serial: f64 });

/** Bytes from a block's start to CONTENT. */
export const CONTENT_BYTES: number = ImmutableBlock.byteLength;
/** As many as BYTES can count. */
const MOST_BYTES = 2 ** 32 - 1;

/** A view of a block's header. */
export type ImmutableBlockView = ViewOf<typeof ImmutableBlock>;

/** What a pointer of `SharedText` or `SharedBytes` points to; they say what it is. */
export interface ImmutableContent {
  /** Where it lies. */
  readonly address: number;
}

/** A pointer to a block, of any shard. */
export type ImmutablePointer = ForeignPtr<ImmutableContent, "shared">;

/** MAGIC of each kind. */
export const MAGICS = { SharedText: 0x54787431, SharedBytes: 0x42797431 } as const;
/** A kind of block. */
export type ImmutableKind = keyof typeof MAGICS;

/** Counts the blocks of one endpoint; a part of it. */
class Serials {
  #last: number;

  constructor(endpoint: Endpoint) {
    // Behind those of every former life.
    this.#last = endpoint.epochOf(endpoint.id) * 2 ** 40;
  }

  next(): number {
    return ++this.#last;
  }
}

/** Copies bytes into a new block of this shard. */
export function makeImmutable(kind: ImmutableKind, content: Uint8Array): ImmutablePointer {
  const endpoint = localEndpoint();
  const { allocator, buffer } = endpoint;
  if (content.byteLength > MOST_BYTES) {
    throw new RangeError(
      `Cannot make a ${kind} of ${content.byteLength} bytes: expected ${MOST_BYTES} at most`,
    );
  }
  const byteLength = CONTENT_BYTES + content.byteLength;
  const address = allocator.malloc(byteLength);
  if (address === 0) {
    const { freeBytes, largestFreeBytes, totalBytes } = allocator.statistics();
    const oversized = !allocator.canHold(byteLength);
    throw new BadAllocError(
      { byteLength, alignment: 8, freeBytes, largestFreeBytes, totalBytes, oversized },
      `a ${kind}`,
    );
  }
  const view = ImmutableBlock.at(buffer, address);
  view.magic = MAGICS[kind];
  view.bytes = content.byteLength;
  view.serial = endpoint.part(Serials).next();
  allocator.bytes(address + CONTENT_BYTES, content.byteLength).set(content);
  return makeForeign(new SharedPtr<ImmutableContent>(view));
}

/** The header of the block that a pointer has. */
export function blockOf(kind: ImmutableKind, pointer: unknown): ImmutableBlockView {
  if (!(pointer instanceof ForeignPtr)) {
    throw new TypeError(
      `Cannot read a ${kind} of ${kindOf(pointer)}: expected the pointer that ${kind}.make() gives`,
    );
  }
  const block = (pointer as ForeignPtr<ImmutableBlockView, "shared">).view(ImmutableBlock);
  if (block.magic === MAGICS[kind]) return block;
  throw new TypeError(
    `Cannot read a ${kind} at address ${block.address}: something else lies there`,
  );
}
