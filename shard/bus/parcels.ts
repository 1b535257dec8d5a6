/**
 * What cannot be shared and must be handed over: array buffers, message ports, streams. They ride
 * `postMessage` beside the ring. The record carries a number in the place of each; a message whose
 * parcels have not come yet waits for them, and later calls of the same peer behind it, so the order
 * is that of the ring.
 *
 * Two endpoints get a channel of their own when one first has something for the other; the host hands
 * out its ports.
 *
 * @module
 */

import type { WireType } from "./wire_type.ts";

/** A value that is to be handed over: see `transfer()`. */
export class Transferred {
  /** The value. */
  readonly value: object;
  /** Number of its parcel, once it is in a message. */
  parcel = 0;

  /** Made by `transfer()`. */
  constructor(value: object) {
    this.value = value;
  }
}

/** Stands, in a message that has come, for a value that may still be on its way. */
export class ComingParcel {
  /** Number of its parcel. */
  readonly parcel: number;

  constructor(parcel: number) {
    this.parcel = parcel;
  }
}

interface Parcel {
  readonly number: number;
  readonly value: unknown;
}

/** The parcels between one endpoint and another. */
class Lane {
  port: MessagePort | undefined;
  /** The life of the other endpoint that the port leads to. */
  epoch = -1;
  /** Posted before there was a port. */
  readonly queued: Parcel[] = [];
  /** Arrived before their message was read. */
  readonly arrived = new Map<number, unknown>();
  /** Messages that wait. */
  readonly expected = new Map<number, (value: unknown) => void>();
}

/** The parcels of one endpoint. */
export class Parcels {
  readonly #connect: (endpoint: number) => void;
  readonly #lanes = new Map<number, Lane>();
  #count = 0;

  /** `connect` asks for a channel to an endpoint; `attach()` is called with a port some time later. */
  constructor(connect: (endpoint: number) => void) {
    this.#connect = connect;
  }

  /** How transferred values travel in a record: by the number of their parcel. */
  wireType(): WireType<object> {
    return {
      class: Transferred,
      words: 1,
      write: (value: Transferred, words: Int32Array, at: number) => {
        value.parcel = ++this.#count;
        words[at] = value.parcel;
      },
      read: (words: Int32Array, at: number) => new ComingParcel(words[at]!),
      moved: (value: Transferred, to: number) => this.#post(to, value.parcel, value.value),
      undelivered: () => {}, // the value has left its owner; nobody is left to have it
    };
  }

  /** The channel to `endpoint`, in its life `epoch`, is there. */
  attach(endpoint: number, port: MessagePort, epoch: number): void {
    const former = this.#lanes.get(endpoint);
    if (former?.port !== undefined && former.epoch < epoch) this.close(endpoint);
    const lane = this.#lane(endpoint);
    lane.port = port;
    lane.epoch = epoch;
    port.onmessage = (event: MessageEvent<Parcel>) => this.#arrive(lane, event.data);
    for (const parcel of lane.queued.splice(0)) send(port, parcel);
  }

  /** Calls `use` with the value of a parcel from `endpoint`: at once if it has come. */
  receive(endpoint: number, parcel: number, use: (value: unknown) => void): void {
    const lane = this.#lane(endpoint);
    if (!lane.arrived.has(parcel)) {
      lane.expected.set(parcel, use);
      return;
    }
    const value = lane.arrived.get(parcel);
    lane.arrived.delete(parcel);
    use(value);
  }

  /** Closes the channel to `endpoint`, which is gone. */
  close(endpoint: number): void {
    this.#lanes.get(endpoint)?.port?.close();
    this.#lanes.delete(endpoint);
  }

  /** `endpoint` has come back for its life `epoch`: a channel to a former one leads nowhere. */
  renew(endpoint: number, epoch: number): void {
    const lane = this.#lanes.get(endpoint);
    if (lane !== undefined && lane.epoch < epoch) this.close(endpoint);
  }

  #post(to: number, number: number, value: unknown): void {
    const lane = this.#lane(to);
    if (lane.port !== undefined) send(lane.port, { number, value });
    else {
      // It leaves its owner now, as it would if it were sent.
      const queued = structuredClone(value, { transfer: transferablesOf(value) });
      if (lane.queued.push({ number, value: queued }) === 1) this.#connect(to);
    }
  }

  #arrive(lane: Lane, { number, value }: Parcel): void {
    const use = lane.expected.get(number);
    lane.expected.delete(number);
    if (use === undefined) lane.arrived.set(number, value);
    else use(value);
  }

  #lane(endpoint: number): Lane {
    let lane = this.#lanes.get(endpoint);
    if (lane === undefined) this.#lanes.set(endpoint, lane = new Lane());
    return lane;
  }
}

/** The value itself, where `transfer()` was used for a call that does not leave the thread. */
export function kept(value: unknown): unknown {
  return value instanceof Transferred ? value.value : value;
}

function send(port: MessagePort, parcel: Parcel): void {
  port.postMessage(parcel, transferablesOf(parcel.value));
}

function transferablesOf(value: unknown): Transferable[] {
  return [(ArrayBuffer.isView(value) ? value.buffer : value) as Transferable];
}

const TRANSFERABLE = [ArrayBuffer, MessagePort, ReadableStream, WritableStream, TransformStream];

/**
 * Has an argument or a result handed over instead of copied: an `ArrayBuffer`, a view of one, a
 * `MessagePort`, or a stream. The sender's is detached when the message is sent. Such a value must be
 * an argument or the result itself, not a part of one. Cost: a `postMessage` beside the call.
 *
 * @param value What to hand over.
 * @returns The same to the compiler: good for sending, and for nothing else.
 * @throws {TypeError} If it cannot be handed over: shared, detached already, or of another kind.
 *
 * @example
 * ```ts
 * import { defineTasks, submitTo, transfer } from "@tidepool/core";
 *
 * const frames = defineTasks(import.meta.url, {
 *   encode: (frame: ArrayBuffer) => frame.byteLength,
 * });
 * export const sources = defineTasks(import.meta.url, {
 *   capture: () => submitTo(1, frames.encode, transfer(new ArrayBuffer(1 << 20))),
 * });
 * ```
 */
export function transfer<T extends object>(value: T): T {
  const buffer: object = ArrayBuffer.isView(value) ? value.buffer : value;
  if (!TRANSFERABLE.some((transferable) => buffer instanceof transferable)) {
    const name = buffer?.constructor?.name ?? typeof value;
    throw new TypeError(
      `Cannot transfer a ${name}: expected an ArrayBuffer, a view of one, a MessagePort or a stream`,
    );
  }
  if (buffer instanceof ArrayBuffer && buffer.detached) {
    throw new TypeError("Cannot transfer an ArrayBuffer a second time: it is detached");
  }
  return new Transferred(value) as unknown as T;
}
