/**
 * A foreign object as it looks away from home: something to hand to its home shard.
 *
 * @module
 */

import type { Reference } from "../shard/mod.ts";
import type { EndpointPointers } from "./endpoint_pointers.ts";

/** What `ForeignPtr.get()` lends on any shard but the owner. */
export class ForeignReference {
  /** The pointers of the endpoint that it is on. */
  readonly here: EndpointPointers;
  /** The shard that owns the object. */
  readonly ownerShard: number;
  /** Its handle there. */
  readonly handle: number;
  /** Generation of the handle. */
  readonly generation: number;

  /** Made by `ForeignPtr.get()`. */
  constructor(here: EndpointPointers, ownerShard: number, handle: number, generation: number) {
    this.here = here;
    this.ownerShard = ownerShard;
    this.handle = handle;
    this.generation = generation;
  }

  /** The same, as the type system sees it. */
  as<T>(): Reference<T> {
    return this as unknown as Reference<T>;
  }
}
