/**
 * The values of a message, into a record and out of it: in the cells where they fit, in a block of
 * the sender's slice where they do not.
 *
 * Who frees the block: of a request with a reply, its sender, when the reply has come; so nothing is
 * lost if the callee dies. Of a reply, and of a request without one, its receiver: a remote free. A reply
 * that is ready before its task has let go of the thread goes into the block of its request, if it fits
 * and moves nothing: so one that is like its request needs no block and no remote free.
 *
 * @module
 */

import type { Allocator } from "../../allocator/mod.ts";
import { ErrorPacker, ValueCodec, type WireType, WireTypes } from "../codec/mod.ts";
import { MessageMemoryError } from "./errors.ts";
import { InlineCodec, type RecordViews } from "./inline_codec.ts";
import {
  BLOCK_LENGTH_WORD,
  BLOCK_VALUES,
  CELLS_WORD,
  FLAG_IN_REQUEST,
  FLAG_NO_REPLY,
  FLAG_OUT_OF_LINE,
  FLAG_PARCELS,
  KIND_REQUEST,
  KIND_WORD,
  kindOf,
  type RingConsumer,
  TAGS_WORD,
  valueCountOf,
} from "../ring/mod.ts";
import { type Parcels, Transferred } from "./parcels.ts";
import { WholeValues } from "./whole_values.ts";

const NONE: readonly Transferred[] = [];

/** What of a message is not in the cells of its record: handed on from `encode()` to `put()`. */
export class Encoded {
  /** The values, if they do not fit the record: in the codec's scratch, which the next message uses again. */
  readonly bytes: Uint8Array | undefined;
  /** Values of wire types, which move when the message is admitted. */
  readonly transfers: object[];
  /** Those of them that are handed over beside the ring. */
  handedOver: readonly Transferred[] = NONE;

  constructor(bytes: Uint8Array | undefined, transfers: object[]) {
    this.bytes = bytes;
    this.transfers = transfers;
  }

  /** What KIND says of it. */
  get flags(): number {
    return this.handedOver.length > 0 ? FLAG_PARCELS : 0;
  }
}

/** To set the length of an array calls into the runtime: 50 ns, where pop() is compiled. */
function empty(transfers: object[]): void {
  while (transfers.length > 0) transfers.pop();
}

/** Writes and reads the values of one endpoint's messages. */
export class MessageBody {
  readonly #allocator: Allocator;
  readonly #segment: Uint8Array;
  readonly #types: WireTypes;
  readonly #values: ValueCodec;
  readonly #inline: InlineCodec;
  /** What every message gives that fits its record: used up before any code of the program's runs. */
  readonly #inRecord = new Encoded(undefined, []);
  readonly #parcels: Parcels;
  /** Writes the one value of a message where it can be written as it is. */
  readonly whole: WholeValues;
  /** Writes errors for which there is no memory. */
  readonly packer: ErrorPacker;

  constructor(
    buffer: SharedArrayBuffer,
    allocator: Allocator,
    others: readonly WireType<object>[],
    parcels: Parcels,
  ) {
    const types = [...others, parcels.wireType()];
    this.#parcels = parcels;
    this.packer = new ErrorPacker(types);
    this.#allocator = allocator;
    this.#segment = new Uint8Array(buffer, 0, buffer.byteLength);
    this.whole = new WholeValues(allocator, this.#segment);
    this.#types = new WireTypes(types);
    // Refused while it is written: a message of gigabytes would be copied first for nothing.
    this.#values = new ValueCodec(types, {
      maxBytes: allocator.statistics().totalBytes,
      tooLong: (byteLength) => this.memoryError(byteLength),
    });
    this.#inline = new InlineCodec(this.#types);
  }

  /**
   * Writes `values` into the cells of the record at `at`; where they do not fit, what this gives has
   * their bytes. Runs getters of the values only in that case, so that a slot of a ring is still the next
   * one otherwise. Nothing has moved yet.
   *
   * @throws {TypeError} If one of the values cannot be sent, or be handed over.
   */
  encode(
    values: readonly unknown[],
    views: RecordViews,
    at: number,
    name: (index: number) => string,
  ): Encoded {
    let encoded = this.#inRecord;
    empty(encoded.transfers);
    if (!this.#inline.tryEncode(values, views, at, encoded.transfers)) {
      const transfers: object[] = [];
      encoded = new Encoded(this.#values.encode(values, name, transfers), transfers);
    }
    encoded.handedOver = NONE;
    if (encoded.transfers.length > 0) this.#findHandedOver(encoded, values, name);
    return encoded;
  }

  #findHandedOver(
    encoded: Encoded,
    values: readonly unknown[],
    name: (index: number) => string,
  ): void {
    let handedOver: Transferred[] | undefined;
    for (const value of encoded.transfers) {
      if (!Transferred.is(value)) continue;
      value.path = name(values.indexOf(value));
      handedOver ??= [];
      handedOver.push(value);
    }
    if (handedOver === undefined) return;
    this.#parcels.check(handedOver);
    encoded.handedOver = handedOver;
  }

  /**
   * The same for the one value of a result or an error, for endpoint `to`, if it is plain or of a wire
   * type; false, and nothing done, if it is not.
   */
  tryEncodeOne(value: unknown, views: RecordViews, at: number, to: number): boolean {
    if (this.#inline.tryEncodePlain(value, views, at)) return true;
    if (!isObject(value) || Transferred.is(value)) return false;
    const type = this.#inline.tryEncodeWire(value, views, at);
    if (type === undefined) return false;
    type.moved(value, to);
    return true;
  }

  /**
   * Lets go of what moves in a message that is admitted for `to`. The last that may refuse it; if it
   * does, nothing has moved.
   *
   * @throws {TypeError} If one of what is handed over cannot be.
   */
  move({ transfers, handedOver }: Encoded, to: number): void {
    if (transfers.length === 0) return;
    if (handedOver.length > 0) this.#parcels.post(to, handedOver);
    for (let i = 0; i < transfers.length; i++) {
      const value = transfers[i]!;
      this.#types.list[this.#types.indexOf(value)]!.moved(value, to);
    }
    empty(transfers);
  }

  /** A block of so many bytes; 0 if there is no memory. Reclaimers run inside. */
  allocate(byteLength: number): number {
    return this.#allocator.malloc(byteLength);
  }

  /**
   * The same for the bytes of what was encoded last. Reclaimers may send messages of their own: its bytes
   * stay as they are meanwhile, but a slot of a ring that is reserved before this may be another
   * message's after it.
   */
  allocateFor(bytes: Uint8Array): number {
    const pinned = this.#values.pin();
    try {
      return this.allocate(bytes.length);
    } finally {
      pinned.unpin();
    }
  }

  /**
   * A block for what can't wait for memory; 0 if it needs none.
   *
   * @throws {MessageMemoryError} If there is none.
   * @throws Why `peer` is gone: a getter of the values or a reclaimer may have ended this endpoint.
   */
  expectBlock({ bytes }: Encoded, peer: { readonly gone: Error | undefined }): number {
    if (bytes === undefined) return 0;
    const block = this.allocateFor(bytes);
    if (peer.gone !== undefined) throw this.freeing(block, peer.gone);
    if (block === 0) throw this.memoryError(bytes.length);
    return block;
  }

  /**
   * Puts the bytes of a message, if there are any, into the block at `address` and that into the record,
   * and moves what moves in it. If that throws, the block is free again.
   */
  put(encoded: Encoded, address: number, views: RecordViews, at: number, to: number): void {
    if (encoded.bytes !== undefined) this.putBlock(encoded.bytes, address, views, at);
    try {
      this.move(encoded, to);
    } catch (error) {
      throw this.freeing(address, error);
    }
  }

  /** `error`, for which a block is not needed any more. */
  freeing(address: number, error: unknown): unknown {
    this.free(address);
    return error;
  }

  /** Puts `bytes` into the block at `address`, and that into the record. */
  putBlock(bytes: Uint8Array, address: number, views: RecordViews, at: number): void {
    this.#segment.set(bytes, address);
    views.words[at + KIND_WORD]! |= FLAG_OUT_OF_LINE;
    views.words[at + TAGS_WORD] = BLOCK_VALUES;
    views.floats[(at + CELLS_WORD) >> 1] = address;
    views.words[at + BLOCK_LENGTH_WORD] = bytes.length;
  }

  /** Address of the block that the record at `at` names; 0 if it has none. */
  blockOf(views: RecordViews, at: number): number {
    const isOutOfLine = (views.words[at + KIND_WORD]! & FLAG_OUT_OF_LINE) !== 0;
    return isOutOfLine ? views.floats[(at + CELLS_WORD) >> 1]! : 0;
  }

  /** Bytes in use of that block. */
  blockLengthOf(views: RecordViews, at: number): number {
    return views.words[at + BLOCK_LENGTH_WORD]! >>> 0;
  }

  /** The address, if whoever reads the record is to free the block. */
  blockForReader(views: RecordViews, at: number): number {
    const kind = views.words[at + KIND_WORD]!;
    const isForSender = (kind & FLAG_IN_REQUEST) !== 0 ||
      kindOf(kind) === KIND_REQUEST && (kind & FLAG_NO_REPLY) === 0;
    return isForSender ? 0 : this.blockOf(views, at);
  }

  /** The record at `at` of the ring that `consumer` reads is over; so is its block, if it is another's. */
  release(views: RecordViews, at: number, consumer: RingConsumer): void {
    const block = this.blockForReader(views, at);
    consumer.release();
    if (block === 0) return;
    // Invariant: HEAD is past a record before its sender can see the block freed. If this endpoint
    // dies, the sender looks into the blocks of all records from HEAD on: see discardUnread().
    consumer.publish();
    this.free(block); // a remote free
  }

  /** Frees a block, whosever it is; 0 is none. */
  free(address: number): void {
    if (address !== 0) this.#allocator.free(address); // most messages have none, and pay no call
  }

  /** The values of the record at `at`. Its block stays. */
  read(views: RecordViews, at: number): unknown[] {
    const kind = views.words[at + KIND_WORD]!;
    if ((kind & FLAG_OUT_OF_LINE) === 0) {
      const count = valueCountOf(kind);
      const values = new Array<unknown>(count);
      this.#inline.decode(count, views, at, values);
      return values;
    }
    return isWhole(views, at) ? [this.#readWhole(views, at)] : this.#decode(views, at);
  }

  /** The first `count` values, none of which is wire-typed, of a record that cannot be read whole. */
  readFirst(views: RecordViews, at: number, count: number): unknown[] {
    if ((views.words[at + KIND_WORD]! & FLAG_OUT_OF_LINE) !== 0) {
      const start = this.blockOf(views, at);
      return this.#values.decodeFirst(
        this.#segment,
        count,
        start,
        start + this.blockLengthOf(views, at),
      );
    }
    const values = new Array<unknown>(count);
    this.#inline.decode(count, views, at, values);
    return values;
  }

  /** The one value of a result or an error at `at`. Its block stays. */
  readOne(views: RecordViews, at: number): unknown {
    if ((views.words[at + KIND_WORD]! & FLAG_OUT_OF_LINE) === 0) {
      return this.#inline.decodeOne(views, at);
    }
    return isWhole(views, at) ? this.#readWhole(views, at) : this.#decode(views, at)[0];
  }

  /** The same for a record that nobody will read: its wire-typed values are told. */
  discard(views: RecordViews, at: number): void {
    const kind = views.words[at + KIND_WORD]!;
    if ((kind & FLAG_OUT_OF_LINE) !== 0) this.#discardBlock(views, at);
    else this.#inline.discard(valueCountOf(kind), views, at);
  }

  /**
   * The same for a record that its dead consumer has not given back: it has not freed the block. But
   * the block is left alone, as one that counts as dead because it is stuck may come to it yet; when it
   * has come back, it was not: see `MessageBus.declareBack()`.
   */
  discardUnread(views: RecordViews, at: number): void {
    const kind = views.words[at + KIND_WORD]!;
    if ((kind & FLAG_OUT_OF_LINE) === 0) {
      this.#inline.discard(valueCountOf(kind), views, at);
      return;
    }
    try {
      this.#discardBlock(views, at);
    } catch (error) {
      // One that is stuck has come to it meanwhile, and freed it: then the message has been read.
      if (!(error instanceof RangeError)) throw error;
    }
  }

  /** The same for values that never got a block. */
  discardBytes(bytes: Uint8Array): void {
    this.#values.discard(bytes);
  }

  /**
   * Lets go of the wire-typed values in a result or an error that cannot be sent: nobody else has
   * them. Looks where the codec looks, but runs no getter.
   */
  abandon(value: unknown): void {
    if (!isObject(value)) return;
    const found = new Set<object>([value]); // it grows while it is walked: no depth is too much
    for (const object of found) {
      const type = this.#wireTypeOf(object);
      if (type !== undefined) type.abandon?.(object);
      else for (const part of partsOf(object)) found.add(part);
    }
  }

  /** Values of which none moves as bytes for any endpoint, to be kept; `thaw()` reads them. */
  freeze(values: readonly unknown[]): Uint8Array {
    return this.#values.encode(values, (index) => `arguments[${index}]`, []).slice();
  }

  /** Copies of the values that some endpoint froze. */
  thaw(bytes: Uint8Array): unknown[] {
    return this.#values.decode(bytes);
  }

  /** What was thrown as bytes for which a message needs no memory; it owns nothing any more. */
  pack(thrown: unknown): Uint8Array<ArrayBuffer> {
    const bytes = this.packer.pack(thrown);
    this.abandon(thrown);
    return bytes;
  }

  /** Lets go of `value` alone: what it holds may be somebody's still, as a local call copies nothing. */
  abandonAlone(value: unknown): void {
    if (isObject(value)) this.#wireTypeOf(value)?.abandon?.(value);
  }

  #wireTypeOf(object: object): WireType<object> | undefined {
    try {
      return this.#types.list[this.#types.indexOf(object)];
    } catch {
      return undefined; // a Proxy whose traps throw is none of ours
    }
  }

  /** What a message of `byteLength` bytes fails with. */
  memoryError(byteLength: number): MessageMemoryError {
    const { freeBytes, totalBytes } = this.#allocator.statistics();
    return new MessageMemoryError(byteLength, freeBytes, totalBytes);
  }

  // In place, without a view of the block, which would cost 0.1 µs.
  #decode(views: RecordViews, at: number): unknown[] {
    const start = this.blockOf(views, at);
    return this.#values.decode(this.#segment, start, start + this.blockLengthOf(views, at));
  }

  #readWhole(views: RecordViews, at: number): unknown {
    return this.whole.read(
      views.words[at + TAGS_WORD]!,
      this.blockOf(views, at),
      this.blockLengthOf(views, at),
    );
  }

  #discardBlock(views: RecordViews, at: number): void {
    // One in the block of its request moves nothing, and its reader may have used the block again.
    const isInRequest = (views.words[at + KIND_WORD]! & FLAG_IN_REQUEST) !== 0;
    if (isInRequest || isWhole(views, at)) return; // a whole one owns nothing
    const start = this.blockOf(views, at);
    this.#values.discard(this.#segment, start, start + this.blockLengthOf(views, at));
  }
}

/** Whether the block of the record at `at` holds one value as it is. */
function isWhole(views: RecordViews, at: number): boolean {
  return views.words[at + TAGS_WORD] !== BLOCK_VALUES;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** The objects that an object holds, as far as they show without running a getter. */
function partsOf(object: object): object[] {
  if (ArrayBuffer.isView(object)) return [];
  const parts: unknown[] = [];
  try {
    if (object instanceof Map || object instanceof Set) {
      for (const entry of object.entries()) parts.push(...entry);
    }
    for (const key of Object.getOwnPropertyNames(object)) {
      parts.push(Object.getOwnPropertyDescriptor(object, key)?.value);
    }
  } catch {
    return []; // a Proxy whose traps throw shows nothing
  }
  return parts.filter(isObject);
}
