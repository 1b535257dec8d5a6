/**
 * What one thread owns: the pointers that keep an object there, and how it is destroyed.
 *
 * @module
 */

export {
  type AnyPointer,
  movedOut,
  ownedBy,
  type Ownership,
  type PointerOf,
  takeOwned,
} from "./any_pointer.ts";
export { BackgroundDestructions, destructorThrew } from "./background_destructions.ts";
export {
  bytesOf,
  filledBytes,
  forgetLender,
  formatLent,
  lenderOf,
  LENT_HEADER_BYTES,
  LentBytes,
  markReturned,
  NO_LENDER,
  setFilledBytes,
  takeReturned,
} from "./lent_bytes.ts";
export { type Destructor, Owned } from "./owned.ts";
export { SharedPtr } from "./shared_ptr.ts";
export { UniquePtr } from "./unique_ptr.ts";
