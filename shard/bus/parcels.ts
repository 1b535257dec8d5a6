/**
 * What cannot be shared and must be handed over: array buffers, message ports, streams. They ride
 * `postMessage` beside the ring. The record carries a number in the place of each; a message whose
 * parcels have not come yet waits for them, and later calls of the same peer behind it, so the order
 * is that of the ring.
 *
 * Two endpoints get a channel of their own when one first has something for the other; the host hands
 * out its ports. Until it has, parcels go into a channel of the sender's own, whose other end is then
 * the first that goes over the channel.
 *
 * All parcels of a message are posted at once, behind everything else that may refuse the message: so
 * either all have left their owner or none. `postMessage()` does that itself for buffers and ports. It
 * takes streams one by one, so these are looked at first.
 *
 * @module
 */

import { Refusal, type WireType } from "../codec/mod.ts";

/** A value that is to be handed over: see `transfer()`. */
export class Transferred {
  /** The value. */
  readonly value: object;
  /** Number of its parcel, once it is in a message. */
  parcel = 0;
  /** Where it stands in the message. */
  path = "";

  /** Made by `transfer()`. */
  constructor(value: object) {
    this.value = value;
  }

  /** Whether `value` is one. Asks no Proxy. */
  static is(value: unknown): value is Transferred {
    return typeof value === "object" && value !== null && #brand in value;
  }

  readonly #brand = true;
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

/** What goes over a channel: the parcels of a message; the end of another channel; numbers to forget. */
type Posted = readonly Parcel[] | MessagePort | { readonly dropped: number };

/** The parcels between one endpoint and another. */
class Lane {
  port: MessagePort | undefined;
  /** The life of the other endpoint that the port leads to. */
  epoch = -1;
  /** Takes what is posted before there is a port. */
  staged: MessageChannel | undefined;
  /** The end of the other endpoint's. */
  stagedThere: MessagePort | undefined;
  /** Arrived before their message was read. */
  readonly arrived = new Map<number, unknown>();
  /** Messages that wait; nothing to do for one that nobody will read. */
  readonly expected = new Map<number, (value: unknown) => void>();

  close(): void {
    this.port?.close();
    this.staged?.port1.close();
    this.staged?.port2.close();
    this.stagedThere?.close();
  }
}

/** Bits of a parcel's number that name its sender. */
const SENDER_BITS = 9;

/** The parcels of one endpoint. */
export class Parcels {
  readonly #endpoint: number;
  readonly #connect: (endpoint: number) => void;
  readonly #lanes = new Map<number, Lane>();
  /**
   * Of endpoints that are gone, what takes the parcels for their next life, if there are any. It is no part
   * of the lane: a port of the former life may come late, and one of a life that nobody has heard of.
   */
  readonly #forNextLife = new Map<number, MessageChannel | undefined>();
  #count = 0;

  /**
   * Those of `endpoint`. `connect` asks for a channel to another; `attach()` is called with a port some
   * time later.
   */
  constructor(endpoint: number, connect: (endpoint: number) => void) {
    this.#endpoint = endpoint;
    this.#connect = connect;
  }

  /** How transferred values travel in a record: by the number of their parcel. */
  wireType(): WireType<object> {
    return {
      class: Transferred,
      words: 1,
      onlyWhole: "transfer() hands over a whole argument or result, not a part of one",
      write: (value: Transferred, words: Int32Array, at: number) => {
        value.parcel = (++this.#count << SENDER_BITS) | this.#endpoint;
        words[at] = value.parcel;
      },
      read: (words: Int32Array, at: number) => new ComingParcel(words[at]!),
      moved: () => {}, // `post()` has handed it over
      abandon: (value: Transferred | ComingParcel) => {
        if (value instanceof ComingParcel) this.#drop(value.parcel);
      },
      undelivered: (words: Int32Array, at: number) => this.#drop(words[at]!),
    };
  }

  /**
   * Throws if one of what a message hands over cannot be, as far as that shows.
   *
   * @throws {TypeError} Which, and why.
   */
  check(handedOver: readonly Transferred[]): void {
    for (let i = 0; i < handedOver.length; i++) {
      const { value, path } = handedOver[i]!;
      const transferable = transferableOf(value);
      const before = handedOver.slice(0, i).find((other) =>
        transferableOf(other.value) === transferable
      );
      const reason = before === undefined
        ? reasonAgainst(transferable)
        : `transfer() hands it over already in ${before.path}`;
      if (reason !== undefined) throw Refusal.at(path, reason);
    }
  }

  /**
   * Hands over to `to` what a message holds: all, or nothing if it throws.
   *
   * @throws {TypeError} If one of them cannot be: a port that has been handed over before.
   */
  post(to: number, handedOver: readonly Transferred[]): void {
    const isGone = this.#forNextLife.has(to);
    const lane = this.#lane(to);
    const isFirst = !isGone && lane.port === undefined && lane.staged === undefined;
    if (isFirst) lane.staged = new MessageChannel();
    const port = isGone ? this.#channelForNextLife(to).port1 : lane.port ?? lane.staged!.port1;
    const parcels = handedOver.map(({ parcel: number, value }): Parcel => ({ number, value }));
    try {
      port.postMessage(parcels, handedOver.map(({ value }) => transferableOf(value)));
    } catch (cause) {
      const paths = handedOver.map(({ path }) => path).join(" or ");
      throw Refusal.at(
        paths,
        "it cannot be handed over: it was before, or belongs to another",
        cause,
      );
    } finally {
      if (isFirst) this.#connect(to); // also if nothing was posted: the next will be
    }
  }

  /** The channel to `endpoint`, in its life `epoch`, is there. */
  attach(endpoint: number, port: MessagePort, epoch: number): void {
    const former = this.#lanes.get(endpoint);
    if (former?.port !== undefined && former.epoch < epoch) this.#closeLane(endpoint);
    const lane = this.#lane(endpoint);
    lane.port = port;
    lane.epoch = epoch;
    this.#listen(lane, port);
    this.#handStaged(lane, port);
  }

  #listen(lane: Lane, port: MessagePort): void {
    port.onmessage = ({ data }: MessageEvent<Posted>) => {
      if (data instanceof MessagePort) this.#listen(lane, lane.stagedThere = data);
      else if ("dropped" in data) lane.arrived.delete(data.dropped);
      else for (const parcel of data) this.#arrive(lane, parcel);
    };
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

  #channelForNextLife(endpoint: number): MessageChannel {
    let channel = this.#forNextLife.get(endpoint);
    if (channel === undefined) this.#forNextLife.set(endpoint, channel = new MessageChannel());
    return channel;
  }

  /** Closes the channel to `endpoint`, which is gone. */
  close(endpoint: number): void {
    this.#closeLane(endpoint);
    if (!this.#forNextLife.has(endpoint)) this.#forNextLife.set(endpoint, undefined);
  }

  /** Closes what waits for the next life of `endpoint`, which will have none. */
  giveUp(endpoint: number): void {
    const channel = this.#forNextLife.get(endpoint);
    channel?.port1.close();
    channel?.port2.close();
    this.#forNextLife.set(endpoint, undefined);
  }

  #closeLane(endpoint: number): void {
    this.#lanes.get(endpoint)?.close();
    this.#lanes.delete(endpoint);
  }

  /**
   * `endpoint` has come back for its life `epoch`: a channel to a former one leads nowhere. What has been
   * posted since is for this life.
   */
  renew(endpoint: number, epoch: number): void {
    const former = this.#lanes.get(endpoint);
    if (former !== undefined && former.epoch < epoch) this.#closeLane(endpoint);
    const channel = this.#forNextLife.get(endpoint);
    this.#forNextLife.delete(endpoint);
    if (channel === undefined) return;
    const lane = this.#lane(endpoint);
    lane.staged = channel;
    if (lane.port === undefined) this.#connect(endpoint);
    else this.#handStaged(lane, lane.port);
  }

  /** The other endpoint gets the other end of what was posted before there was `port`. */
  #handStaged(lane: Lane, port: MessagePort): void {
    if (lane.staged === undefined) return;
    port.postMessage(lane.staged.port2, [lane.staged.port2]);
    lane.staged.port1.close(); // what was posted into it is still read
    lane.staged = undefined;
  }

  /** Lets go of a parcel whose message nobody will read. */
  #drop(parcel: number): void {
    const sender = parcel & ((1 << SENDER_BITS) - 1);
    if (sender !== this.#endpoint) {
      this.receive(sender, parcel, () => {});
      return;
    }
    // Posted, and its message never sent: whoever has it does not know of it.
    const dropped: Posted = { dropped: parcel };
    for (const { port, staged } of this.#lanes.values()) {
      (port ?? staged?.port1)?.postMessage(dropped);
    }
    for (const channel of this.#forNextLife.values()) channel?.port1.postMessage(dropped);
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
  return Transferred.is(value) ? value.value : value;
}

function transferableOf(value: object): Transferable {
  if (!ArrayBuffer.isView(value)) return value as Transferable;
  return (value instanceof DataView ? bufferOfView : bufferOfArray).call(value) as Transferable;
}

/** Why it cannot be handed over, as far as it tells. */
function reasonAgainst(transferable: Transferable): string | undefined {
  if (transferable instanceof ArrayBuffer) {
    return isDetached.call(transferable)
      ? "its ArrayBuffer is detached: it was transferred away"
      : undefined;
  }
  return isLocked(transferable)
    ? "its stream is locked: somebody reads or writes it, or it was transferred away"
    : undefined;
}

/** Whether somebody reads or writes a stream. */
function isLocked(transferable: Transferable): boolean {
  streams ??= new StreamGetters();
  if (transferable instanceof ReadableStream) return streams.isReadLocked.call(transferable);
  if (transferable instanceof WritableStream) return streams.isWriteLocked.call(transferable);
  if (!(transferable instanceof TransformStream)) return false;
  return isLocked(streams.readableOf.call(transferable)) ||
    isLocked(streams.writableOf.call(transferable));
}

/**
 * The getter of a class, which those of a subclass do not replace: to look at what is handed over runs
 * no code of the program's.
 */
function getterOf<Value>(prototype: object, key: string): (this: unknown) => Value {
  return Object.getOwnPropertyDescriptor(prototype, key)!.get!;
}

const isDetached = getterOf<boolean>(ArrayBuffer.prototype, "detached");
const bufferOfArray = getterOf<ArrayBufferLike>(
  Object.getPrototypeOf(Uint8Array.prototype),
  "buffer",
);
const bufferOfView = getterOf<ArrayBufferLike>(DataView.prototype, "buffer");

/** Those of streams. Deno loads its streams, in 3 ms, when they are first named: most programs hand over none. */
class StreamGetters {
  readonly isReadLocked = getterOf<boolean>(ReadableStream.prototype, "locked");
  readonly isWriteLocked = getterOf<boolean>(WritableStream.prototype, "locked");
  readonly readableOf = getterOf<Transferable>(TransformStream.prototype, "readable");
  readonly writableOf = getterOf<Transferable>(TransformStream.prototype, "writable");
}

let streams: StreamGetters | undefined;

function isTransferable(value: object): boolean {
  return value instanceof ArrayBuffer || value instanceof MessagePort ||
    value instanceof ReadableStream || value instanceof WritableStream ||
    value instanceof TransformStream;
}

/**
 * Hands an argument or a result over instead of copying it: an `ArrayBuffer`, a view of one, a
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
  const buffer: object = transferableOf(value);
  if (!isTransferable(buffer)) {
    const name = buffer?.constructor?.name ?? typeof value;
    throw new TypeError(
      `Cannot transfer a ${name}: expected an ArrayBuffer, a view of one, a MessagePort or a stream`,
    );
  }
  if (buffer instanceof ArrayBuffer && isDetached.call(buffer)) {
    throw new TypeError("Cannot transfer an ArrayBuffer a second time: it is detached");
  }
  return new Transferred(value) as unknown as T;
}
