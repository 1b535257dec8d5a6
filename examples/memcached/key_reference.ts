/**
 * Keys of one command for several, by reference: structs in a row in the slice of the shard that
 * serves the connection. Every home shard is sent the address of the row, and takes the keys that
 * are its own.
 *
 * @module
 */

import { address, sizeOf, struct, u32 } from "@tidepool/core";

/** A key. */
export const KeyReference = struct("KeyReference", {
  /** Where its bytes are. */
  keyAddress: address,
  /** Their hash. */
  hash: u32,
  /** How many. */
  keyLength: u32,
});

/** Bytes of one. */
export const KEY_REFERENCE_BYTES = sizeOf(KeyReference);

/** Address of the `index`-th of those that begin at `first`. */
export function keyReferenceAt(first: number, index: number): number {
  return first + index * KEY_REFERENCE_BYTES;
}
