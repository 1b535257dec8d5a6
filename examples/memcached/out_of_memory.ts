/**
 * What to make of a slice that has no memory left, although the cache has given up what it could: the
 * connection that wanted it is closed, the shard goes on.
 *
 * @module
 */

import { MessageMemoryError } from "@tidepool/core";

/** The slice has no memory for something that a connection needs. */
export class OutOfMemoryError extends RangeError {
  override readonly name = "OutOfMemoryError";

  /** `purpose` is what can't be done, `byteLength` the size of the block that it takes. */
  constructor(purpose: string, byteLength: number) {
    super(`Cannot ${purpose}: the slice has no memory for a block of ${byteLength} bytes`);
  }
}

/** Whether something failed for lack of memory, here or in a message. */
export function isOutOfMemory(error: unknown): boolean {
  return error instanceof OutOfMemoryError || error instanceof MessageMemoryError;
}
