/**
 * Items that are being read by somebody else: by another shard, or by a socket that has not taken all
 * of them yet. They stay as they are, also if their key gets another value meanwhile, and their block
 * is freed when the last reader has let go: `seastar::foreign_ptr<lw_shared_ptr<item>>`, as in Seastar's
 * memcached.
 *
 * An item gets its SharedPtr when it is first lent; the rest of the cache costs the JS heap nothing.
 *
 * @module
 */

import { type Allocator, SharedPtr } from "@tidepool/core";
import { Item, type ItemView } from "./item.ts";

/** Lent items, beyond which those that came back are looked for. */
const SWEEP_SIZE = 4096;

/** The lent items of one shard. */
export class Lender {
  readonly #allocator: Allocator;
  /** By address. The pointer here is the share of the cache, which keeps the block. */
  readonly #lent = new Map<number, SharedPtr<ItemView>>();
  #sweepAt = SWEEP_SIZE;

  constructor(allocator: Allocator) {
    this.#allocator = allocator;
  }

  /** How many items are kept track of: those that are lent, and some that came back. */
  get size(): number {
    return this.#lent.size;
  }

  /** A pointer to the item for a reader, who disposes of it. */
  lend(address: number): SharedPtr<ItemView> {
    let shared = this.#lent.get(address);
    if (shared === undefined) {
      if (this.#lent.size >= this.#sweepAt) this.#sweep();
      shared = new SharedPtr<ItemView>(Item.at(this.#allocator, address));
      this.#lent.set(address, shared);
    }
    return shared.clone();
  }

  /** Whether somebody reads the item now. */
  isLent(address: number): boolean {
    const shared = this.#lent.size === 0 ? undefined : this.#lent.get(address);
    return shared !== undefined && !shared.owned;
  }

  /** Frees an item that the cache gives up, now or when its last reader has let go. */
  free(address: number): void {
    const shared = this.#lent.size === 0 ? undefined : this.#lent.get(address);
    if (shared === undefined) return this.#allocator.free(address);
    this.#lent.delete(address);
    shared[Symbol.dispose]();
  }

  /** Forgets the items that came back. What it costs is spread over the lending since the last one. */
  #sweep(): void {
    for (const [address, shared] of this.#lent) {
      if (!shared.owned) continue;
      shared.release()?.release(); // the block stays the cache's
      this.#lent.delete(address);
    }
    this.#sweepAt = Math.max(SWEEP_SIZE, this.#lent.size * 2);
  }
}
