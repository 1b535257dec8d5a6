/**
 * What one thread owns: the pointers that keep an object there, and how it is destroyed.
 *
 * @module
 */

export { type AnyPointer, movedOut, ownedBy, takeOwned } from "./any_pointer.ts";
export { BackgroundDestructions, destructorThrew } from "./background_destructions.ts";
export { type Destructor, Owned } from "./owned.ts";
export { SharedPtr } from "./shared_ptr.ts";
export { UniquePtr } from "./unique_ptr.ts";
