/**
 * The top of a book, in its owner's slice, where every shard reads it without a message: a sequence
 * lock. The owner makes the number odd, writes, and makes it even; a reader that has seen it odd, or
 * change, reads again.
 *
 * @module
 */
import { array, f64, i32, localAllocator, offsetOf, struct } from "@tidepool/core";
import type { Fill, Level } from "./book.ts";

export const DEPTH = 10;
const column = array(f64, DEPTH);

const Top = struct("Top", {
  bidPrices: column, // the best first; 0: there are no more
  bidQuantities: column,
  askPrices: column,
  askQuantities: column,
  trades: f64, // how many there have been
  lastPrice: f64, // of the last of them
  lastQuantity: f64,
  sequence: i32,
});

/** The owner's end. */
export class TopWriter {
  readonly #top = Top.make(localAllocator());
  readonly #bidPrices = this.#top.bidPrices.elements;
  readonly #bidQuantities = this.#top.bidQuantities.elements;
  readonly #askPrices = this.#top.askPrices.elements;
  readonly #askQuantities = this.#top.askQuantities.elements;
  readonly #sequence = new Int32Array(
    this.#bidPrices.buffer,
    this.#top.address + offsetOf(Top, "sequence"),
    1,
  );

  get address(): number {
    return this.#top.address;
  }
  get trades(): number {
    return this.#top.trades;
  }

  [Symbol.dispose](): void {
    localAllocator().free(this.address);
  }

  begin(): void {
    Atomics.add(this.#sequence, 0, 1);
  }

  end(): void {
    Atomics.add(this.#sequence, 0, 1);
  }

  /** One level has changed, has come or has gone. */
  show(isBuy: boolean, levels: readonly Level[], index: number): void {
    const prices = isBuy ? this.#bidPrices : this.#askPrices;
    const quantities = isBuy ? this.#bidQuantities : this.#askQuantities;
    const best = levels.length - 1;
    for (let row = Math.max(0, best - index); row < DEPTH; row++) {
      const level = levels[best - row];
      prices[row] = Math.abs(level?.rank ?? 0);
      quantities[row] = level?.quantity ?? 0;
    }
  }

  traded(fills: readonly Fill[]): void {
    const { price, quantity } = fills.at(-1)!;
    this.#top.trades += fills.length;
    this.#top.lastPrice = price;
    this.#top.lastQuantity = quantity;
  }
}

/** The end of any shard. */
export class TopReader {
  readonly #top;
  readonly #sequence: Int32Array;
  readonly #numbers: Float64Array;
  readonly #copy = new Float64Array(4 * DEPTH + 3);

  constructor(address: number) {
    this.#top = Top.at(localAllocator(), address);
    const { buffer } = this.#top.bidPrices.elements;
    this.#numbers = new Float64Array(buffer, address, this.#copy.length);
    this.#sequence = new Int32Array(buffer, address + offsetOf(Top, "sequence"), 1);
  }

  read() {
    let before: number;
    do {
      before = Atomics.load(this.#sequence, 0);
      this.#copy.set(this.#numbers);
    } while (before % 2 !== 0 || Atomics.load(this.#sequence, 0) !== before);
    const copy = Array.from(this.#copy);
    const [bidPrices, bidQuantities, askPrices, askQuantities] = [0, 1, 2, 3].map((c) =>
      copy.slice(c * DEPTH, (c + 1) * DEPTH)
    );
    return {
      bidPrices,
      bidQuantities,
      askPrices,
      askQuantities,
      trades: copy[4 * DEPTH]!,
      lastPrice: copy[4 * DEPTH + 1]!,
      lastQuantity: copy[4 * DEPTH + 2]!,
    };
  }
}
