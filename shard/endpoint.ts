/**
 * An endpoint: what a thread needs to take part in a runtime. A shard has one for life, the host one
 * per runtime.
 *
 * @module
 */

import {
  Allocator,
  DoubleFreeError,
  HeapCheckError,
  InvalidAddressError,
} from "../allocator/mod.ts";
import {
  attend,
  BusyError,
  Doorbells,
  MessageBus,
  MessageMemoryError,
  registerErrorClass,
  StoppedError,
  ValueCodec,
  type WireType,
} from "./bus/mod.ts";
import { ShardCrashedError, ShardStartError } from "./errors.ts";
import {
  COUNTERS_BYTES,
  DEATHS_BYTES,
  OBITUARY_BYTES,
  OBITUARY_CAPACITY_BYTES,
  OBITUARY_LENGTH_BYTES,
  PARKED_BYTES,
  SegmentLayout,
  type SegmentShape,
  STATE_BYTES,
  STATE_DEAD,
} from "./segment_layout.ts";
import { findTask, type Task } from "./task.ts";

/** A class of an upper layer whose objects travel as themselves. */
export interface WireTypeDefinition {
  /** Unique, and the same on every thread. */
  readonly name: string;
  /** URL of the module that registers it: every shard imports it before it is ready. */
  readonly module: string;
  /** The wire type as one endpoint uses it. */
  readonly bind: (endpoint: Endpoint) => WireType<object>;
}

const definitions = new Map<string, WireTypeDefinition>();

/** Teaches the bus of every endpoint made after this a class. */
export function registerWireType(definition: WireTypeDefinition): void {
  if (definitions.has(definition.name)) {
    throw new RangeError(`Cannot register wire type "${definition.name}" a second time`);
  }
  definitions.set(definition.name, definition);
}

/** What the host tells a shard of a wire type. */
export interface WireTypeName {
  /** As registered. */
  readonly name: string;
  /** Where from. */
  readonly module: string;
}

/** The wire types known here, in the order that gives them their numbers on the wire. */
export function wireTypeNames(): WireTypeName[] {
  return [...definitions.values()].map(({ name, module }) => ({ name, module }));
}

for (
  const errorClass of [
    BusyError,
    DoubleFreeError,
    HeapCheckError,
    InvalidAddressError,
    MessageMemoryError,
    ShardCrashedError,
    ShardStartError,
    StoppedError,
  ]
) registerErrorClass(errorClass);

/** What an endpoint is made from; travels to a shard's thread by postMessage. */
export interface EndpointSetup {
  /** The segment. */
  readonly buffer: SharedArrayBuffer;
  /** Its shape. */
  readonly shape: SegmentShape;
  /** This endpoint's number. */
  readonly endpoint: number;
  /** Microseconds to spin before a sleep; 0 for never. */
  readonly spinMicroseconds: number;
  /** Wire types by number. */
  readonly wireTypes: readonly WireTypeName[];
}

/** What a thread needs to take part in a runtime. */
export class Endpoint {
  /** Number: a shard's id, or for the host the number of shards. */
  readonly id: number;
  /** How many shards there are. */
  readonly shardCount: number;
  /**
   * Where everything lies.
   * @internal
   */
  readonly layout: SegmentLayout;
  /** The segment. */
  readonly buffer: SharedArrayBuffer;
  /** The allocator of this endpoint's slice. */
  readonly allocator: Allocator;
  /**
   * Its side of the bus.
   * @internal
   */
  readonly bus: MessageBus;
  readonly #doorbells: Doorbells;
  readonly #spinMicroseconds: number;
  /** What is yet to be sent to each endpoint, all in one call. */
  readonly #coalesced: ((() => void) | undefined)[] = [];

  /** @internal */
  constructor(setup: EndpointSetup) {
    const layout = new SegmentLayout(setup.shape);
    this.layout = layout;
    this.id = setup.endpoint;
    this.shardCount = setup.shape.shardCount;
    this.buffer = setup.buffer;
    this.#spinMicroseconds = setup.spinMicroseconds;
    this.allocator = Allocator.create(setup.buffer, layout.slices, setup.endpoint);
    const parkedWords: number[] = [];
    for (let endpoint = 0; endpoint < layout.endpointCount; endpoint++) {
      parkedWords.push((layout.controlPage(endpoint) + PARKED_BYTES) >> 2);
    }
    const words = new Int32Array(setup.buffer, 0, layout.controlByteLength >> 2);
    this.#doorbells = new Doorbells(words, parkedWords, setup.endpoint);
    this.bus = new MessageBus({
      endpoint: setup.endpoint,
      endpointCount: layout.endpointCount,
      buffer: setup.buffer,
      controlByteLength: layout.controlByteLength,
      ring: (from, to) => layout.ring(from, to),
      ringSlots: setup.shape.ringSlots,
      countersByteOffset: layout.controlPage(setup.endpoint) + COUNTERS_BYTES,
      deathsByteOffset: DEATHS_BYTES,
      onDeaths: () => this.#readObituaries(),
      allocator: this.allocator,
      types: setup.wireTypes.map(({ name }) => definitions.get(name)!.bind(this)),
      resolve: findTask,
      doorbells: this.#doorbells,
      spins: setup.spinMicroseconds > 0,
    });
  }

  /** Serves the bus until it is closed. Rejects only if shared memory is found corrupted. */
  attend(): Promise<void> {
    return attend(this.bus, this.#doorbells, this.#spinMicroseconds);
  }

  /** Runs `task` on `shard`; see the docs of `submitTo()`. */
  submitTo<Arguments extends readonly unknown[], Result>(
    shard: number,
    task: Task<Arguments, Result>,
    args: readonly unknown[],
  ): Promise<Result> {
    if (!Number.isInteger(shard) || shard < 0 || shard >= this.shardCount) {
      return Promise.reject(
        new RangeError(
          `Cannot submit to shard ${shard}: the runtime has shards 0 to ${this.shardCount - 1}`,
        ),
      );
    }
    if (this.#coalesced[shard] !== undefined) this.#sendCoalesced(shard);
    return this.bus.call(shard, task, args) as Promise<Result>;
  }

  /**
   * Runs `send`, which calls `endpoint`, at the end of this turn or before the next other call to it,
   * whichever is first: so that much can go in one call and still in order.
   */
  coalesce(endpoint: number, send: () => void): void {
    this.#coalesced[endpoint] = send;
    queueMicrotask(() => this.#sendCoalesced(endpoint));
  }

  #sendCoalesced(endpoint: number): void {
    const send = this.#coalesced[endpoint];
    this.#coalesced[endpoint] = undefined;
    send?.();
  }

  /** Wakes every endpoint, to look at what has changed. */
  ringAll(): void {
    for (let endpoint = 0; endpoint < this.layout.endpointCount; endpoint++) {
      this.#doorbells.ring(endpoint);
    }
  }

  /** Rejects the calls to shards that have died, with what they died of. */
  #readObituaries(): void {
    for (let shard = 0; shard < this.shardCount; shard++) {
      if (shard === this.id) continue;
      const obituary = readObituary(this.buffer, this.layout, shard);
      if (obituary !== undefined) this.bus.declareGone(shard, obituary);
    }
  }
}

/** Writes down that `shard` died of `cause`, for every endpoint to read. Host only. */
export function writeObituary(
  buffer: SharedArrayBuffer,
  layout: SegmentLayout,
  shard: number,
  cause: unknown,
): void {
  const codec = new ValueCodec([]);
  let bytes = codec.encode([describable(cause)], () => "the cause", []);
  if (bytes.length > OBITUARY_CAPACITY_BYTES) {
    bytes = codec.encode([String(cause).slice(0, 1000)], () => "the cause", []);
  }
  const page = layout.controlPage(shard);
  new Uint8Array(buffer, page + OBITUARY_BYTES, OBITUARY_CAPACITY_BYTES).set(bytes);
  const words = new Int32Array(buffer, 0, layout.controlByteLength >> 2);
  words[(page + OBITUARY_LENGTH_BYTES) >> 2] = bytes.length;
  // Publishes the obituary; readObituary() loads STATE before it reads it.
  Atomics.store(words, (page + STATE_BYTES) >> 2, STATE_DEAD);
  Atomics.add(words, DEATHS_BYTES >> 2, 1);
}

/** The error that calls to `shard` fail with, if it is dead. */
function readObituary(
  buffer: SharedArrayBuffer,
  layout: SegmentLayout,
  shard: number,
): ShardCrashedError | undefined {
  const page = layout.controlPage(shard);
  const words = new Int32Array(buffer, 0, layout.controlByteLength >> 2);
  if (Atomics.load(words, (page + STATE_BYTES) >> 2) !== STATE_DEAD) return undefined;
  const length = words[(page + OBITUARY_LENGTH_BYTES) >> 2]!;
  const [cause] = new ValueCodec([]).decode(new Uint8Array(buffer, page + OBITUARY_BYTES, length));
  return new ShardCrashedError(shard, cause);
}

/** `cause` if it can be written down, else its text. */
function describable(cause: unknown): unknown {
  try {
    new ValueCodec([]).encode([cause], () => "the cause", []);
    return cause;
  } catch (unsendable) {
    return new Error(`${String(cause)} (its fields are lost: ${String(unsendable)})`);
  }
}
