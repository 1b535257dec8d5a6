/**
 * The owner's side of remote frees: takes what others published, checks each block, and frees it.
 *
 * @module
 */
import {
  addressOf,
  blockFault,
  count,
  faultError,
  FREE_ALREADY,
  FREES_WORD,
  looksLive,
  REMOTE_FREE_HEAD_WORD,
  REMOTE_RECEIVED_WORD,
  REMOTE_REJECTED_WORD,
} from "../layout/mod.ts";
import type { DebugHeap } from "../debug_heap/mod.ts";
import type { Tlsf } from "../placement/mod.ts";
import { hasRemoteFrees, nextRemoteFree, takeRemoteFrees } from "./remote_free_list.ts";
import type { SliceHeap } from "./slice_heap.ts";

/** Frees the blocks of one slice that other threads queued. */
export class RemoteFreeReceiver {
  readonly #tlsf: Tlsf;
  readonly #sliceIndex: number;
  readonly #debugHeap: DebugHeap | undefined;
  /** Rest of a chain that was taken from the list when one of its blocks was refused. */
  #undrained = 0;

  constructor(tlsf: Tlsf, sliceIndex: number, debugHeap: DebugHeap | undefined) {
    this.#tlsf = tlsf;
    this.#sliceIndex = sliceIndex;
    this.#debugHeap = debugHeap;
  }

  /** Whether blocks wait: misses nothing that was published before. */
  hasFrees(): boolean {
    return this.#undrained !== 0 || hasRemoteFrees(this.#tlsf.words);
  }

  /** Frees what had been published when it began, and returns how many blocks that were. */
  drain(heap: SliceHeap): number {
    const { words, firstBlock, sentinel } = this.#tlsf;
    // The owner's own read of a word that others write: a stale value only delays the drain.
    if (words[REMOTE_FREE_HEAD_WORD] === 0 && this.#undrained === 0) return 0;
    const told = heap.instruments?.seesFrees === true ? heap.instruments : undefined;
    let drained = 0;
    let taken = false;
    while (true) {
      if (this.#undrained === 0) {
        // Once only: threads that go on freeing must not keep the owner here.
        if (taken) return drained;
        taken = true;
        this.#undrained = takeRemoteFrees(words);
        if (this.#undrained === 0) return drained;
      }
      const block = this.#undrained;
      if (this.#debugHeap === undefined && looksLive(words, block, firstBlock, sentinel)) {
        this.#undrained = nextRemoteFree(words, block);
      } else {
        this.#undrained = this.#check(block);
      }
      if (told !== undefined) told.freeing(addressOf(words, block));
      count(words, FREES_WORD);
      count(words, REMOTE_RECEIVED_WORD);
      drained++;
      if (this.#debugHeap === undefined) heap.small.free(block, words[block]!);
      else this.#debugHeap["drained"](block);
    }
  }

  /**
   * Checks a block taken from the list, and returns the one queued behind it. When it throws,
   * `#undrained` is what can still be trusted of the chain.
   */
  #check(block: number): number {
    const { words, firstBlock, sentinel } = this.#tlsf;
    let fault: string | undefined;
    let next = 0;
    if ((block & 1) === 0 || block < firstBlock || block >= sentinel) {
      fault = "it is not a block: something wrote to a block that waited to be freed";
    } else {
      // Read before the block is freed, as that overwrites it. A block freed twice closes a circle:
      // its second visit finds it free, and what its first link led to is unknown.
      next = nextRemoteFree(words, block);
      fault = this.#debugHeap === undefined
        ? blockFault(words, block)
        : this.#debugHeap["queuedFault"](block);
      if (fault === undefined) return next;
      if (fault === FREE_ALREADY) next = 0;
    }
    this.#undrained = next;
    count(words, REMOTE_REJECTED_WORD);
    throw faultError("drain", addressOf(words, block), this.#sliceIndex, fault);
  }
}
