/**
 * Another thread to which values are sent, as the comparison of payloads sees it.
 *
 * @module
 */
/** Sends values to another thread, which sends them back. */
export interface EchoPeer {
  /** The value after its way there and back. */
  echo(value: unknown): Promise<unknown>;
  /** Ends the other thread; nothing may be in flight. */
  close(): Promise<void>;
}

/** One that can also be called with next to nothing. */
export interface CallPeer extends EchoPeer {
  /** The sum, computed on the other thread: the least that a call can be. */
  add(a: number, b: number): Promise<number>;
}

/** Values to text or bytes and back. */
export interface Format<Encoded extends string | Uint8Array> {
  /** The value, in memory that nobody writes to afterwards. */
  readonly encode: (value: unknown) => Encoded;
  readonly decode: (encoded: Encoded) => unknown;
}
