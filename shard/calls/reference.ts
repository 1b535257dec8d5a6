/**
 * References: what an object of another shard looks like here. `foreign/` makes them; this layer
 * knows only that one may stand for its object among the arguments of a task.
 *
 * @module
 */

/**
 * An object that lives on another shard, lent by a foreign pointer. It has no members here; passed
 * to a task on its home shard, it arrives as the object.
 */
export interface Reference<T> {
  /** Exists for the compiler alone. */
  readonly __referent: T;
}
