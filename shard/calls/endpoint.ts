/**
 * An endpoint: what a thread needs to take part in a runtime. A shard has one for life, the host one
 * per runtime.
 *
 * @module
 */

import { Allocator } from "../../allocator/mod.ts";
import type { DebugHeapOptions } from "../../allocator/diagnosis/mod.ts";
import { MessageBus, rejected } from "../bus/mod.ts";
import { textOf, type WireType } from "../codec/mod.ts";
import { IdleTrim, SegmentPages } from "../machine/mod.ts";
import {
  announceOneMore,
  attend,
  Doorbells,
  EPOCH_BYTES,
  PARKED_BYTES,
  RETURNS_BYTES,
  Spinner,
  STATE_BYTES,
  STATE_OPENING,
  STATE_RUNNING,
  untilMoreThan,
} from "../ring/mod.ts";
import type { BeforeStop } from "./before_stop.ts";
import { CallsWithOptions } from "./calls_with_options.ts";
import { ShardRestartingError } from "./errors.ts";
import { findHostTask, type HostTask } from "./host_tasks.ts";
import { readObituary } from "./obituary.ts";
import {
  CHANGES_BYTES,
  SegmentLayout,
  type SegmentShape,
  SERVICES_BYTES,
} from "./segment_layout.ts";
import { shardIdFault } from "./shard_id.ts";
import { callableOf, findTask, type Task, taskFault } from "./task.ts";
import { bindWireTypes, type WireTypeName } from "./wire_type_registry.ts";

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
  /** Whether to remember where foreign pointers were made. */
  readonly debug: boolean;
  /** Whether the slices have debug heaps. */
  readonly debugHeap: boolean | DebugHeapOptions;
  /** Whether the slices may be in huge pages; not, unless given. */
  readonly hugePages?: boolean;
  /** Milliseconds for which memory is free until it goes back to the system; never, unless given. */
  readonly trimAfterMs?: number | undefined;
  /** Whether a shard that dies is started again; not, unless given. */
  readonly restarts?: boolean;
  /** How many runtimes its own lies in: the first of them was started by a shard of the next, and so on. */
  readonly depth?: number;
}

/** Hears that an endpoint is gone: which, why, and whether its thread has ended. */
type GoneListener = (endpoint: number, error: Error, hasEnded: boolean) => void;

/**
 * What a thread needs to take part in a runtime.
 *
 * @experimental **UNSTABLE**: New API, yet to be vetted.
 */
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
   * Why no memory goes back to the system though it is to do so after a time, if so.
   * @internal
   */
  readonly trimProblem: string | undefined;
  /**
   * Its side of the bus.
   * @internal
   */
  readonly bus: MessageBus;
  /**
   * The classes that travel as themselves, by their number on the wire.
   * @internal
   */
  readonly wireTypes: readonly WireType<object>[];
  /**
   * Whether to remember where foreign pointers were made.
   * @internal
   */
  readonly debug: boolean;
  /**
   * What runs before the threads end, if this is the host's, in the order in which it was registered.
   * @internal
   */
  readonly stopHooks: BeforeStop[] = [];
  /**
   * Whether a shard that dies is started again.
   * @internal
   */
  readonly restarts: boolean;
  /**
   * Whether a call made now belongs to what opens `shard`, and so need not wait for that.
   * @internal
   */
  mayEnter: (shard: number) => boolean = () => false;
  readonly #parts: object[] = [];
  /** How many runtimes its own lies in. */
  readonly depth: number;
  readonly #onWarning: (warning: Error) => void;
  readonly #goneListeners: GoneListener[] = [];
  readonly #sleepListeners: (() => void)[] = [];
  readonly #words: Int32Array;
  readonly #doorbells: Doorbells;
  readonly #spinner: Spinner;
  readonly #limited: CallsWithOptions;
  readonly #idleTrim: IdleTrim | undefined;

  /**
   * `connect` asks for a channel to another endpoint; `bus.parcels.attach()` is given its port.
   * `onWarning` is the host's: it is told of what goes wrong where nobody waits, on any endpoint.
   * @internal
   */
  constructor(
    setup: EndpointSetup,
    connect: (endpoint: number) => void,
    onWarning: (warning: Error) => void = () => {},
  ) {
    const layout = new SegmentLayout(setup.shape);
    this.debug = setup.debug;
    this.depth = setup.depth ?? 0;
    this.restarts = setup.restarts ?? false;
    this.#onWarning = onWarning;
    this.layout = layout;
    this.id = setup.endpoint;
    this.shardCount = setup.shape.shardCount;
    this.buffer = setup.buffer;
    const pages = new SegmentPages(setup.buffer, setup.hugePages ?? false);
    this.allocator = Allocator.create(setup.buffer, layout.slices, setup.endpoint, {
      debugHeap: setup.debugHeap,
      pages,
    });
    const cores = navigator.hardwareConcurrency;
    this.#spinner = new Spinner(setup.spinMicroseconds, layout.endpointCount > cores);
    const parkedWords: number[] = [];
    for (let endpoint = 0; endpoint < layout.endpointCount; endpoint++) {
      parkedWords.push((layout.controlPage(endpoint) + PARKED_BYTES) >> 2);
    }
    this.#words = new Int32Array(setup.buffer, 0, layout.controlByteLength >> 2);
    this.#doorbells = new Doorbells(this.#words, parkedWords, setup.endpoint);
    this.wireTypes = bindWireTypes(this, setup.wireTypes);
    this.bus = new MessageBus({
      endpoint: setup.endpoint,
      endpointCount: layout.endpointCount,
      buffer: setup.buffer,
      controlByteLength: layout.controlByteLength,
      ring: (from, to) => layout.ring(from, to),
      ringSlots: setup.shape.ringSlots,
      controlPage: (endpoint) => layout.controlPage(endpoint),
      changesByteOffset: CHANGES_BYTES,
      onChanges: () => this.lookAtShards(),
      allocator: this.allocator,
      types: this.wireTypes,
      resolve: this.id === layout.host
        ? (module, key) => findHostTask(this, module, key)
        : findTask,
      onWarning,
      isRunning: (shard) => isAlive(this.#stateOf(shard)),
      mayEnter: (shard) => this.mayEnter(shard),
      onGone: (shard, error, hasEnded) => {
        this.#goneListeners.forEach((listener) => listener(shard, error, hasEnded));
      },
      onSleep: () => {
        this.#limited.rest();
        this.#idleTrim?.rest();
        this.#sleepListeners.forEach((listener) => listener());
      },
      connect,
      doorbells: this.#doorbells,
      spinner: this.#spinner,
      cores,
    });
    this.#limited = new CallsWithOptions(this.bus);
    const { trimAfterMs } = setup;
    this.trimProblem = trimAfterMs === undefined ? undefined : pages.problem;
    if (trimAfterMs !== undefined && this.trimProblem === undefined) {
      this.#idleTrim = new IdleTrim(this.allocator, pages, trimAfterMs, {
        isAsleep: () => this.#doorbells.looksAsleep(this.id),
        onEnd: (why) => this.warnOf(`No more memory of endpoint ${this.id} is given back`, why),
      });
    }
  }

  /** Serves the bus until it is closed. Rejects only if shared memory is found corrupted. */
  async attend(): Promise<void> {
    await attend(this.bus, this.#doorbells, this.#spinner);
    this.#limited.rest();
    this.#idleTrim?.stop();
  }

  /** Runs `task` on `shard`; see the docs of `submitTo()`. */
  submitTo<Arguments extends readonly unknown[], Result>(
    shard: number,
    task: Task<Arguments, Result>,
    args: readonly unknown[],
  ): Promise<Result> {
    const fault = taskFault(task) ?? shardIdFault(shard, this.shardCount, "submit to");
    if (fault !== undefined) return rejected(fault);
    const { options } = task;
    const callable = callableOf(task);
    // What comes is what the task gave: a cast, not a promise of its own.
    return (options === undefined
      ? this.bus.call(shard, callable, args)
      : this.#limited.call(shard, callable, args, options)) as Promise<Result>;
  }

  /**
   * The same, but that what keeps the call from being sent is thrown.
   * @internal
   */
  submitOrThrow<Arguments extends readonly unknown[], Result>(
    shard: number,
    task: Task<Arguments, Result>,
    args: readonly unknown[],
  ): Promise<Result> {
    return this.bus.callOrThrow(shard, callableOf(task), args) as Promise<Result>;
  }

  /**
   * The same for what opens `shard`: it goes at once, and is rejected if the shard is dead.
   * @internal
   */
  submitEarly<Arguments extends readonly unknown[], Result>(
    shard: number,
    task: Task<Arguments, Result>,
    args: readonly unknown[],
  ): Promise<Result> {
    return this.bus.callEarly(shard, callableOf(task), args) as Promise<Result>;
  }

  /**
   * Runs `task` on the host.
   * @internal
   */
  async askHost<Arguments extends readonly unknown[], Result>(
    task: HostTask<Arguments, Result>,
    ...args: Arguments
  ): Promise<Result> {
    const { host } = this.layout;
    if (this.id === host) return await task.run(this, ...args);
    return await this.bus.call(host, callableOf(task), args) as Result;
  }

  /**
   * Refuses to send what belongs to another endpoint: it travels by a number, which names something
   * else here. One thread may have endpoints of several runtimes. O(1).
   *
   * @param its The endpoint that it belongs to.
   * @param what What it is.
   * @throws {TypeError} If that is not this one.
   * @internal
   */
  checkOwn(its: Endpoint, what: string): void {
    if (its === this) return;
    throw new TypeError(
      `Cannot send a ${what} of another runtime: it can be sent only by calls of the runtime that it came from`,
    );
  }

  /** Tells the host of something that went wrong where nobody waits: see `RuntimeOptions.onWarning`. */
  warn(warning: Error): void {
    const { host } = this.layout;
    if (this.id === host) this.#onWarning(warning);
    else this.bus.warn(host, warning);
  }

  /**
   * The same with what else has gone wrong: `what` says where, `cause` was thrown there. Some other code
   * has thrown it, so that it may be anything.
   */
  warnOf(what: string, cause: unknown): void {
    this.warn(new Error(`${what}: ${textOf(cause)}`, { cause }));
  }

  /** Has `hook` run when the runtime stops, if this is its host's endpoint. */
  beforeStop(hook: BeforeStop): void {
    this.stopHooks.push(hook);
  }

  /**
   * What an upper layer keeps for this endpoint alone: an object of a class of its own, made when it is
   * first asked for. O(classes asked for).
   */
  part<Part extends object>(partClass: new (endpoint: Endpoint) => Part): Part {
    // A handful at most: they are faster looked through than kept in a Map.
    for (const part of this.#parts) if (part.constructor === partClass) return part as Part;
    const part = new partClass(this);
    this.#parts.push(part);
    return part;
  }

  /**
   * Has `listener` called with each endpoint that dies, once for each of its lives, and with all others when
   * this one ends.
   * @internal
   */
  whenGone(listener: GoneListener): void {
    this.#goneListeners.push(listener);
  }

  /**
   * Has `listener` called whenever this endpoint goes to sleep: then there is time for upkeep.
   * @internal
   */
  whenAsleep(listener: () => void): void {
    this.#sleepListeners.push(listener);
  }

  /**
   * How much that this endpoint has borrowed was given back to it, modulo 2^32; also counts other reasons
   * to look. O(1).
   * @internal
   */
  get returns(): number {
    return Atomics.load(this.#words, this.#returnsWord(this.id));
  }

  /**
   * Resolves when `returns` is no longer `seen`.
   * @internal
   */
  nextReturn(seen: number): Promise<void> {
    return untilMoreThan(this.#words, this.#returnsWord(this.id), seen);
  }

  /**
   * Counts one more for `endpoint`, and wakes those who wait there. Publishes what says what it is.
   * @internal
   */
  countReturn(endpoint: number): void {
    announceOneMore(this.#words, this.#returnsWord(endpoint));
  }

  #returnsWord(endpoint: number): number {
    return (this.layout.controlPage(endpoint) + RETURNS_BYTES) >> 2;
  }

  /** Wakes `endpoint`, to look at what has changed. */
  ring(endpoint: number): void {
    this.#doorbells.ring(endpoint);
  }

  /** Wakes every endpoint, to look at what has changed. */
  ringAll(): void {
    for (let endpoint = 0; endpoint < this.layout.endpointCount; endpoint++) {
      this.#doorbells.ring(endpoint);
    }
  }

  /**
   * Takes one end of a channel to `endpoint` in its life `epoch`, if it has no other by now.
   * @internal
   */
  attachChannel(endpoint: number, port: MessagePort, epoch: number): void {
    if (epoch === this.epochOf(endpoint)) this.bus.parcels.attach(endpoint, port, epoch);
    else port.close();
  }

  /**
   * `shard` has died of what `error` says; returns how many calls were rejected.
   * @internal
   */
  declareGone(shard: number, error: Error, hasEnded: boolean): number {
    const why = this.restarts ? new ShardRestartingError(shard, error.cause) : undefined;
    return this.bus.declareGone(shard, error, hasEnded, why);
  }

  /** Which life of `shard` it is, from 0: it grows when the shard is started again. O(1). */
  epochOf(shard: number): number {
    return this.#words[(this.layout.controlPage(shard) + EPOCH_BYTES) >> 2]!;
  }

  /**
   * A number for a sharded service: no other of this segment has it, and later ones are higher.
   * @internal
   */
  nextService(): number {
    return Atomics.add(this.#words, SERVICES_BYTES >> 2, 1);
  }

  /**
   * Acts on what has become of the others: rejects the calls to those that have died, and takes up those
   * that have come back.
   * @internal
   */
  lookAtShards(): void {
    for (let shard = 0; shard < this.shardCount; shard++) {
      if (shard === this.id) continue;
      const { bus } = this;
      const obituary = readObituary(this.buffer, this.layout, shard);
      if (obituary !== undefined) {
        this.declareGone(shard, obituary.error, obituary.hasEnded);
        continue;
      }
      const state = this.#stateOf(shard);
      if (!isAlive(state)) continue;
      if (bus.isGone(shard)) bus.declareBack(shard, this.epochOf(shard));
      if (state === STATE_RUNNING) {
        if (bus.whyShut(shard) !== undefined) bus.declareUp(shard);
      } else if (bus.whyShut(shard) === undefined) {
        // This endpoint's own life began when the other was dead already.
        bus.declareShut(shard, new ShardRestartingError(shard, undefined));
      }
    }
  }

  #stateOf(shard: number): number {
    const word = (this.layout.controlPage(shard) + STATE_BYTES) >> 2;
    return Atomics.load(this.#words, word);
  }
}

function isAlive(state: number): boolean {
  return state === STATE_RUNNING || state === STATE_OPENING;
}
