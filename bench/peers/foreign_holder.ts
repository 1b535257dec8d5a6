/**
 * A way to hold objects of another thread, as the comparison of foreign pointers sees it.
 *
 * @module
 */

/** What stands for one object of the other thread. */
export interface HeldObject {
  /** Calls a method of the object, where it lives: adds `n` to its count and returns that. */
  add(n: number): Promise<number>;
  /** Gives the object up: it is destroyed where it lives. Nobody waits. */
  release(): void;
}

/** One open connection to one other thread, which makes and owns the objects. */
export interface ObjectHolder {
  /** Makes an object there and holds it here. */
  make(): Promise<HeldObject>;
  /** How many objects were destroyed there so far. */
  destroyed(): Promise<number>;
  /** Ends the other thread; nothing may be in flight. */
  close(): Promise<void>;
}
