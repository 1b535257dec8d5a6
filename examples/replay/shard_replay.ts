/**
 * One shard's part of a replay: runs the shard's program on the shard's own allocator, fills each
 * block with its pattern, checks it when it is freed or resized, and meets the other shards where a
 * block goes from one to the next (see `plan.ts`).
 *
 * A block is handed over in one of two ways. By *address*: the number travels, and the shard that
 * frees or resizes the block does so where it lies, by a remote free. By *foreign pointer*: a
 * `ForeignPtr` made on the shard that allocated the block moves to the next one, which destroys the
 * pointer to free the block; the block's `[Symbol.dispose]` then frees it at home.
 *
 * @module
 */
import { type Allocator, type ForeignPtr, makeForeign } from "@tidepool/core";
import { BlockPattern, type WrongByte } from "./block_pattern.ts";
import { LatencySamples, type LatencySummary } from "./latency.ts";
import { HAND_OVER_SHIFT, KIND_MASK, PROGRAM_WORDS, WAITS } from "./plan.ts";
import { CALLOC, FREE, MALLOC, MEMALIGN, REALLOC } from "./trace.ts";
import { formatBytes } from "./units.ts";

/** How a block goes from one shard to another. */
export type HandOverMode = "address" | "foreign";

/**
 * What one shard did with the blocks of the trace. An allocator's own counters have the runtime's
 * messages in them as well.
 */
export interface ShardFigures {
  /** Blocks this shard made, counting a block that moved when it was resized once more. */
  readonly mallocs: number;
  /** Blocks this shard freed, by the slice that held them: a remote free of all slices but its own. */
  readonly freesBySlice: readonly number[];
  /** Blocks this shard gave to others. */
  readonly handOvers: number;
  /** Foreign pointers to blocks of this shard that were destroyed, each one here. */
  readonly destroyedAtHome: number;
  /** Bytes compared with their block's pattern, all of them right. */
  readonly checkedBytes: number;
  /** Round trips of the calls that handed blocks over. */
  readonly latency: LatencySummary;
}

/** Sends a block to another shard; resolves once that shard has it. */
export type SendBlock = (shard: number, block: number, held: HeldBlock) => Promise<void>;

/** A block that this shard may touch now. */
export interface HeldBlock {
  address: number;
  byteLength: number;
  /** Owns the block where it was handed over as a foreign pointer. */
  pointer?: ForeignPtr<HomeBlock>;
}

/** What a foreign pointer to a block points to: it lives, and ends, on the block's home shard. */
export class HomeBlock {
  readonly #allocator: Allocator;
  readonly #address: number;
  readonly #onDestroyed: () => void;

  constructor(allocator: Allocator, address: number, onDestroyed: () => void) {
    this.#allocator = allocator;
    this.#address = address;
    this.#onDestroyed = onDestroyed;
  }

  [Symbol.dispose](): void {
    this.#allocator.free(this.#address);
    this.#onDestroyed();
  }
}

/** Hand-overs on their way at once; more than this and the program waits for them. */
const MAX_PENDING = 256;

/** The state of a replay on one shard, from its first operation to its last free. */
export class ShardReplay {
  readonly #allocator: Allocator;
  readonly #shard: number;
  readonly #mode: HandOverMode;
  readonly #memoryToTry: number;
  readonly #send: SendBlock;
  readonly #pattern: BlockPattern;
  readonly #blocks = new Map<number, HeldBlock>();
  /** Who waits for a block that another shard has not handed over yet. */
  readonly #waiting = new Map<number, PromiseWithResolvers<void>>();
  #pending: Promise<void>[] = [];
  /** The parts of the program run one after the other, in the order in which they came. */
  #turn: Promise<unknown> = Promise.resolve();
  #failure: unknown;
  readonly #latency = new LatencySamples();
  #mallocs = 0;
  readonly #freesBySlice: number[];
  #destroyedAtHome = 0;
  #handOvers = 0;
  #checkedBytes = 0;

  /**
   * @param allocator This shard's allocator.
   * @param shard This shard's number, which is that of its slice as well.
   * @param shards How many shards there are.
   * @param mode How blocks are handed over.
   * @param memoryToTry Total bytes to recommend when this shard runs out of memory.
   * @param send Hands a block to another shard.
   */
  constructor(
    allocator: Allocator,
    shard: number,
    shards: number,
    mode: HandOverMode,
    memoryToTry: number,
    send: SendBlock,
  ) {
    this.#allocator = allocator;
    this.#shard = shard;
    this.#freesBySlice = new Array<number>(shards).fill(0);
    this.#mode = mode;
    this.#memoryToTry = memoryToTry;
    this.#send = send;
    this.#pattern = new BlockPattern(allocator.buffer);
  }

  /**
   * Runs the next part of this shard's program, after the parts before it.
   *
   * @param program Operations of `PROGRAM_WORDS` words each.
   * @returns How many operations were run.
   */
  run(program: Uint32Array): Promise<number> {
    const turn = this.#turn.then(() => this.#runPart(program));
    this.#turn = turn;
    return turn;
  }

  /** Takes over a block from another shard, and wakes the program where it waits for it. */
  receive(block: number, held: HeldBlock): void {
    this.#blocks.set(block, held);
    this.#waiting.get(block)?.resolve();
    this.#waiting.delete(block);
  }

  /**
   * Checks and frees every block that the program left live on this shard.
   *
   * @returns How many there were.
   */
  async freeRest(): Promise<number> {
    const blocks = [...this.#blocks.keys()];
    for (const block of blocks) {
      this.#free(block);
      if (this.#pending.length >= MAX_PENDING) await this.#settle();
    }
    await this.#settle();
    return blocks.length;
  }

  /** Ends the program early because another shard failed, so that nothing here waits for ever. */
  abandon(reason: string): void {
    this.#failure ??= new Error(reason);
    for (const waiting of this.#waiting.values()) waiting.reject(this.#failure);
    this.#waiting.clear();
  }

  /** What this shard did so far. */
  figures(): ShardFigures {
    return {
      mallocs: this.#mallocs,
      freesBySlice: this.#freesBySlice,
      handOvers: this.#handOvers,
      destroyedAtHome: this.#destroyedAtHome,
      checkedBytes: this.#checkedBytes,
      latency: this.#latency.summary(),
    };
  }

  async #runPart(program: Uint32Array): Promise<number> {
    for (let at = 0; at < program.length; at += PROGRAM_WORDS) {
      const action = program[at]!;
      const block = program[at + 1]!;
      if (this.#failure !== undefined) throw this.#failure;
      if ((action & WAITS) !== 0 && !this.#blocks.has(block)) await this.#arrival(block);
      this.#operate(action & KIND_MASK, block, program[at + 2]!, program[at + 3]!);
      const next = action >>> HAND_OVER_SHIFT;
      if (next !== 0) {
        this.#handOver(block, next - 1);
        if (this.#pending.length >= MAX_PENDING) await this.#settle();
      }
    }
    await this.#settle();
    return program.length / PROGRAM_WORDS;
  }

  #operate(kind: number, block: number, byteLength: number, alignment: number): void {
    switch (kind) {
      case MALLOC:
        return this.#take(block, byteLength, this.#allocator.malloc(byteLength));
      case CALLOC: {
        const address = this.#allocator.calloc(1, byteLength);
        if (address !== 0) {
          const wrong = this.#pattern.checkZero(address, byteLength);
          if (wrong !== undefined) this.#fail(block, address, byteLength, wrong, "after calloc");
        }
        return this.#take(block, byteLength, address);
      }
      case MEMALIGN: {
        const address = this.#allocator.memalign(alignment, byteLength);
        if (address % alignment !== 0) {
          throw new Error(
            `Shard ${this.#shard}: block ${block} lies at address ${address}, ` +
              `which is not a multiple of ${alignment}`,
          );
        }
        return this.#take(block, byteLength, address);
      }
      case REALLOC:
        return this.#resize(block, byteLength);
      case FREE:
        return this.#free(block);
    }
  }

  #take(block: number, byteLength: number, address: number): void {
    if (address === 0) throw this.#outOfMemory(block, byteLength);
    this.#mallocs++;
    this.#pattern.fill(block, address, 0, byteLength);
    this.#blocks.set(block, { address, byteLength });
  }

  #resize(block: number, byteLength: number): void {
    const held = this.#held(block);
    const { address, pointer } = held;
    this.#check(block, held, held.byteLength, "before it was resized");
    const kept = Math.min(held.byteLength, byteLength);
    if (pointer === undefined) {
      // realloc(address, 0) would free the block, and in the trace it lives on.
      held.address = this.#allocator.realloc(address, Math.max(byteLength, 1));
    } else {
      // The block belongs to a pointer, perhaps on another shard: it is copied to a block of ours.
      held.address = this.#allocator.malloc(byteLength);
    }
    if (held.address === 0) throw this.#outOfMemory(block, byteLength);
    if (held.address !== address) {
      this.#mallocs++;
      if (pointer === undefined) this.#countFree(address);
    }
    if (pointer !== undefined) {
      this.#allocator.bytes(held.address, kept).set(this.#allocator.bytes(address, kept));
      delete held.pointer;
      this.#await(pointer.destroy());
    }
    this.#check(block, held, kept, "after it was resized");
    held.byteLength = byteLength;
    this.#pattern.fill(block, held.address, kept, byteLength);
  }

  #free(block: number): void {
    const held = this.#held(block);
    this.#check(block, held, held.byteLength, "when it was freed");
    this.#blocks.delete(block);
    if (held.pointer !== undefined) return this.#await(held.pointer.destroy());
    this.#allocator.free(held.address);
    this.#countFree(held.address);
  }

  #countFree(address: number): void {
    const slice = this.#allocator.owner(address);
    this.#freesBySlice[slice] = (this.#freesBySlice[slice] ?? 0) + 1;
  }

  /** A block of this slice was freed here by the end of its foreign pointer. */
  #destroyedHere(): void {
    this.#destroyedAtHome++;
    this.#freesBySlice[this.#shard]!++;
  }

  #handOver(block: number, shard: number): void {
    const held = this.#held(block);
    this.#blocks.delete(block);
    if (this.#mode === "foreign") {
      held.pointer ??= makeForeign(
        new HomeBlock(this.#allocator, held.address, () => this.#destroyedHere()),
      );
    }
    this.#handOvers++;
    const sent = performance.now();
    this.#await(
      this.#send(shard, block, held).then(() => this.#latency.add(performance.now() - sent)),
    );
  }

  /** Keeps a promise for {@linkcode #settle}; a rejection is kept too, never left unhandled. */
  #await(promise: Promise<void>): void {
    this.#pending.push(promise.catch((error: unknown) => {
      this.#failure ??= error;
    }));
  }

  /** Waits for all that is on its way. The other side answers at once, so this cannot deadlock. */
  async #settle(): Promise<void> {
    const pending = this.#pending;
    this.#pending = [];
    await Promise.all(pending);
    if (this.#failure !== undefined) throw this.#failure;
  }

  #arrival(block: number): Promise<void> {
    const waiting = Promise.withResolvers<void>();
    this.#waiting.set(block, waiting);
    return waiting.promise;
  }

  #held(block: number): HeldBlock {
    const held = this.#blocks.get(block);
    if (held === undefined) throw new Error(`Shard ${this.#shard} does not hold block ${block}`);
    return held;
  }

  #check(block: number, held: HeldBlock, byteLength: number, when: string): void {
    const wrong = this.#pattern.check(block, held.address, byteLength);
    if (wrong !== undefined) this.#fail(block, held.address, held.byteLength, wrong, when);
    this.#checkedBytes += byteLength;
  }

  #fail(block: number, address: number, byteLength: number, wrong: WrongByte, when: string): never {
    throw new Error(
      `Wrong byte in block ${block} on shard ${this.#shard} ${when}: offset ${wrong.offset} of ` +
        `${byteLength} (address ${address + wrong.offset}, slice ` +
        `${this.#allocator.owner(address)}) holds ${wrong.found}, expected ${wrong.expected}`,
    );
  }

  #outOfMemory(block: number, byteLength: number): Error {
    const { freeBytes, largestFreeBytes, totalBytes } = this.#allocator.statistics();
    return new Error(
      `Shard ${this.#shard} has no memory for the ${
        formatBytes(byteLength)
      } of block ${block}: of ` +
        `its ${formatBytes(totalBytes)}, ${formatBytes(freeBytes)} are free, at most ` +
        `${formatBytes(largestFreeBytes)} of them in one piece. ` +
        `Try --memory ${Math.ceil(this.#memoryToTry / 2 ** 20)}MiB`,
    );
  }
}
