/**
 * The books of the example against a plain engine that gets the same orders: the same fills, the same
 * tops read from another shard, and the same orders in the same queues at the end.
 */
import { assert, assertEquals } from "@std/assert";
import { Runtime, type Sharded } from "@tidepool/core";
import type { Placed } from "../../../examples/order_book/book.ts";
import { type Market, market } from "../../../examples/order_book/market.ts";
import { DEPTH } from "../../../examples/order_book/top.ts";
import { type SeededRandom, withRandom } from "../../harness/seeded_random.ts";
import { ReferenceBook } from "./reference_book.ts";

/** `deno task order-book-verify` takes a million. */
const COMMANDS = Number(Deno.env.get("TIDEPOOL_OPERATIONS") ?? 20_000);
const SYMBOLS = ["ABC", "DEF", "GHI", "JKL", "MNO"];
/** Few enough that books are full now and then. */
const CAPACITY = 80;
/** Commands under way at a time. */
const BATCH = 500;

/** A book of the example and its reference, and the numbers by which the reference knows the orders. */
class Pair {
  readonly #reference = new ReferenceBook(CAPACITY);
  readonly #idOf = new Map<number, number>();
  readonly #numberOf = new Map<number, number>();
  readonly #book: number;
  readonly #market: Sharded<Market>;
  #orders = 0;

  constructor(book: number, market: Sharded<Market>) {
    this.#book = book;
    this.#market = market;
  }

  /** How many orders could not rest. */
  get refused(): number {
    return this.#reference.refused;
  }

  /** Gives both the same order, and resolves when their answers have been compared. */
  async place(isBuy: boolean, limit: number, quantity: number, rests: boolean): Promise<Placed> {
    const number = this.#orders++;
    const expected = this.#reference.place(number, isBuy, limit, quantity, rests);
    const placed = await this.#market.at(this.#book)
      .place(this.#book, isBuy, limit, quantity, rests);
    this.#idOf.set(number, placed.id);
    assertEquals(this.#numberOf.has(placed.id), false, `${placed.id} was the id of another order`);
    this.#numberOf.set(placed.id, number);
    const fills = placed.fills.map((fill) => {
      return [this.#numberOf.get(fill.maker), fill.price, fill.quantity];
    });
    assertEquals({ resting: placed.resting, fills }, expected, `Order ${number}`);
    return placed;
  }

  /** Cancels one of the orders that were answered by now. */
  async cancelAny(random: SeededRandom): Promise<void> {
    // Mostly one that rests; at times one that has ended.
    const { numbers } = this.#reference;
    const number = random.below(10) > 0 && numbers.length > 0
      ? numbers[random.below(numbers.length)]!
      : random.below(this.#orders + 1);
    const id = this.#idOf.get(number);
    if (id === undefined) return;
    const expected = this.#reference.cancel(number);
    assertEquals(await this.#market.at(this.#book).cancel(this.#book, id), expected);
  }

  /** Compares the tops, as every shard sees them. */
  async compareTops(shards: number): Promise<void> {
    const [bidPrices, bidQuantities] = this.#reference.levels(true, DEPTH);
    const [askPrices, askQuantities] = this.#reference.levels(false, DEPTH);
    const { trades, last: [lastPrice, lastQuantity] } = this.#reference;
    const expected = { bidPrices, bidQuantities, askPrices, askQuantities };
    for (let shard = 0; shard < shards; shard++) {
      const top = await this.#market.invokeOn(shard, "top", this.#book);
      assertEquals(top, { ...expected, trades, lastPrice, lastQuantity });
    }
  }

  /** Executes all that rests: in which order it does so shows the queues. */
  async drain(): Promise<number> {
    const all = {
      sold: await this.place(false, 0, 1e9, false),
      bought: await this.place(true, Infinity, 1e9, false),
    };
    assertEquals(this.#reference.numbers, []);
    return all.sold.fills.length + all.bought.fills.length;
  }
}

/** An order near a price that moves slowly, so that the books are deep and are traded through. */
function placeAny(pair: Pair, random: SeededRandom, middle: number): Promise<Placed> {
  const isBuy = random.below(2) === 0;
  const quantity = random.between(1, 100);
  const away = Math.floor(-Math.log(1 - random.below(1000) / 1000) * 8) - 3;
  const price = Math.max(1, isBuy ? middle - away : middle + away);
  const kind = random.below(20);
  if (kind === 0) return pair.place(isBuy, isBuy ? Infinity : 0, quantity * 3, false);
  return pair.place(isBuy, price, quantity, kind > 3);
}

Deno.test("a book gives the fills, tops and queues of a plain engine for random orders", async () => {
  await withRandom(async (random) => {
    await using runtime = await Runtime.start({ shards: 2, memory: "16MiB" });
    await using markets = await runtime.startSharded(market, SYMBOLS, CAPACITY);
    const tops = (await markets.map("tops")).flat();
    assertEquals(tops.length, SYMBOLS.length);
    for (let shard = 0; shard < 2; shard++) await markets.invokeOn(shard, "watch", tops);
    const pairs = SYMBOLS.map((_, book) => new Pair(book, markets));
    let middle = 1000;
    let fills = 0;
    for (let done = 0; done < COMMANDS; done += BATCH) {
      middle = Math.max(50, middle + random.between(-4, 4));
      // Of a hundred commands: books fill up, and empty again.
      const cancels = done / BATCH % 10 < 5 ? random.between(0, 10) : random.between(40, 60);
      await Promise.all(Array.from({ length: BATCH }, async () => {
        const pair = pairs[random.below(pairs.length)]!;
        if (random.below(100) < cancels) return await pair.cancelAny(random);
        const placed = await placeAny(pair, random, middle);
        fills += placed.fills.length;
      }));
      for (const pair of pairs) await pair.compareTops(2);
    }
    assert(fills > COMMANDS / 10, `only ${fills} fills`);
    const refused = pairs.reduce((sum, pair) => sum + pair.refused, 0);
    assert(refused > COMMANDS / 200, `only ${refused} orders came to a full book`);
    let drained = 0;
    for (const pair of pairs) drained += await pair.drain();
    assert(drained > SYMBOLS.length, `only ${drained} orders at the end`);
    for (const pair of pairs) await pair.compareTops(2);
  });
});
