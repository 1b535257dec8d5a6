/**
 * The debug heap of one slice: what Seastar has AddressSanitizer for. The manner is that of dmalloc
 * and of Microsoft's debug C runtime: blocks with guards, freed memory that is filled, held back and
 * looked at again, and the place that each block was asked for. It differs in that the starts of all
 * live blocks are known to every thread (`start_map.ts`), so that an address inside a block is
 * never taken for one, and that free memory is checked until it is handed out again, not just until
 * it leaves quarantine.
 *
 * `Allocator` calls it at each operation when it was made with the option; it costs nothing else.
 * Errors that it finds are thrown by the operation that finds them.
 *
 * @module
 */
import {
  addressOf,
  blockAfter,
  CACHED,
  checkLength,
  clearStart,
  count,
  countStarts,
  faultError,
  foreignBlockFault,
  formatStartMap,
  FREE,
  FREE_ALREADY,
  FREE_BLOCK_WORDS,
  FREES_WORD,
  granulesOf,
  hasFreeNeighbour,
  HeapCheckError,
  heapGranulesOf,
  isStart,
  PREVIOUS_FREE,
  REMOTE_LINK_WORD,
  setStart,
  START_MAP_WORD,
  startMapGranules,
} from "../layout/mod.ts";
import type { Tlsf } from "../placement/mod.ts";
import { CallStack } from "./call_stack.ts";
import {
  differenceAt,
  EXTRA_BYTES,
  fillFresh,
  findInFreed,
  findInGuard,
  FREED_WORD,
  type Overwritten,
  writeGuard,
} from "./debug_fill.ts";
import { type Leak, leakReport, leaksOf } from "./leak_report.ts";
import { Quarantine } from "./quarantine.ts";
import { ZeroedMemory } from "./zeroed_memory.ts";

/** What a debug heap keeps; every field has a default. */
export interface DebugHeapOptions {
  /**
   * Bytes of freed blocks that are held back before their memory is used again; 1/16 of the heap
   * unless given. A larger block is not held back. 0 holds back none.
   */
  readonly quarantineBytes?: number;
  /** Whether the stack of each allocation and free is kept; unless given, it is. */
  readonly stacks?: boolean;
}

/** A block that is live, or in quarantine. */
interface DebugBlock {
  readonly block: number;
  readonly granules: number;
  byteLength: number;
  readonly allocated: CallStack | undefined;
  freed: CallStack | undefined;
  quarantined: boolean;
}

/** Guards, fillings, quarantine and stacks of one slice. Used through {@linkcode Allocator}. */
export class DebugHeap {
  /** Bytes that each block has beyond those asked for. */
  readonly extraBytes: number = EXTRA_BYTES;
  readonly #tlsf: Tlsf;
  readonly #words: Int32Array;
  readonly #sliceIndex: number;
  readonly #keepsStacks: boolean;
  readonly #quarantine: Quarantine<DebugBlock>;
  /** By header, and by the header of the block after. */
  readonly #blocks = new Map<number, DebugBlock>();
  readonly #byEnd = new Map<number, DebugBlock>();
  /** Free memory that was given back to the system. */
  readonly #zeroed = new ZeroedMemory();
  /** Words from here on were never handed out, hence never filled. */
  #touched: number;

  /** Takes over a heap that was just formatted. For `Allocator.create()`. */
  constructor(tlsf: Tlsf, sliceIndex: number, options: DebugHeapOptions) {
    const heapBytes = heapGranulesOf(tlsf.words.length) * 8;
    this.#tlsf = tlsf;
    this.#words = tlsf.words;
    this.#sliceIndex = sliceIndex;
    this.#keepsStacks = options.stacks ?? true;
    const { quarantineBytes = Math.floor(heapBytes / 16) } = options;
    checkLength(quarantineBytes, "bytes of quarantine");
    this.#quarantine = new Quarantine(quarantineBytes);
    const map = tlsf.allocate(startMapGranules(this.#words.length));
    tlsf.settle();
    formatStartMap(this.#words, map);
    this.#touched = this.#endOf(map);
  }

  /** Bytes of the blocks in quarantine, which statistics count as used. */
  get quarantinedBytes(): number {
    return this.#quarantine.bytes;
  }

  /**
   * The live blocks, gathered by the place that asked for them, the one with the most bytes first.
   *
   * @returns a leak for each place
   */
  leaks(): Leak[] {
    return leaksOf(this.#words, this.#live());
  }

  /**
   * The same as text, for a program that ends and should have freed everything.
   *
   * @returns the report, empty if nothing is live
   */
  leakReport(): string {
    return leakReport(this.#sliceIndex, this.leaks());
  }

  /**
   * Gives all memory in quarantine back.
   *
   * @returns whether there was any
   * @throws {HeapCheckError} if a freed block was written to
   */
  flushQuarantine(): boolean {
    const some = this.#quarantine.bytes > 0;
    while (this.#quarantine.bytes > 0) this.#leaveQuarantine();
    return some;
  }

  /**
   * Notes a block that is about to be handed out for `byteLength` bytes, and fills it.
   * @internal
   */
  private allocated(block: number, byteLength: number): void {
    const words = this.#words;
    const granules = granulesOf(words[block]!);
    const end = blockAfter(block, granules);
    this.#tlsf.settle(); // what is left of the block that this one was cut from
    const overwritten = this.#findInTaken(block, end);
    this.#zeroed.remove(block - 1, end + FREE_BLOCK_WORDS);
    const touched = this.#touched;
    this.#touched = Math.max(touched, end);
    if (block > touched && (words[block]! & PREVIOUS_FREE) !== 0) {
      // What alignment skipped becomes free memory that was never filled.
      const gap = words[block - 1]!;
      words.fill(FREED_WORD, Math.max(gap + FREE_BLOCK_WORDS, touched), block - 1);
    }
    if (overwritten !== undefined) {
      this.#release(block);
      throw this.#error(
        "free memory keeps what it was filled with",
        overwritten,
        "a block was written to after it was freed, and after it left quarantine",
      );
    }
    fillFresh(words, block, byteLength);
    writeGuard(words, block, byteLength);
    const allocated = this.#keepsStacks ? new CallStack() : undefined;
    const entry: DebugBlock = {
      block,
      granules,
      byteLength,
      allocated,
      freed: undefined,
      quarantined: false,
    };
    this.#blocks.set(block, entry);
    this.#byEnd.set(end, entry);
    setStart(words, block);
  }

  /**
   * A live block stays where it is and holds fewer bytes: what a `realloc` without room can do.
   * @internal
   */
  private shrink(block: number, byteLength: number): boolean {
    const entry = this.#blocks.get(block)!;
    if (byteLength > entry.byteLength) return false;
    entry.byteLength = byteLength;
    writeGuard(this.#words, block, byteLength);
    return true;
  }

  /**
   * Throws if a block was overrun, for any address: what is no live block passes.
   * @internal
   */
  private verify(block: number): void {
    const entry = this.#blocks.get(block);
    if (entry !== undefined && !entry.quarantined) this.#checkLive(entry);
  }

  /**
   * Takes back, and counts, a live block that passed the checks.
   * @internal
   */
  private freed(block: number): void {
    const entry = this.#blocks.get(block)!;
    // Another thread may free it at this moment; one of the two finds that the other has.
    if (!clearStart(this.#words, block)) {
      throw faultError("free", addressOf(this.#words, block), this.#sliceIndex, FREE_ALREADY);
    }
    count(this.#words, FREES_WORD);
    this.#words.fill(FREED_WORD, block + 1, this.#endOf(block));
    this.#enterQuarantine(entry);
  }

  /**
   * Why a block from the list of remote frees cannot be freed. It is queued once at most if the thread
   * that freed it knew the map; threads always do, so a block with its bit set was queued by a link
   * that was overwritten.
   * @internal
   */
  private queuedFault(block: number): string | undefined {
    const entry = this.#blocks.get(block);
    if (entry === undefined) return foreignBlockFault(this.#words, block) ?? FREE_ALREADY;
    if (entry.quarantined) return FREE_ALREADY;
    if (isStart(this.#words, block)) return "it is live: a link of the list was overwritten";
    return undefined;
  }

  /**
   * Takes back a block from the list of remote frees. The thread that freed it has filled it.
   * @internal
   */
  private drained(block: number): void {
    const words = this.#words;
    const entry = this.#blocks.get(block)!;
    const overwritten = this.#findAround(entry) ??
      findInFreed(words, block + REMOTE_LINK_WORD + 1, this.#endOf(block));
    words.fill(FREED_WORD, block + 1, this.#endOf(block));
    this.#enterQuarantine(entry);
    if (overwritten !== undefined) {
      throw this.#error("a freed block keeps what it was filled with", overwritten, "", entry);
    }
  }

  /**
   * Takes memory that was never handed out, and counts as used, among its free memory.
   * @internal
   */
  private giveBack(block: number): void {
    this.#release(block);
  }

  /**
   * Words of free memory, from one to before another, were given back to the system and read 0.
   * @internal
   */
  private gaveBack(from: number, to: number): void {
    this.#zeroed.add(from, Math.min(to, this.#touched)); // what was never handed out is not checked
  }

  /**
   * Checks the guards and fillings of every block; the walk of `checkHeap()` comes first.
   * @internal
   */
  private check(): void {
    const words = this.#words;
    this.#checkStarts();
    let block = this.#tlsf.firstBlock;
    while (block < this.#tlsf.sentinel) {
      const end = this.#endOf(block);
      const entry = this.#blocks.get(block);
      if ((words[block]! & FREE) !== 0) {
        const to = Math.min(end - 1, this.#touched);
        const overwritten = this.#zeroed.find(words, block + FREE_BLOCK_WORDS, to);
        if (overwritten !== undefined) {
          throw this.#error("free memory keeps what it was filled with", overwritten, "");
        }
      } else if (entry !== undefined && entry.quarantined) {
        this.#checkQuarantined(entry);
      } else if (entry !== undefined) {
        this.#checkLive(entry);
      }
      block = end;
    }
  }

  /** Blocks that nobody freed: those whose start is known. The others wait to be drained. */
  *#live(): Generator<DebugBlock> {
    for (const entry of this.#blocks.values()) {
      if (!entry.quarantined && isStart(this.#words, entry.block)) yield entry;
    }
  }

  #checkStarts(): void {
    const words = this.#words;
    // Counted first: another thread may clear a start meanwhile, and none sets one.
    const live = [...this.#live()].length;
    const starts = countStarts(words);
    if (starts <= live) return;
    throw new HeapCheckError(
      "the map of starts has live blocks only",
      addressOf(words, words[START_MAP_WORD]!),
      `it has ${starts}, and ${live} blocks are live`,
    );
  }

  #endOf(block: number): number {
    return blockAfter(block, granulesOf(this.#words[block]!));
  }

  /** Whether memory that is handed out again was written to while it was free. */
  #findInTaken(block: number, end: number): Overwritten | undefined {
    const words = this.#words;
    // The last word is a back reference if the block ends where a free block did, which began here or
    // with the gap in front.
    const gap = (words[block]! & PREVIOUS_FREE) !== 0 ? words[block - 1] : block;
    const to = words[end - 1] === block || words[end - 1] === gap ? end - 1 : end;
    return this.#zeroed.find(words, block + FREE_BLOCK_WORDS, Math.min(to, this.#touched));
  }

  /** Throws if something wrote over the edges of a live block. */
  #checkLive(entry: DebugBlock): void {
    const around = this.#findAround(entry);
    if (around !== undefined) {
      const distance = (entry.block + 1) * 4 - around.byteOffset;
      const where = `${distance} bytes in front of the block`;
      throw this.#error("the bytes in front of a block are its header", around, where, entry);
    }
    const overwritten = this.#findBehind(entry);
    if (overwritten === undefined) return;
    const past = overwritten.byteOffset - (entry.block + 1) * 4 - entry.byteLength;
    const found = `of the ${entry.byteLength} bytes of the block, byte ${past} past the end`;
    throw this.#error("the bytes behind a block are its guard", overwritten, found, entry);
  }

  /** What was written over in front of a block: its header, or the last word of the one before. */
  #findAround(entry: DebugBlock): Overwritten | undefined {
    const words = this.#words;
    const { block, granules } = entry;
    const flags = entry.quarantined ? CACHED : 0;
    const expected = (granules << 3) | flags | (words[block]! & PREVIOUS_FREE);
    const header = differenceAt(words, block, expected);
    if (header !== undefined) return header;
    const left = this.#byEnd.get(block);
    if (left === undefined) {
      if (
        (words[block]! & PREVIOUS_FREE) === 0 ||
        hasFreeNeighbour(words, block, this.#tlsf.firstBlock)
      ) return undefined;
      const found = words[block - 1]! & 0xff;
      return { byteOffset: (block - 1) * 4, expected: -1, found };
    }
    if (left.quarantined) return findInFreed(words, block - 1, block);
    return this.#findBehind(left);
  }

  /** What was written over in the guard of a block that is live, as far as its start tells. */
  #findBehind({ block, byteLength }: DebugBlock): Overwritten | undefined {
    const words = this.#words;
    if (!isStart(words, block)) return undefined;
    const overwritten = findInGuard(words, block, byteLength);
    // freedElsewhere() clears the start before it fills the block, perhaps at this moment.
    return overwritten !== undefined && isStart(words, block) ? overwritten : undefined;
  }

  #checkQuarantined(entry: DebugBlock): void {
    const { block } = entry;
    const overwritten = this.#findAround(entry) ??
      findInFreed(this.#words, block + 1, this.#endOf(block));
    if (overwritten === undefined) return;
    throw this.#error("a freed block keeps what it was filled with", overwritten, "", entry);
  }

  #enterQuarantine(entry: DebugBlock): void {
    if (this.#keepsStacks) entry.freed = new CallStack();
    entry.quarantined = true;
    this.#words[entry.block] = this.#words[entry.block]! | CACHED;
    this.#quarantine.push(entry);
    while (this.#quarantine.isOver) this.#leaveQuarantine();
  }

  /** Frees the block that has been in quarantine for longest, and then checks what it was. */
  #leaveQuarantine(): void {
    const entry = this.#quarantine.shift();
    const words = this.#words;
    const { block, granules } = entry;
    let fault: unknown;
    try {
      this.#checkQuarantined(entry);
    } catch (error) {
      fault = error;
    }
    this.#blocks.delete(block);
    this.#byEnd.delete(blockAfter(block, granules));
    words[block] = (granules << 3) | (words[block]! & PREVIOUS_FREE);
    this.#release(block);
    if (fault !== undefined) throw fault;
  }

  /** Frees a block of TLSF's, filled, and fills what merging leaves of its neighbours' words. */
  #release(block: number): void {
    const words = this.#words;
    const header = words[block]!;
    const end = this.#endOf(block);
    const left = (header & PREVIOUS_FREE) !== 0 ? words[block - 1]! : block;
    const mergesRight = (words[end]! & FREE) !== 0;
    this.#zeroed.remove(block - 1, end + FREE_BLOCK_WORDS);
    words.fill(FREED_WORD, block + 1, end);
    this.#tlsf.release(block, header);
    // Every word of a free block is accounted for: the links of one that is on no list would not be.
    this.#tlsf.settle();
    if (left !== block) words.fill(FREED_WORD, block - 1, block + 1);
    if (mergesRight) words.fill(FREED_WORD, end, end + FREE_BLOCK_WORDS);
  }

  #error(
    invariant: string,
    { byteOffset, expected, found }: Overwritten,
    where: string,
    entry?: DebugBlock,
  ): HeapCheckError {
    const address = this.#words.byteOffset + byteOffset;
    const value = expected === -1 ? "" : `, not ${expected}`;
    let text = `the byte there is ${found}${value}${where === "" ? "" : ` (${where})`}`;
    if (entry !== undefined) {
      const start = addressOf(this.#words, entry.block);
      text += `\n  the block of ${entry.byteLength} bytes at ${start}`;
      if (entry.allocated !== undefined) text += `\n  was asked for${entry.allocated.indented}`;
      if (entry.freed !== undefined) text += `\n  was freed${entry.freed.indented}`;
    }
    return new HeapCheckError(invariant, address, text);
  }
}
