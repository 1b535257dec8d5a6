/**
 * Streams of bytes in blocks that lie where they are to be worked on: read ahead, no further than there are
 * blocks, and cut so that no record spans two of them.
 *
 * @module
 */

import { Runtime } from "../shard/mod.ts";
import { type Endpoint, localEndpoint } from "../shard/unstable_layers.ts";
import { type ChunkSource, type OpenSource, openSource } from "./chunk_source.ts";
import type { ForeignPtr } from "./foreign_ptr.ts";
import { isLendable, MAX_LENT_BYTES } from "./lend.ts";
import { LentBlocks } from "./lent_blocks.ts";
import type { LentBytes } from "./local/mod.ts";

/** A shard, several, or a function that chooses one for each chunk by its number from 0. */
export type ShardOfChunk = number | readonly number[] | ((index: number) => number);

/** How chunks are cut. */
export interface ChunkOptions {
  /**
   * Whose memory they lie in. Of several shards, each chunk goes to one that has a block free.
   *
   * @default {every shard}
   */
  readonly shard?: ShardOfChunk;
  /**
   * The most bytes of a chunk.
   *
   * @default {262144}
   */
  readonly chunkBytes?: number;
  /**
   * The most chunks of a shard at a time: filled, on their way, or worked on. The next is read when one of
   * them has been disposed of. If the shard's memory is short there are fewer.
   *
   * @default {3}
   */
  readonly ahead?: number;
  /**
   * The byte that ends a record, as a number or as a character of ASCII: a chunk then ends behind one, and
   * the beginning of the next record is copied. Only the last may end without.
   */
  readonly separator?: number | string;
  /** Ends it when it aborts: the reader gets the signal's reason at once. */
  readonly signal?: AbortSignal;
}

const CHUNK_BYTES = 2 ** 18;
const AHEAD = 3;
const MAX_AHEAD = 1024;
const OPTIONS: readonly (keyof ChunkOptions)[] = [
  "shard",
  "chunkBytes",
  "ahead",
  "separator",
  "signal",
];

/** What a reader gets. */
type Step = IteratorResult<ForeignPtr<LentBytes>, undefined>;

/**
 * Reads a file, a socket or a stream in chunks that lie in other shards' memory. They are sent without a
 * copy, and go back to be filled again. Reading goes on ahead of the reader, while blocks are free; a stream
 * of chunks takes no message but the calls that they are sent with.
 *
 * A chunk is a foreign pointer: it moves when it is sent, and must be disposed of by who has it last, as by
 * `using`. On its own shard and here that gives the block back, elsewhere it is freed. A chunk is handed on
 * when it is full, and before that if a reader waits for it.
 *
 * An error of the source comes behind the chunks before it. Whoever leaves the loop, or aborts, frees all
 * that is still here. A stream is then cancelled; a file or a socket stays open, and a read of a socket that is
 * under way keeps its block until it ends.
 *
 * @param runtime The runtime, on its host; on a shard, left out.
 * @param source A `ReadableStream`, a `Deno.FsFile`, a `Deno.Conn`, or any object with such a `read()`. Nothing
 * is read before the first chunk is asked for.
 * @param options Whose memory, how long, how many, where to cut.
 * @returns The chunks, for `for await` or `pipeline()`.
 * @throws {TypeError} If the source or an option is of the wrong kind or unknown, or this thread is not a shard
 * and no runtime is given.
 * @throws {RangeError} If an option is out of range. Where chunks are read: if a record is longer than a
 * chunk.
 * @throws Where chunks are read: what the source throws; why a shard lends nothing, as `BadAllocError` or
 * `ShardCrashedError`; the reason of the signal.
 *
 * @example
 * ```ts ignore
 * // log.ts
 * import { defineTasks, type ForeignPtr } from "@tidepool/core";
 * import type { LentBytes } from "@tidepool/core/foreign";
 *
 * export const log = defineTasks(import.meta.url, {
 *   countLines(chunk: ForeignPtr<LentBytes>) {
 *     using own = chunk; // goes back at the end
 *     return own.bytes().filter((byte) => byte === 10).length;
 *   },
 * });
 * ```
 *
 * ```ts ignore
 * // main.ts
 * import { Runtime } from "@tidepool/core";
 * import { chunks } from "@tidepool/core/foreign";
 * import { assertEquals } from "@std/assert";
 * import { log } from "./log.ts";
 *
 * await using runtime = await Runtime.start({ shards: 2, memory: "16MiB" });
 * const source = new Response("a line\n".repeat(1000)).body!; // or a file
 * const lines = chunks(runtime, source, { separator: "\n" });
 * let sum = 0;
 * for await (
 *   const count of runtime.pipeline((chunk) => chunk.ownerShard, lines, log.countLines)
 * ) sum += count;
 * assertEquals(sum, 1000);
 * ```
 */
export function chunks(
  runtime: Runtime,
  source: ChunkSource,
  options?: ChunkOptions,
): AsyncIterableIterator<ForeignPtr<LentBytes>, undefined> & AsyncDisposable;
/** Reads a source into blocks of shards' memory, from a task. */
export function chunks(
  source: ChunkSource,
  options?: ChunkOptions,
): AsyncIterableIterator<ForeignPtr<LentBytes>, undefined> & AsyncDisposable;
export function chunks(
  first: Runtime | ChunkSource,
  second?: ChunkSource | ChunkOptions,
  third?: ChunkOptions,
): AsyncIterableIterator<ForeignPtr<LentBytes>, undefined> & AsyncDisposable {
  return first instanceof Runtime
    ? new Chunks(first["endpoint"], second as ChunkSource, third)
    : new Chunks(localEndpoint(), first, second as ChunkOptions | undefined);
}

class Chunks implements AsyncIterableIterator<ForeignPtr<LentBytes>, undefined>, AsyncDisposable {
  readonly #source: OpenSource;
  readonly #blocks: LentBlocks;
  readonly #shardsFor: (index: number) => readonly number[];
  readonly #chunkBytes: number;
  readonly #separator: number | undefined;
  readonly #signal: AbortSignal | undefined;
  /**
   * Where the source reads to, if not into the blocks themselves: a shard that is started again must not
   * find what was read for its former life, by a read that had begun then.
   */
  readonly #own: Uint8Array<ArrayBuffer> | undefined;
  /** The beginning of a record whose end was not read yet. */
  #carried = new Uint8Array(0);
  /** Filled, and not asked for. */
  readonly #ready: ForeignPtr<LentBytes>[] = [];
  /** Those who wait for a chunk, in order. */
  readonly #readers: PromiseWithResolvers<Step>[] = [];
  /** The block that is being filled, if the source writes to it. */
  #filled: ForeignPtr<LentBytes> | undefined;
  #reading: Promise<void> | undefined;
  #isOver = false;
  /** Why it is over, while nobody has been told. */
  #failure: { readonly error: unknown } | undefined;
  readonly #onAbort = (): void => this.#leave({ error: this.#signal!.reason });

  constructor(endpoint: Endpoint, source: ChunkSource, options: ChunkOptions = {}) {
    const { shard, chunkBytes, ahead, separator, signal } = readOptions(endpoint, options);
    this.#shardsFor = shard;
    this.#chunkBytes = chunkBytes;
    this.#separator = separator;
    this.#signal = signal;
    this.#blocks = new LentBlocks(endpoint, chunkBytes, ahead);
    this.#own = endpoint.restarts ? new Uint8Array(chunkBytes) : undefined;
    this.#source = openSource(source);
  }

  next(): Promise<Step> {
    if (this.#reading === undefined) this.#start();
    const chunk = this.#ready.shift();
    if (chunk !== undefined) return Promise.resolve({ value: chunk, done: false });
    if (!this.#isOver) {
      const reader = Promise.withResolvers<Step>();
      this.#readers.push(reader);
      return reader.promise;
    }
    const failure = this.#failure;
    this.#failure = undefined;
    return failure === undefined
      ? Promise.resolve({ value: undefined, done: true })
      : Promise.reject(failure.error);
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    this.#leave(undefined);
    if (this.#source.isPrompt) await this.#reading;
    return { value: undefined, done: true };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #start(): void {
    if (this.#signal?.aborted) this.#onAbort();
    this.#signal?.addEventListener("abort", this.#onAbort);
    this.#reading = this.#read();
  }

  /** Nobody wants more: frees what is here, but for the block that is being filled. */
  #leave(failure: { readonly error: unknown } | undefined): void {
    for (const chunk of this.#ready.splice(0)) chunk[Symbol.dispose]();
    this.#blocks.close((pointer) => pointer === this.#filled);
    this.#source.close(failure?.error);
    this.#end(failure);
    if (failure === undefined) this.#failure = undefined;
  }

  /** Nothing more will come. */
  #end(failure: { readonly error: unknown } | undefined): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#signal?.removeEventListener("abort", this.#onAbort);
    const first = failure === undefined ? undefined : this.#readers.shift();
    if (first === undefined) this.#failure = failure;
    else first.reject(failure!.error);
    for (const reader of this.#readers.splice(0)) reader.resolve({ value: undefined, done: true });
  }

  /** Reads until the source or the wish for more has ended. Never rejects. */
  async #read(): Promise<void> {
    let failure: { readonly error: unknown } | undefined;
    try {
      for (let index = 0; !this.#isOver; index++) {
        if (!await this.#readChunk(index)) break;
      }
    } catch (error) {
      failure = { error };
    }
    this.#filled?.[Symbol.dispose]();
    this.#filled = undefined;
    if (this.#isOver) return;
    this.#blocks.close(() => true); // who has chunks, or will ask for those that are ready, keeps them
    if (failure !== undefined) this.#source.close(failure.error);
    this.#end(failure);
  }

  /** Fills a chunk, and hands it on; false at the end of the source. */
  async #readChunk(index: number): Promise<boolean> {
    const shards = this.#shardsFor(index);
    if (this.#own === undefined) {
      this.#filled = await this.#blocks.take(shards);
      if (this.#filled === undefined || this.#isOver) return false;
    }
    const bytes = this.#own ?? this.#filled!.bytes(this.#chunkBytes);
    const { byteLength, isLast } = await this.#fill(bytes);
    if (byteLength > 0 && !this.#isOver) {
      const chunk = this.#filled ?? await this.#blocks.take(shards);
      if (chunk === undefined) return false;
      if (this.#own !== undefined) chunk.bytes(byteLength).set(bytes.subarray(0, byteLength));
      this.#blocks.fill(chunk, byteLength);
      this.#filled = undefined;
      this.#handOn(chunk);
    }
    return !isLast;
  }

  #handOn(chunk: ForeignPtr<LentBytes>): void {
    const reader = this.#readers.shift();
    if (reader === undefined) this.#ready.push(chunk);
    else reader.resolve({ value: chunk, done: false });
  }

  /** Reads until the bytes are full, or somebody waits for what there is. */
  async #fill(
    bytes: Uint8Array,
  ): Promise<{ readonly byteLength: number; readonly isLast: boolean }> {
    bytes.set(this.#carried);
    let length = this.#carried.length;
    let end = 0;
    while (length < bytes.length && (end === 0 || this.#readers.length === 0)) {
      const count = await this.#readInto(bytes.subarray(length));
      if (this.#isOver) break;
      if (count === null) return { byteLength: length, isLast: true };
      const came = bytes.subarray(length, length + count);
      // What was carried has no separator.
      const cut = this.#separator === undefined ? count : came.lastIndexOf(this.#separator) + 1;
      if (cut > 0) end = length + cut;
      length += count;
    }
    if (end === 0 && !this.#isOver) {
      throw new RangeError(
        `Cannot cut chunks of ${bytes.length} bytes: a record is longer, expected a separator in each`,
      );
    }
    this.#carried = bytes.slice(end, length);
    return { byteLength: end, isLast: false };
  }

  async #readInto(bytes: Uint8Array): Promise<number | null> {
    const count = await this.#source.read(bytes);
    if (count === null) return null;
    if (Number.isInteger(count) && count >= 0 && count <= bytes.length) return count;
    throw new RangeError(
      `Cannot cut chunks from a source that says it has read ${count} bytes: expected 0 to ${bytes.length}, or null at the end`,
    );
  }
}

/** Options, checked, with what they are if they are left out. */
interface CheckedOptions {
  readonly shard: (index: number) => readonly number[];
  readonly chunkBytes: number;
  readonly ahead: number;
  readonly separator: number | undefined;
  readonly signal: AbortSignal | undefined;
}

function readOptions({ shardCount }: Endpoint, options: ChunkOptions): CheckedOptions {
  if (typeof options !== "object" || options === null) {
    throw wrong("options", options, "an object");
  }
  for (const name of Object.keys(options)) {
    if (OPTIONS.some((known) => known === name)) continue;
    throw new TypeError(
      `Cannot cut chunks with an option ${JSON.stringify(name)}: expected ${OPTIONS.join(", ")}`,
    );
  }
  const { chunkBytes = CHUNK_BYTES, ahead = AHEAD, signal } = options;
  if (typeof chunkBytes !== "number") throw wrong("chunkBytes", chunkBytes, "a number");
  if (!isLendable(chunkBytes)) {
    throw new RangeError(
      `Cannot cut chunks with chunkBytes of ${chunkBytes}: expected a whole number from 1 to ${MAX_LENT_BYTES}`,
    );
  }
  if (typeof ahead !== "number") throw wrong("ahead", ahead, "a number");
  if (!Number.isInteger(ahead) || ahead < 1 || ahead > MAX_AHEAD) {
    throw new RangeError(
      `Cannot cut chunks with ${ahead} of a shard at a time: expected a whole number from 1 to ${MAX_AHEAD}`,
    );
  }
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw wrong("signal", signal, "an AbortSignal");
  }
  const shard = readShard(options.shard ?? Array.from({ length: shardCount }, (_, id) => id));
  return { shard, chunkBytes, ahead, separator: readSeparator(options.separator), signal };
}

function readShard(shard: ShardOfChunk): CheckedOptions["shard"] {
  if (typeof shard === "function") return (index) => [shard(index)];
  if (typeof shard === "number") return () => [shard];
  if (!Array.isArray(shard)) throw wrong("shard", shard, "a number, an array or a function");
  if (shard.length === 0) {
    throw new RangeError("Cannot cut chunks for no shard: expected one at least");
  }
  const shards = [...shard];
  return () => shards;
}

function readSeparator(separator: number | string | undefined): number | undefined {
  if (separator === undefined) return undefined;
  const isText = typeof separator === "string";
  if (!isText && typeof separator !== "number") {
    throw wrong("separator", separator, "a byte or a character");
  }
  const byte = isText && separator.length === 1 ? separator.charCodeAt(0) : Number(separator);
  const most = isText ? 127 : 255;
  if (isText && separator.length !== 1 || !(Number.isInteger(byte) && byte >= 0 && byte <= most)) {
    throw new RangeError(
      `Cannot cut chunks at ${
        JSON.stringify(separator)
      }: expected a byte from 0 to 255, or one character of ASCII`,
    );
  }
  return byte;
}

function wrong(name: string, value: unknown, expected: string): TypeError {
  return new TypeError(
    `Cannot cut chunks with ${name} of type ${
      value === null ? "null" : typeof value
    }: expected ${expected}`,
  );
}
