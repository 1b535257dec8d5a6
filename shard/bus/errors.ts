/**
 * What keeps a call from being sent.
 *
 * @module
 */

/** The runtime, or the shard that was called, takes no more calls. */
export class StoppedError extends Error {
  /** Made by the library. */
  constructor(message: string) {
    super(message);
    this.name = "StoppedError";
  }
}

/** Too many calls to one shard, or through one service group, wait; none of this call was sent. */
export class BusyError extends Error {
  /** The shard that was called; undefined where it is the host, or a service group, that has no room. */
  readonly shard: number | undefined;
  /** Calls that wait already. */
  readonly waitingCalls: number;

  /** Made by the library. */
  constructor(shard: number | undefined, waitingCalls: number, group?: string) {
    super(
      group === undefined
        ? `Cannot call ${
          shard === undefined ? "the host" : `shard ${shard}`
        }: ${waitingCalls} calls already wait for room in its ring, the most that may; make them by pipeline() or mapLimit(), or await room() before each`
        : `Cannot call through service group "${group}": ${waitingCalls} calls already wait for their turn, the most that may; make them by pipeline() or mapLimit()`,
    );
    this.name = "BusyError";
    this.shard = shard;
    this.waitingCalls = waitingCalls;
  }
}

/** A message did not fit the memory of the slice that was to carry it. */
export class MessageMemoryError extends RangeError {
  /** Bytes that the message needs in one block, or had come to when they were too many. */
  readonly byteLength: number;
  /** Bytes free in the sender's slice. */
  readonly freeBytes: number;

  /** Made by the library. */
  constructor(byteLength: number, freeBytes: number, sliceBytes: number) {
    super(
      `Cannot send a message of ${byteLength} bytes: its sender's slice of ${sliceBytes} bytes has ${freeBytes} free, and no block that large`,
    );
    this.name = "MessageMemoryError";
    this.byteLength = byteLength;
    this.freeBytes = freeBytes;
  }
}
