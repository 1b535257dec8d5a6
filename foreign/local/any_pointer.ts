/**
 * A UniquePtr or a SharedPtr, where it does not matter which: what a foreign pointer holds at home.
 *
 * @module
 */

import type { Owned } from "./owned.ts";
import { SharedPtr } from "./shared_ptr.ts";
import { UniquePtr } from "./unique_ptr.ts";

/** How a foreign pointer owns its object: alone, or as one of several. */
export type Ownership = "unique" | "shared";

/** The pointer inside a foreign pointer. */
export type PointerOf<T extends object, O extends Ownership> = O extends "shared" ? SharedPtr<T>
  : UniquePtr<T>;

/** What a foreign pointer holds on its home shard. */
export type AnyPointer = UniquePtr<object> | SharedPtr<object>;

/** What a pointer owns, which stays there. */
export function ownedBy(pointer: AnyPointer): Owned<object> | null {
  return pointer instanceof SharedPtr ? SharedPtr["peek"](pointer) : UniquePtr["peek"](pointer);
}

/** What a pointer owned, if it was the last one to it; the pointer is null afterwards. */
export function takeOwned(pointer: AnyPointer): Owned<object> | null {
  return pointer instanceof SharedPtr ? SharedPtr["take"](pointer) : UniquePtr["take"](pointer);
}

/** A pointer to what `pointer` owns, which is null afterwards; null if it is null already. */
export function movedOut(pointer: AnyPointer): AnyPointer {
  if (pointer instanceof UniquePtr) return UniquePtr["of"](UniquePtr["take"](pointer));
  const moved = pointer.clone();
  SharedPtr["take"](pointer);
  return moved;
}
