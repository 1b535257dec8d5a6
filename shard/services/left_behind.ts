/**
 * Finds services that stop and leave blocks in their shard's slice, and tells the program of them.
 *
 * A slice serves many services and tasks at once, and a block does not say who asked for it. So it is
 * found out in two steps, over lives of a class on one shard, of which the first costs next to nothing:
 *
 * 1. *Suspect.* While code of an instance runs (constructor, methods called by others, `stop()`, until
 *    each first awaits), the shard does nothing else: what the live blocks change by meanwhile is the
 *    instance's. That is a few plain reads a call. If a life ends with more than it began with, and the
 *    slice has not lost that by the time the class is started again, the class is suspect.
 * 2. *Watch.* After two such lives in a row the third is watched: an instrument notes each block that
 *    code of the instance asks for, and strikes it off when anybody frees it, on whatever shard. What is
 *    left at the end is what the instance asked for and nobody has freed.
 *
 * Silent where somebody else may rightly hold the blocks: pointers to this shard's objects are away
 * that were not at the beginning, or another instance is there that code of this shard has been given
 * as an object, and may have called within the first one's methods. A class that was watched in vain is
 * watched again only after twice as many suspect lives.
 *
 * @module
 */
import type { Allocator } from "../../allocator/mod.ts";
import { type Endpoint, readForeignStatistics } from "../calls/mod.ts";

/** Suspect lives in a row before one is watched. */
const SUSPECT_LIVES = 2;
/** A life that leaves less than this is not worth a word. */
const LEAST_BYTES = 1024;

/** Blocks, and their bytes. */
interface Amount {
  readonly blocks: number;
  readonly bytes: number;
}

/** One life of an instance. */
export class Life {
  readonly name: string;
  readonly history: History;
  /** What its code has asked for, less what its code has freed. */
  blocks = 0;
  bytes = 0;
  /** Live blocks of the slice when it began. */
  readonly blocksBefore: number;
  /** Pointers to objects of the shard that were away then. */
  readonly pointersBefore: number;
  /** By address: what it has asked for and nobody has freed. Undefined if it is not watched. */
  readonly watched: Map<number, number> | undefined;
  unwatch: Disposable | undefined;

  constructor(
    name: string,
    history: History,
    before: Pick<Life, "blocksBefore" | "pointersBefore">,
    isWatched: boolean,
  ) {
    this.name = name;
    this.history = history;
    this.blocksBefore = before.blocksBefore;
    this.pointersBefore = before.pointersBefore;
    this.watched = isWatched ? new Map() : undefined;
  }
}

/** The lives of a class on this shard so far. */
interface History {
  /** The one that ended last. */
  last: Life | undefined;
  /** What those left that were suspect, in a row. */
  suspect: Amount[];
  /** How many of them it takes to watch the next. */
  needed: number;
  /** It was told: once is enough. */
  told: boolean;
}

/** What services of one shard leave behind. */
export class LeftBehind {
  readonly #endpoint: Endpoint;
  readonly #allocator: Allocator;
  readonly #histories = new WeakMap<object, History>();
  /** Whose code runs, if it is that of an instance. */
  #current: Life | undefined;
  /** Live blocks and used bytes when that last changed. */
  #blocks = 0;
  #bytes = 0;

  constructor(endpoint: Endpoint) {
    this.#endpoint = endpoint;
    this.#allocator = endpoint.allocator;
  }

  /** An instance of `serviceClass` is about to be made. */
  begin(name: string, serviceClass: object): Life {
    let history = this.#histories.get(serviceClass);
    if (history === undefined) {
      history = { last: undefined, suspect: [], needed: SUSPECT_LIVES, told: false };
      this.#histories.set(serviceClass, history);
    }
    const { liveBlocks } = this.#allocator;
    const { last } = history;
    // Half: others free and ask for blocks meanwhile too. What was on its way has come home by now.
    if (last !== undefined && liveBlocks - last.blocksBefore >= last.blocks / 2 && isMuch(last)) {
      history.suspect.push({ blocks: last.blocks, bytes: last.bytes });
    } else if (last !== undefined) history.suspect = [];
    history.last = undefined;
    const isWatched = !history.told && history.suspect.length >= history.needed;
    const before = { blocksBefore: liveBlocks, pointersBefore: this.#pointersAway() };
    const life = new Life(name, history, before, isWatched);
    if (isWatched) life.unwatch = this.#watch(life, life.watched!);
    return life;
  }

  /** Code of an instance begins to run. What is returned goes to {@linkcode LeftBehind.leave}. */
  enter(life: Life): Life | undefined {
    const outer = this.#current;
    if (outer !== undefined) this.#settle(outer);
    this.#current = life;
    this.#blocks = this.#allocator.liveBlocks;
    this.#bytes = this.#allocator.usedBytes;
    return outer;
  }

  /** It has returned, or awaits something. */
  leave(outer: Life | undefined): void {
    this.#settle(this.#current!);
    this.#current = outer;
  }

  /** The instance is no more. `isShared`: another one may hold blocks of it. */
  end(life: Life, isShared: boolean): void {
    life.unwatch?.[Symbol.dispose]();
    const { history, watched } = life;
    history.last = life;
    if (watched === undefined) return;
    const bytes = watched.values().reduce((sum, byteLength) => sum + byteLength, 0);
    const left = { blocks: watched.size, bytes };
    if (isShared || bytes < LEAST_BYTES || this.#pointersAway() > life.pointersBefore) {
      history.suspect = [];
      history.last = undefined;
      history.needed *= 2;
      return;
    }
    history.told = true;
    this.#endpoint.warn(
      new Error(
        `${life.name} has left ${textOfAmount(left)} in the slice of shard ${this.#endpoint.id}, ` +
          `and ${history.suspect.slice(-SUSPECT_LIVES).map(textOfAmount).join(" and ")} when it ` +
          `stopped before: free them in stop() or [Symbol.dispose](), or take them from an ` +
          `allocator.arena() that ends there. With \`debugHeap: true\`, the runtime's stop() says ` +
          `where they were asked for`,
      ),
    );
  }

  /** Counts for `life` what has changed since the code that runs was entered, or returned to. */
  #settle(life: Life): void {
    const { liveBlocks, usedBytes } = this.#allocator;
    // Most calls allocate nothing.
    if (liveBlocks !== this.#blocks) {
      life.blocks += liveBlocks - this.#blocks;
      this.#blocks = liveBlocks;
    }
    if (usedBytes !== this.#bytes) {
      life.bytes += usedBytes - this.#bytes;
      this.#bytes = usedBytes;
    }
  }

  #watch(life: Life, blocks: Map<number, number>): Disposable {
    return this.#allocator.watch({
      quietBytes: -1,
      seesFrees: true,
      allocated: (address, byteLength) => {
        if (this.#current === life) blocks.set(address, byteLength);
      },
      freeing: (address) => blocks.delete(address),
      resized: (address, byteLength) => {
        if (blocks.has(address)) blocks.set(address, byteLength);
      },
    });
  }

  #pointersAway(): number {
    const { outstanding } = readForeignStatistics(this.#endpoint, this.#endpoint.id);
    return outstanding.reduce((sum, count) => sum + count, 0);
  }
}

function isMuch({ blocks, bytes }: Amount): boolean {
  return blocks > 0 && bytes >= LEAST_BYTES;
}

function textOfAmount({ blocks, bytes }: Amount): string {
  return `${blocks} ${blocks === 1 ? "block" : "blocks"} (${bytes} bytes)`;
}
