/**
 * The freeing side of remote frees: an outbox for each other slice, and which of them hold blocks to
 * be published. Real programs free runs of blocks to one owner (a mean of 3 to 20), so the outbox used
 * last is looked at first.
 *
 * @module
 */
import { faultError, foreignBlockFault, FREE_ALREADY, locateBlock } from "./block_check.ts";
import { count, REMOTE_SENT_WORD } from "./control_layout.ts";
import { freedElsewhere } from "./debug_heap.ts";
import { RemoteFreeOutbox } from "./remote_free_list.ts";
import type { SliceTable } from "./slice_table.ts";
import { hasStartMap } from "./start_map.ts";

/** Frees blocks of other slices. */
export class RemoteFreeSender {
  readonly #words: Int32Array;
  readonly #slices: SliceTable;
  readonly #sliceIndex: number;
  /** By slice, made when the first block of that slice is met. */
  readonly #outboxes: (RemoteFreeOutbox | undefined)[];
  /** Outboxes that may hold blocks; each says itself whether it is in here. */
  readonly #pending: RemoteFreeOutbox[] = [];
  #last: RemoteFreeOutbox | undefined;

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
      block = outbox.blockAt(address);
      this.#last = outbox;
    }
    let fault = foreignBlockFault(outbox.words, block);
    if (fault === undefined && hasStartMap(outbox.words)) {
      fault = freedElsewhere(outbox.words, block);
    }
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

  #outboxOf(index: number): RemoteFreeOutbox {
    let outbox = this.#outboxes[index];
    if (outbox === undefined) {
      outbox = new RemoteFreeOutbox(this.#slices.words(index));
      this.#outboxes[index] = outbox;
    }
    return outbox;
  }
}
