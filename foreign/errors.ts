/**
 * Misuse of foreign pointers: what a caller may want to tell apart has a class.
 *
 * @module
 */

import { ShardCrashedError, StoppedError } from "../shard/mod.ts";

/** A pointer or a reference names an object that is no longer there. */
export class StaleForeignPtrError extends ReferenceError {
  /** The shard that owned the object. */
  readonly ownerShard: number;

  /** Made by the library. */
  constructor(ownerShard: number) {
    super(
      `The object is no longer there: shard ${ownerShard} has destroyed it or taken it back, or was itself started again`,
    );
    this.name = "StaleForeignPtrError";
    this.ownerShard = ownerShard;
  }
}

/** A member was used that works only on the home shard of the object. */
export class WrongShardError extends TypeError {
  /** The shard that owns the object. */
  readonly ownerShard: number;

  /** Made by the library. */
  constructor(message: string, ownerShard: number) {
    super(message);
    this.name = "WrongShardError";
    this.ownerShard = ownerShard;
  }
}

/** What whoever asks for a copy of a pointer is told that owns its object alone. */
export function uniqueHasNoCopies(): TypeError {
  return new TypeError("Cannot copy a foreign pointer to a UniquePtr: it can only be moved");
}

/** Whether an object has gone with its shard. */
export function isGone(error: unknown): boolean {
  return error instanceof ShardCrashedError || error instanceof StoppedError ||
    error instanceof StaleForeignPtrError;
}
