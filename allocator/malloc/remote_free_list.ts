/**
 * Blocks freed by threads that do not own them: a Treiber stack (Treiber 1986) in the slice of the
 * owner, from which the owner takes everything with one exchange, as Seastar does with its
 * `xcpu_freelist`. As nothing ever pops a single node, the ABA problem cannot arise. It differs in
 * two ways: a freeing thread pushes chains instead of single blocks (one compare-and-exchange for
 * up to 32), and a link is not a pointer but the index of a block in its slice, so that the words
 * mean the same on every thread.
 *
 * All functions take the words of the owner's slice and are synchronous, so that
 * `tests/harness/interleaver.ts` can run them unmodified in every interleaving.
 *
 * @module
 */
import {
  addressOf,
  firstBlockOf,
  GRANULE_BYTES,
  heapGranulesOf,
  REMOTE_FREE_HEAD_WORD,
  REMOTE_LINK_WORD,
  SHORTAGE_WORD,
} from "../layout/mod.ts";

/**
 * Blocks that a thread gathers for one owner before it publishes them. Longer chains cost less for
 * each block and come home later; past 32 the gain is within the noise.
 */
export const REMOTE_BATCH_BLOCKS = 32;

/**
 * Freeing side: puts a chain, linked from `first` to `last`, on the owner's list.
 *
 * The compare-and-exchange publishes the links written before it; takeRemoteFrees() exchanges the
 * head before the owner follows them.
 */
export function pushRemoteFrees(words: Int32Array, first: number, last: number): void {
  // A plain read: a stale value makes the exchange below fail, and that returns the real one.
  let head = words[REMOTE_FREE_HEAD_WORD]!;
  while (true) {
    // Until the exchange succeeds the chain is private to this thread, so a plain write does.
    words[last + REMOTE_LINK_WORD] = head;
    const found = Atomics.compareExchange(words, REMOTE_FREE_HEAD_WORD, head, first);
    if (found === head) return;
    head = found;
  }
}

/**
 * Owner: takes the whole list and returns its first block, 0 if there is none. Follow the links
 * with nextRemoteFree(), before the block that holds them is freed.
 */
export function takeRemoteFrees(words: Int32Array): number {
  // A plain read is enough to look: at worst it misses blocks that the next look finds, and an
  // Atomics operation costs as much as ten of these.
  if (words[REMOTE_FREE_HEAD_WORD] === 0) return 0;
  // Takes in what pushRemoteFrees() published: the links, and the freeing thread's last accesses
  // to the payloads, which must not come after the memory is handed out again.
  return Atomics.exchange(words, REMOTE_FREE_HEAD_WORD, 0);
}

/** Owner: the block queued behind one that takeRemoteFrees() returned, 0 at the end. */
export function nextRemoteFree(words: Int32Array, block: number): number {
  // Nobody else touches a chain that was taken, so a plain read is exact.
  return words[block + REMOTE_LINK_WORD]!;
}

/** Any thread: whether blocks wait on the list. For an owner about to sleep, hence not a plain read. */
export function hasRemoteFrees(words: Int32Array): boolean {
  return Atomics.load(words, REMOTE_FREE_HEAD_WORD) !== 0;
}

/**
 * Freeing side, after pushRemoteFrees(): whether the owner should be woken for it. The owner stores the
 * word, then looks at the list, then sleeps (SliceHeap.hasFrees()); here the list is written first,
 * and the word looked at second. So either the owner sees the blocks, or this sees the word.
 */
export function isOwnerShort(words: Int32Array): boolean {
  return Atomics.load(words, SHORTAGE_WORD) !== 0;
}

/** Freeing side: gathers blocks of one foreign slice into a chain. */
export class RemoteFreeOutbox {
  /** The words of the owner's slice. */
  readonly words: Int32Array;
  /** For the keeper of several outboxes: whether this one is on its list of those to flush. */
  listed = false;
  /** For the same: the owner of the slice is gone, as far as is known; what is gathered is its successor's. */
  retired = false;
  readonly #onOwnerShort: () => void;
  readonly #firstBlock: number;
  readonly #firstAddress: number;
  readonly #heapBytes: number;
  #first = 0;
  #last = 0;
  #length = 0;

  /** `onOwnerShort` is called when blocks were published for an owner that is short of memory. */
  constructor(words: Int32Array, onOwnerShort: () => void) {
    this.words = words;
    this.#onOwnerShort = onOwnerShort;
    this.#firstBlock = firstBlockOf(words.length);
    this.#firstAddress = addressOf(words, this.#firstBlock);
    this.#heapBytes = heapGranulesOf(words.length) * GRANULE_BYTES;
  }

  /** The block whose payload would lie at the address, 0 if it lies outside or is misaligned. */
  blockAt(address: number): number {
    const offset = (address - this.#firstAddress) >>> 0;
    if (this.#firstAddress + offset !== address || offset >= this.#heapBytes) return 0;
    return (offset & 7) === 0 ? this.#firstBlock + (offset >>> 2) : 0;
  }

  /**
   * Adds a block, and publishes the chain when it is long enough. Returns false, and adds nothing, if
   * the block is the first or the last gathered: it was freed twice, and a second place in the chain
   * would cut off the others. Any other repetition makes the chain circle, which the owner notices.
   */
  add(block: number): boolean {
    const first = this.#first;
    if (block === first || block === this.#last) return false;
    // The block belongs to this thread until it is published, so plain writes do.
    this.words[block + REMOTE_LINK_WORD] = first;
    if (first === 0) this.#last = block;
    this.#first = block;
    if (++this.#length === REMOTE_BATCH_BLOCKS) this.flush();
    return true;
  }

  /** Publishes what was gathered. */
  flush(): void {
    if (this.#length === 0) return;
    pushRemoteFrees(this.words, this.#first, this.#last);
    this.drop();
    if (isOwnerShort(this.words)) this.#onOwnerShort();
  }

  /** Forgets what was gathered, and returns how many blocks that were. */
  drop(): number {
    const dropped = this.#length;
    this.#first = 0;
    this.#last = 0;
    this.#length = 0;
    return dropped;
  }
}
