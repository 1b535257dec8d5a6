/**
 * The runtime, as the host sees it: starts the shards, calls them, notices when one dies, stops them.
 *
 * @module
 */

import type { HeapBlock } from "../../allocator/diagnosis/mod.ts";
import { type MemoryStatistics, readMemoryStatistics } from "../../allocator/mod.ts";
import { type Failures, rejected, StoppedError, sumOf } from "../bus/mod.ts";
import { type BusStatistics, readBusStatistics } from "../ring/mod.ts";
import {
  allShards,
  checkShardId,
  Endpoint,
  type EndpointSetup,
  flushCalls,
  type ForeignStatistics,
  giveWarning,
  isAtTopLevel,
  isShard,
  localEndpoint,
  otherShards,
  readForeignStatistics,
  reduceInOrder,
  type Reducer,
  SegmentLayout,
  type Sendable,
  settleEach,
  ShardCrashedError,
  submitToEach,
  type Task,
  throwFailures,
  wireTypeNames,
} from "../calls/mod.ts";
import {
  callAt,
  type Items,
  mapCalls,
  Pipeline,
  type PipelineOptions,
  roomFrom,
  type ShardFor,
  type WindowOptions,
} from "../flow/mod.ts";
import {
  checkKinds,
  deadlineFor,
  restartTimeoutFor,
  type RuntimeOptions,
  shapeFor,
  spinFor,
  type StopOptions,
  trimAfterFor,
  watchdogFor,
} from "./runtime_options.ts";
import {
  type PerShard,
  Replicated,
  type ReplicateOptions,
  type ServiceDefinition,
  Sharded,
  type ShardKey,
  shardOf,
} from "../services/mod.ts";
import type { Opener, Opening } from "./opening.ts";
import type { Placement } from "./placement.ts";
import { nowhere, type PlacementOptions, type ShardPlacement } from "./placement_options.ts";
import type { ShardStatus } from "./shard_states.ts";
import { ShardWorker } from "./shard_worker.ts";
import type { CrashPolicy, Supervisor } from "./supervisor.ts";

type Running = typeof import("./running.ts");

/** The most runtimes that one lies in, each on a shard of the next. */
const MAX_DEPTH = 3;

/**
 * A running set of shards.
 *
 * @example
 * ```ts
 * import { Runtime } from "@tidepool/core";
 * import { assertEquals } from "@std/assert";
 *
 * await using runtime = await Runtime.start({ shards: 2, memory: "16MiB" });
 * assertEquals(runtime.shardCount, 2);
 * ```
 */
export class Runtime {
  /** How many shards there are; their ids count from 0. */
  readonly shardCount: number;
  /** Resolves when the runtime has stopped; rejects with the first crash of a shard. */
  readonly closed: Promise<void>;
  readonly #running: Running;
  readonly #endpoint: Endpoint;
  readonly #supervisor: Supervisor;
  readonly #onCrash: CrashPolicy;
  readonly #hasOnRestart: boolean;
  /** Whether the slices have debug heaps, which know what is still live at the end. */
  readonly #reportsLeaks: boolean;
  readonly #placement: Placement | undefined;
  readonly #settleClosed: PromiseWithResolvers<void> = Promise.withResolvers();
  /** The crashes of shards that were not started again. */
  readonly #crashes: ShardCrashedError[] = [];
  /** Errors with which some call has been rejected. */
  readonly #told = new Set<Error>();
  /** Why the runtime has ended, if it has not been stopped. */
  #failure: Error | undefined;
  #stopping: Promise<void> | undefined;

  /**
   * The host's endpoint.
   * @internal
   */
  private get endpoint(): Endpoint {
    return this.#endpoint;
  }

  /** Use {@linkcode Runtime.start}. */
  private constructor(
    running: Running,
    endpoint: Endpoint,
    setup: Omit<EndpointSetup, "endpoint">,
    options: RuntimeOptions,
    restartTimeoutMs: number,
    placement: Placement | undefined,
  ) {
    this.shardCount = endpoint.shardCount;
    this.#running = running;
    this.#endpoint = endpoint;
    this.#onCrash = options.onCrash ?? "fail";
    this.#hasOnRestart = options.onRestart !== undefined;
    this.#reportsLeaks = Boolean(options.debugHeap);
    this.#placement = placement;
    const opener = new running.Opener(endpoint, restartTimeoutMs, options.onRestart ?? (() => {}));
    this.#supervisor = new running.Supervisor(endpoint, setup, placement, {
      policy: this.#onCrash,
      crashed: (error, rejectedCalls) => this.#crashed(error, rejectedCalls),
      failed: (error) => this.#fail(error),
      open: (opening) => this.#open(opener, opening),
    });
    this.closed = this.#settleClosed.promise;
    this.closed.catch(() => {}); // Whoever wants to know awaits it; stop() throws it otherwise.
  }

  /**
   * Starts the shards and waits until all are ready. Fails whole: if one does not start, none is
   * left. Cost: some 80 ms a shard on two cores.
   *
   * @param options How many shards, how much memory.
   * @returns The runtime; dispose of it with `await using`, or call `stop()`.
   * @throws {TypeError} If an option is of the wrong kind; or at the top level of a module that a shard
   * imports for its tasks, as each shard would start shards of its own without end.
   * @throws {RangeError} If an option is out of range; the message says which range.
   * @throws {Deno.errors.NotCapable} If `memory` is "auto" and the program may not ask the machine.
   * @throws {ShardStartError} If a shard does not start: which, and why.
   *
   * @see `seastar::app_template::run()`
   */
  static async start(options: RuntimeOptions = {}): Promise<Runtime> {
    const depth = depthOfNext();
    checkKinds(options);
    const shape = shapeFor(options);
    const spinMicroseconds = spinFor(options);
    const watchdogMs = watchdogFor(options);
    const restartTimeoutMs = restartTimeoutFor(options);
    const layout = new SegmentLayout(shape);
    const setup = {
      buffer: layout.makeSegment(),
      shape,
      spinMicroseconds,
      wireTypes: wireTypeNames(),
      debug: options.debug ?? false,
      debugHeap: options.debugHeap ?? false,
      hugePages: options.placement?.hugePages ?? false,
      trimAfterMs: trimAfterFor(options),
      restarts: options.onCrash === "restart",
      depth,
    };
    const onWarning = (warning: Error): void => void giveWarning(warning, options.onWarning);
    // Before the host's endpoint, which is the first to touch the segment.
    const placement = options.placement &&
      await place(options.placement, layout, setup.buffer, onWarning);
    // First of all the threads: they load their modules while this one goes on.
    const workers = Array.from({ length: shape.shardCount }, (_, shard) => new ShardWorker(shard));
    let runtime: Runtime;
    try {
      const endpoint = new Endpoint(
        { ...setup, endpoint: layout.host },
        (shard) => runtime.#supervisor.connect(layout.host, shard),
        onWarning,
      );
      const running = await import("./running.ts");
      runtime = new Runtime(running, endpoint, setup, options, restartTimeoutMs, placement);
      await runtime.#supervisor.start(workers, watchdogMs);
    } catch (error) {
      await Promise.all(workers.map((worker) => worker.terminate(Infinity)));
      throw error;
    }
    const { endpoint } = runtime;
    placement?.pinHost();
    endpoint.attend().catch((error) => runtime.#fail(error));
    return runtime;
  }

  /**
   * Runs `task` on `shard`. All that is said of the function {@linkcode submitTo}, which tasks call,
   * holds for the host, which is not one of the shards.
   *
   * @throws {StoppedError} As a rejection: if the runtime has been told to stop.
   *
   * @see `seastar::alien::submit_to()`
   */
  submitTo<Arguments extends readonly unknown[], Result>(
    shard: number,
    task: Task<Arguments, Result>,
    ...args: Sendable<Arguments>
  ): Promise<Result> {
    const refusal = this.#refusal();
    return refusal === undefined ? this.#endpoint.submitTo(shard, task, args) : rejected(refusal);
  }

  /**
   * Runs `task` on every shard at once. Otherwise as the function {@linkcode invokeOnAll}, which tasks
   * call.
   *
   * @throws {StoppedError} As a rejection: if the runtime has been told to stop.
   */
  async invokeOnAll<Arguments extends readonly unknown[]>(
    task: Task<Arguments, unknown>,
    ...args: Arguments
  ): Promise<void> {
    await this.#submitToEach(allShards(this.#endpoint), task, args);
  }

  /**
   * Runs `task` on every shard but `shard`: to tell the others what has changed there. Otherwise as the
   * function {@linkcode invokeOnOthers}, which tasks call, and which leaves out their own.
   *
   * @param shard The shard that is left out.
   * @throws {RangeError} As a rejection: if there is no such shard; then none was called.
   * @throws {StoppedError} As a rejection: if the runtime has been told to stop.
   */
  async invokeOnOthers<Arguments extends readonly unknown[]>(
    shard: number,
    task: Task<Arguments, unknown>,
    ...args: Arguments
  ): Promise<void> {
    checkShardId(shard, this.shardCount, "leave out");
    await this.#submitToEach(otherShards(this.#endpoint, shard), task, args);
  }

  /**
   * Runs `task` on every shard at once, and reduces the results on the host. Otherwise as the function
   * {@linkcode mapReduce}, which tasks call.
   *
   * @throws {StoppedError} As a rejection: if the runtime has been told to stop.
   */
  async mapReduce<Arguments extends readonly unknown[], Result, Accumulated>(
    task: Task<Arguments, Result>,
    args: Arguments,
    initial: Accumulated,
    reduce: Reducer<Accumulated, Result>,
  ): Promise<Accumulated> {
    const results = await this.#submitToEach(allShards(this.#endpoint), task, args);
    return await reduceInOrder(results, initial, reduce);
  }

  /**
   * Runs `task` on every shard at once, and gives the results in the order of the shards. Otherwise as the
   * function `map()`, which tasks call.
   *
   * @throws {StoppedError} As a rejection: if the runtime has been told to stop.
   */
  async map<Arguments extends readonly unknown[], Result>(
    task: Task<Arguments, Result>,
    ...args: Arguments
  ): Promise<Result[]> {
    return await this.#submitToEach(allShards(this.#endpoint), task, args);
  }

  /**
   * Runs `task` on every shard at once, and says what became of each call, in the order of the shards: for a
   * page of figures that has to come also when a shard is down, which is a rejection at once, never a wait.
   * Otherwise as the function `mapSettled()`, which tasks call.
   *
   * @throws {StoppedError} As a rejection: if the runtime has been told to stop.
   */
  async mapSettled<Arguments extends readonly unknown[], Result>(
    task: Task<Arguments, Result>,
    ...args: Arguments
  ): Promise<PromiseSettledResult<Result>[]> {
    const refusal = this.#refusal();
    if (refusal !== undefined) throw refusal;
    return await settleEach(this.#endpoint, task, args);
  }

  /**
   * The same, and reduces the outcomes on the host. Otherwise as the function `mapReduceSettled()`, which
   * tasks call.
   *
   * @throws {StoppedError} As a rejection: if the runtime has been told to stop.
   */
  async mapReduceSettled<Arguments extends readonly unknown[], Result, Accumulated>(
    task: Task<Arguments, Result>,
    args: Arguments,
    initial: Accumulated,
    reduce: Reducer<Accumulated, PromiseSettledResult<Result>>,
  ): Promise<Accumulated> {
    return await reduceInOrder(await this.mapSettled(task, ...args), initial, reduce);
  }

  /**
   * Runs `task` for each item, and gives the results as they are read. Otherwise as the function
   * `pipeline()`, which tasks call.
   *
   * @throws {StoppedError} Where the results are read: if the runtime has been told to stop.
   */
  pipeline<Item, Result>(
    shard: ShardFor<Item>,
    items: Items<Item>,
    task: Task<[Item], Result>,
    options?: PipelineOptions,
  ): AsyncIterableIterator<Result, undefined> & AsyncDisposable {
    return new Pipeline(items, this.#callAt(shard, task), options);
  }

  /**
   * Runs `task` for each item, at most `inFlight` at a time, and resolves to all results, in the order of
   * the items. Otherwise as the function `mapLimit()`, which tasks call.
   *
   * @throws {StoppedError} As a rejection: if the runtime has been told to stop.
   */
  async mapLimit<Item, Result>(
    shard: ShardFor<Item>,
    items: Items<Item>,
    task: Task<[Item], Result>,
    options?: WindowOptions,
  ): Promise<Result[]> {
    return await mapCalls(items, this.#callAt(shard, task), options);
  }

  #callAt<Item, Result>(shard: ShardFor<Item>, task: Task<[Item], Result>) {
    return callAt(shard, (to, item: Item) => this.submitTo<[Item], Result>(to, task, item));
  }

  /**
   * Resolves when a call from the host to `shard` would be taken, and not be refused with a `BusyError`. As
   * the function `room()`, which tasks call.
   *
   * @throws {StoppedError} As a rejection: if the runtime has been told to stop.
   */
  room(shard: number, signal?: AbortSignal): Promise<void> {
    const refusal = this.#refusal();
    return refusal === undefined ? roomFrom(this.#endpoint, shard, signal) : rejected(refusal);
  }

  /**
   * The shard that a key belongs to, of those of this runtime. As the function `shardOf()`.
   *
   * @throws {TypeError} If the key is no text, number or bytes.
   * @throws {RangeError} If a number is not a whole one that JavaScript holds exactly.
   */
  shardOf(key: ShardKey): number {
    return shardOf(key, this.shardCount);
  }

  /**
   * How the shards are, in the order of their ids: read from shared memory and the host's own books,
   * without a message. A snapshot, O(shards).
   *
   * @example
   * ```ts
   * import { Runtime } from "@tidepool/core";
   * import { assertEquals } from "@std/assert";
   *
   * await using runtime = await Runtime.start({ shards: 2, memory: "16MiB" });
   * assertEquals(runtime.shards.map(({ state }) => state), ["running", "running"]);
   * ```
   */
  get shards(): readonly ShardStatus[] {
    return this.#supervisor.states.snapshot();
  }

  /**
   * Starts a service: an instance on every shard. Otherwise as the function {@linkcode startSharded},
   * which tasks call. `stop()` of the runtime stops services that still run, the latest started first.
   *
   * @throws {StoppedError} As a rejection: if the runtime has been told to stop.
   */
  async startSharded<Arguments extends readonly unknown[], Service extends object>(
    definition: ServiceDefinition<Arguments, Service>,
    ...args: PerShard<Arguments>
  ): Promise<Sharded<Service>> {
    const refusal = this.#refusal();
    if (refusal !== undefined) throw refusal;
    return await Sharded["start"](this.#endpoint, definition, args);
  }

  /**
   * Gives every shard a copy of `value`. Otherwise as the function {@linkcode replicate}, which tasks
   * call; `home` is shard 0 unless given.
   *
   * @throws {StoppedError} As a rejection: if the runtime has been told to stop.
   *
   * @example
   * ```ts
   * import { Runtime } from "@tidepool/core";
   * import { assertEquals } from "@std/assert";
   *
   * await using runtime = await Runtime.start({ shards: 2, memory: "16MiB" });
   * await using limits = await runtime.replicate({ connections: 100 }, { home: 1 });
   * assertEquals([limits.home, await limits.read()], [1, { connections: 100 }]);
   * ```
   */
  async replicate<T>(value: T, { home = 0 }: ReplicateOptions = {}): Promise<Replicated<T>> {
    const refusal = this.#refusal();
    if (refusal !== undefined) throw refusal;
    return await Replicated["make"](this.#endpoint, home, value);
  }

  async #submitToEach<Arguments extends readonly unknown[], Result>(
    shards: readonly number[],
    task: Task<Arguments, Result>,
    args: Arguments,
  ): Promise<Result[]> {
    const refusal = this.#refusal();
    if (refusal !== undefined) throw refusal;
    return await submitToEach(this.#endpoint, shards, task, args);
  }

  /** Why the host may make no more calls, if so. */
  #refusal(): Error | undefined {
    if (this.#failure !== undefined) {
      this.#told.add(this.#failure);
      return this.#failure;
    }
    if (this.#stopping !== undefined) {
      return new StoppedError("Cannot make a call: the runtime has been told to stop");
    }
    return undefined;
  }

  /**
   * Ends the runtime in good order: takes no new calls from the host, waits for calls under way,
   * stops services that still run, then ends the threads and waits until they have ended. Calling it
   * again gives the same promise.
   *
   * @param options How long to wait.
   * @throws {TypeError} If the deadline is not a number.
   * @throws {RangeError} If the deadline is not a valid time.
   * @throws {ShardCrashedError} If a shard had crashed and no call has said so.
   * @throws What calls without reply have thrown and no `flush()` has fetched, and what services threw
   * when they were stopped; a `StoppedError` for one that had not stopped at the deadline.
   */
  stop(options: StopOptions = {}): Promise<void> {
    let deadlineMs: number;
    try {
      deadlineMs = deadlineFor(options);
    } catch (error) {
      return Promise.reject(error); // the runtime goes on
    }
    this.#stopping ??= this.#stop(deadlineMs);
    return this.#stopping;
  }

  /**
   * Resolves when `shard` takes calls: at once, unless it has died and is being started again. Calls need
   * not wait for it, as they do so themselves: it is for what is to be ready when the shard is. In
   * `onRestart` of the shard it resolves at once, as calls made there do not wait either.
   *
   * @param shard The shard.
   * @throws {RangeError} As a rejection: if there is no such shard.
   * @throws {ShardCrashedError} As a rejection: if the shard has died, and is not started again.
   * @throws {StoppedError} As a rejection: if the runtime has been told to stop.
   * @throws Why the runtime has ended, as a rejection.
   *
   * @example
   * ```ts
   * import { Runtime } from "@tidepool/core";
   *
   * await using runtime = await Runtime.start({ shards: 2, memory: "16MiB", onCrash: "restart" });
   * await runtime.whenUp(1);
   * ```
   */
  async whenUp(shard: number): Promise<void> {
    checkShardId(shard, this.shardCount, "wait for");
    const refusal = this.#refusal();
    if (refusal !== undefined) throw refusal;
    const why = this.#endpoint.bus.whyNotNow(shard);
    if (why === undefined) return;
    if (this.#onCrash !== "restart") throw why;
    if (!await this.#supervisor.whenUp(shard)) throw this.#refusal();
  }

  /**
   * Resolves when every call without reply that the host has made so far is over.
   *
   * @throws What one of them has thrown; an `AggregateError` if there are several.
   */
  flush(): Promise<void> {
    return flushCalls(this.#endpoint);
  }

  /**
   * Ends the runtime at once: calls under way reject, threads are ended wherever they are.
   *
   * @param reason What the calls reject with.
   */
  abort(reason: Error = new StoppedError("The runtime was aborted")): void {
    this.#told.add(reason); // the caller knows
    this.#fail(reason);
    this.#stopping ??= this.#supervisor.terminate();
  }

  /** Calls `stop()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /**
   * Figures of the allocator of `shard`, or of the host if `shard` is `shardCount`, read from shared
   * memory without a message. O(1).
   *
   * @throws {RangeError} If there is no such shard.
   */
  memoryStatistics(shard: number): MemoryStatistics {
    return readMemoryStatistics(this.#endpoint.buffer, this.#sliceOf(shard));
  }

  /**
   * Figures of the bus of `shard`, or of the host if `shard` is `shardCount`, read from shared memory
   * without a message. O(1).
   *
   * @throws {RangeError} If there is no such shard.
   */
  busStatistics(shard: number): BusStatistics {
    this.#checkEndpoint(shard);
    const page = this.#endpoint.layout.controlPage(shard);
    return readBusStatistics(this.#endpoint.buffer, page);
  }

  /**
   * Figures of the foreign pointers to the objects of `shard`, read from shared memory without a
   * message. O(pointers that were ever away at once). Exact while nobody passes pointers on.
   *
   * @throws {TypeError} If `shard` is not a number.
   * @throws {RangeError} If there is no such shard.
   *
   * @example
   * ```ts ignore
   * // counters.ts
   * import { defineTasks, makeForeign } from "@tidepool/core";
   *
   * export const counters = defineTasks(import.meta.url, { open: () => makeForeign({ n: 0 }) });
   * ```
   *
   * ```ts ignore
   * // main.ts
   * import { Runtime } from "@tidepool/core";
   * import { assertEquals } from "@std/assert";
   * import { counters } from "./counters.ts";
   *
   * await using runtime = await Runtime.start({ shards: 1, memory: "16MiB" });
   * await using pointer = await runtime.submitTo(0, counters.open);
   * assertEquals(runtime.foreignStatistics(0).outstanding, [0, 1]); // none with shard 0, one here
   * ```
   */
  foreignStatistics(shard: number): ForeignStatistics {
    return readForeignStatistics(this.#endpoint, shard);
  }

  /**
   * Where `shard` is, or the host if `shard` is `shardCount`: its cpus, the node and the pages of its
   * slice, all as the kernel says now, and what was asked for by the option `placement` and is not so.
   * Without a message. It takes some 50 ms a GiB that is there.
   *
   * @throws {TypeError} If `shard` is not a number.
   * @throws {RangeError} If there is no such shard.
   *
   * @example
   * ```ts
   * import { Runtime } from "@tidepool/core";
   *
   * const placement = { pin: "node", prefault: true } as const;
   * await using runtime = await Runtime.start({ shards: 2, memory: "16MiB", placement });
   * const { cpus, presentBytes, problems } = runtime.placement(1);
   * console.log(cpus, presentBytes, problems);
   * ```
   */
  placement(shard: number): ShardPlacement {
    this.#checkEndpoint(shard);
    const placement = this.#placement?.read(shard) ??
      nowhere(["nothing was placed: the option `placement` was left out"]);
    const { trimProblem } = this.#endpoint;
    if (trimProblem === undefined) return placement;
    return { ...placement, problems: [...placement.problems, trimProblem] };
  }

  /**
   * A report of the memory of `shard`, or of the host if `shard` is `shardCount`, in a dozen lines of
   * text: how full it is, in what pieces, and what became of requests. For logs and bug reports.
   * Without a message. O(blocks).
   *
   * @throws {RangeError} If there is no such shard.
   */
  memoryReport(shard: number): string {
    return this.#running.memoryReport(this.#endpoint.buffer, this.#sliceOf(shard));
  }

  /**
   * The blocks of the slice of `shard`, or of the host if `shard` is `shardCount`, in the order of
   * their addresses. Consistent only while that shard is quiet. O(blocks).
   *
   * @throws {RangeError} If there is no such shard.
   */
  walkHeap(shard: number): Generator<HeapBlock> {
    return this.#running.walkHeap(this.#endpoint.buffer, this.#sliceOf(shard));
  }

  /**
   * Checks every invariant of the heap of `shard`, or of the host if `shard` is `shardCount`. It must
   * be quiet. O(blocks).
   *
   * @throws {RangeError} If there is no such shard.
   * @throws {HeapCheckError} If an invariant does not hold: which, and where.
   */
  checkHeap(shard: number): void {
    this.#running.checkHeap(this.#endpoint.buffer, this.#sliceOf(shard));
  }

  /** Allows the host's number too. */
  #checkEndpoint(shard: number): void {
    if (shard !== this.shardCount) checkShardId(shard, this.shardCount, "look at");
  }

  #sliceOf(shard: number) {
    this.#checkEndpoint(shard);
    return this.#endpoint.layout.slices[shard]!;
  }

  async #stop(deadlineMs: number): Promise<void> {
    const { bus } = this.#endpoint;
    const begin = performance.now();
    const shutdown = new this.#running.Shutdown(
      this.#endpoint,
      this.#supervisor,
      this.#reportsLeaks,
    );
    let failures: Failures;
    try {
      await shutdown.run(deadlineMs);
    } catch (error) {
      if (!(error instanceof ShardCrashedError)) throw error; // a crash is told below
    } finally {
      bus.close(
        new StoppedError(
          `The call was still under way ${deadlineMs} ms after the runtime was told to stop`,
        ),
        new StoppedError("Cannot make a call: the runtime has stopped"),
      );
      failures = sumOf(shutdown.failures); // before the hooks see calls end for want of time
      await this.#supervisor.terminate(Math.max(0, begin + deadlineMs - performance.now()));
      this.#placement?.releaseHost();
    }
    this.#settleClosed.resolve();
    const untold = this.#untold();
    const shards = untold.length === 0 ? "" : "shards, ";
    throwFailures(
      sumOf([{ count: untold.length, first: untold }, failures]),
      `${shards}calls without reply, or services told to stop,`,
    );
  }

  /** Why the runtime has ended, or which shards have, as far as no call has told. */
  #untold(): Error[] {
    const { bus } = this.#endpoint;
    if (this.#failure !== undefined) return this.#told.has(this.#failure) ? [] : [this.#failure];
    return this.#crashes.filter((crash) => !this.#told.has(crash) && !bus.hasToldGone(crash.shard));
  }

  #crashed(error: ShardCrashedError, rejectedCalls: number): void {
    if (rejectedCalls > 0) this.#told.add(error);
    if (this.#onCrash === "restart") {
      // onRestart tells, or whose call it was. Otherwise a warning does.
      if (rejectedCalls === 0 && !this.#hasOnRestart) this.#endpoint.warn(error);
      return;
    }
    this.#crashes.push(error);
    this.#settleClosed.reject(error);
  }

  /** Opens a shard that is back; what the program fails to put back ends the runtime. */
  async #open(opener: Opener, opening: Opening): Promise<void> {
    const error = await opener.open(opening);
    if (error === undefined) return;
    if (this.#stopping === undefined) this.#fail(error);
    else this.#endpoint.warn(error); // it may be just that the host takes no more calls
  }

  /** Ends everything at once: calls reject with `error`, threads are terminated. */
  #fail(error: Error): void {
    this.#failure ??= error;
    this.#settleClosed.reject(error);
    if (this.#endpoint.bus.close(error) > 0) this.#told.add(this.#failure);
    this.#supervisor.terminate();
    this.#placement?.releaseHost();
  }
}

/** Places the memory of a segment. What it takes is loaded here, so that no other start pays for it. */
async function place(
  options: PlacementOptions,
  layout: SegmentLayout,
  buffer: SharedArrayBuffer,
  onWarning: (warning: Error) => void,
): Promise<Placement> {
  const { Placement } = await import("./placement.ts");
  return new Placement(options, layout, buffer, onWarning);
}

/**
 * How deep a runtime lies in others that is started here now.
 *
 * @throws {TypeError} If it would be started without end: by each shard, as a part of its program.
 */
function depthOfNext(): number {
  if (!isShard()) return 0;
  const depth = localEndpoint().depth + 1;
  const remedy =
    "start it in a module that no shard imports, or in a block of if (import.meta.main)";
  if (isAtTopLevel(new Error().stack ?? "")) {
    throw new TypeError(
      `Cannot start a runtime at the top level of a module that a shard imports, as each shard would do so again: ${remedy}`,
    );
  }
  if (depth > MAX_DEPTH) {
    throw new TypeError(
      `Cannot start a runtime in a shard that lies ${depth} runtimes deep, as it seems that each shard does so: ${remedy}`,
    );
  }
  return depth;
}
