/**
 * The freeing side of remote frees: an outbox for each other slice, and which of them hold blocks to
 * be published. Real programs free runs of blocks to one owner (a mean of 3 to 20), so the outbox used
 * last is looked at first.
 *
 * @module
 */
import {
  add,
  count,
  faultError,
  foreignBlockFault,
  FREE_ALREADY,
  hasStartMap,
  locateBlock,
  REMOTE_DROPPED_WORD,
  REMOTE_SENT_WORD,
  type SliceTable,
} from "../layout/mod.ts";
import { freedElsewhere } from "../placement/mod.ts";
import { RemoteFreeOutbox } from "./remote_free_list.ts";

/**
 * Frees blocks of other slices. Each {@linkcode Allocator} has one.
 *
 * @experimental **UNSTABLE**: New API, yet to be vetted.
 */
export class RemoteFreeSender {
  readonly #words: Int32Array;
  readonly #slices: SliceTable;
  readonly #sliceIndex: number;
  /** By slice, made when the first block of that slice is met. */
  readonly #outboxes: (RemoteFreeOutbox | undefined)[];
  /** Outboxes that may hold blocks; each says itself whether it is in here. */
  readonly #pending: RemoteFreeOutbox[] = [];
  #last: RemoteFreeOutbox | undefined;
  /**
   * Called after blocks were published for an owner that was short of memory when it last looked,
   * before a sleep: whoever can wake it does so here. It may be called inside any free.
   */
  onOwnerShort: ((sliceIndex: number) => void) | undefined;
  /**
   * Asked at each free of a block of a retired slice: whether its new owner has formatted it. A block of
   * the new owner's may come here before the news of its return, which `restore()` brings.
   */
  isBack: ((sliceIndex: number) => boolean) | undefined;

  /** For the allocator of slice `sliceIndex`. */
  constructor(slices: SliceTable, sliceIndex: number) {
    this.#words = slices.words(sliceIndex);
    this.#slices = slices;
    this.#sliceIndex = sliceIndex;
    this.#outboxes = slices.spans.map(() => undefined);
  }

  /** Queues a block of another slice for its owner. Throws for an address of none. */
  free(address: number): void {
    let outbox = this.#last;
    let block = outbox === undefined ? 0 : outbox.blockAt(address);
    if (outbox === undefined || block === 0) {
      outbox = this.#outboxOf(locateBlock("free", address, this.#slices, this.#sliceIndex));
      if (!outbox.retired) this.#last = outbox;
      else if (this.isBack?.(this.#slices.find(address)) !== true) {
        count(this.#words, REMOTE_DROPPED_WORD);
        return;
      }
      block = outbox.blockAt(address);
    }
    // Invariant: the heap that is looked at here is that of the owner who gets the block. The slice is
    // formatted while its outbox is retired, and what isBack() says was so before the header is read.
    const words = outbox.words;
    let fault = foreignBlockFault(words, block);
    if (fault === undefined && hasStartMap(words)) fault = freedElsewhere(words, block);
    if (fault === undefined && !outbox.add(block)) fault = FREE_ALREADY;
    if (fault !== undefined) {
      throw faultError("free", address, this.#slices.find(address), fault);
    }
    if (!outbox.listed) {
      outbox.listed = true;
      this.#pending.push(outbox);
    }
    count(this.#words, REMOTE_SENT_WORD);
  }

  /** Publishes all that was gathered. */
  flush(): void {
    const pending = this.#pending;
    while (pending.length > 0) {
      const outbox = pending.pop()!;
      outbox.listed = false;
      outbox.flush();
    }
  }

  /**
   * The owner of another slice is gone for good: blocks of it that are gathered here, or freed here from
   * now on, are counted (`remoteFreesDropped` of the statistics), and that is all.
   *
   * @param index the slice
   * @throws {RangeError} if it names no other slice
   */
  retire(index: number): void {
    const outbox = this.#outboxOf(index);
    outbox.retired = true;
    // Invariant: the outbox used last is not retired, so that most frees need not ask.
    if (this.#last === outbox) this.#last = undefined;
    add(this.#words, REMOTE_DROPPED_WORD, outbox.drop());
  }

  /**
   * The slice has a new owner, who has formatted it: its blocks are freed as those of any other, and
   * addresses from before are checked as any address is. What was gathered for the old owner is dropped.
   *
   * @param index the slice
   * @throws {RangeError} if it names no other slice
   */
  restore(index: number): void {
    const outbox = this.#outboxOf(index);
    // What a retired one has gathered are blocks of the new owner: see isBack.
    if (!outbox.retired) add(this.#words, REMOTE_DROPPED_WORD, outbox.drop());
    outbox.retired = false;
  }

  #outboxOf(index: number): RemoteFreeOutbox {
    let outbox = this.#outboxes[index];
    if (outbox === undefined) {
      if (index === this.#sliceIndex || this.#slices.spans[index] === undefined) {
        throw new RangeError(
          `Cannot free remotely into slice ${String(index)}: expected another than the own, ` +
            `${this.#sliceIndex}, of 0 to ${this.#slices.spans.length - 1}`,
        );
      }
      outbox = new RemoteFreeOutbox(
        this.#slices.words(index),
        () => this.onOwnerShort?.(index),
      );
      this.#outboxes[index] = outbox;
    }
    return outbox;
  }
}
