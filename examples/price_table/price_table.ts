/**
 * A table that every shard reads all the time, with no message, and that its owner changes now and
 * then: read-copy-update (McKenney and Slingwine, 1998) over messages.
 *
 * A table is never changed once others can see it. The owner writes a new one into its slice, tells
 * every shard where it is, and frees the old one when all have answered: from then on nobody reads
 * it, as a shard lets go of the old table in the same turn in which it takes the new one. So a
 * reader needs no lock, and as long as it does not `await`, all that it reads is of one table.
 *
 * Here all shards read one table in shared memory. Of a value so small that each may have its own
 * copy, `runtime.replicate()` keeps the copies: see docs/replicated_values.md.
 *
 * @module
 */
import {
  array,
  type ArrayType,
  type ArrayView,
  containerOf,
  defineService,
  f64,
  localAllocator,
  type ServiceDefinition,
  thisShard,
} from "@tidepool/core";

/** The shard that owns the tables, and alone makes new ones. */
export const OWNER = 0;
/** How many products there are; a product is its place in the table. */
export const PRODUCTS = 1000;

const PriceTable: ArrayType<typeof f64> = array(f64, PRODUCTS);

/** A product and what it costs from now on. */
export type PriceChange = readonly [product: number, price: number];

/** The prices, as one shard sees them. */
export class Prices {
  /** The table that this shard reads. It may lie in the slice of another. */
  #table: ArrayView<typeof f64> | undefined;
  /** On the owner: resolves when no update is under way. */
  #updated: Promise<void> = Promise.resolve();

  /** What a product costs. Costs what reading a typed array costs. */
  price(product: number): number {
    if (this.#table === undefined) throw new Error("There are no prices before the first update");
    return this.#table.get(product);
  }

  /** Changes prices, all at once for whoever reads. Resolves when every shard sees them. */
  async update(changes: readonly PriceChange[]): Promise<void> {
    if (thisShard() !== OWNER) {
      return await containerOf<Prices>(this).invokeOn(OWNER, "update", changes);
    }
    // One at a time: an update starts from what the one before it has made.
    const update = this.#updated.then(() => this.#replace(changes));
    this.#updated = update.catch(() => {}); // its caller is told
    return await update;
  }

  async #replace(changes: readonly PriceChange[]): Promise<void> {
    const old = this.#table;
    const table = PriceTable.make(localAllocator(), old);
    for (const [product, price] of changes) table.set(product, price);
    await containerOf<Prices>(this).invokeOnAll("use", table.address);
    if (old !== undefined) localAllocator().free(old.address);
  }

  /** Reads another table from now on. Called by the owner. */
  use(address: number): void {
    this.#table = PriceTable.at(localAllocator(), address);
  }

  /** Frees the table, when no shard can be asked for a price any more. */
  [Symbol.dispose](): void {
    if (thisShard() === OWNER && this.#table !== undefined) {
      localAllocator().free(this.#table.address);
    }
  }
}

export const prices: ServiceDefinition<[], Prices> = defineService(
  import.meta.url,
  "prices",
  Prices,
);
