/**
 * A way to call a function on another thread, as the comparison of messages sees it.
 *
 * @module
 */

/** One open connection to one other thread. */
export interface Caller {
  /** The sum, computed on the other thread. */
  add(a: number, b: number): Promise<number>;
  /** The same bytes, sent there and back by copy. */
  echo(bytes: Uint8Array): Promise<Uint8Array>;
  /** Ends the other thread; nothing may be in flight. */
  close(): Promise<void>;
}
