/** What shards do with SharedVectors in tests. */
import { defineTasks, f64, i32, struct, type Task } from "@tidepool/core";
import { type SharedVector, sharedVector } from "@tidepool/core/structures";

/** Each element is its own index. */
export const Counts = sharedVector("Counts", f64);
export const Trade = struct("Trade", { id: i32, price: f64 });
export const Trades = sharedVector("Trades", Trade);

let counts: SharedVector<typeof f64> | undefined;
let trades: SharedVector<typeof Trade> | undefined;

/** What a thread has seen that read until the vector had some length. */
export interface SeenElements {
  readonly reads: number;
  readonly lengths: number;
  readonly wrong: number;
}

interface VectorTasks {
  readonly open: Task<[], number>;
  readonly append: Task<[number], number>;
  readonly follow: Task<[number, number, number], SeenElements>;
  readonly openTrades: Task<[number], number>;
  readonly close: Task<[], void>;
  readonly exit: Task<[], void>;
}

export const vectorTasks: VectorTasks = defineTasks(import.meta.url, {
  open(): number {
    counts = Counts.make();
    return counts.address;
  },
  /** Appends so many, one by one and in groups; gives the length. */
  append(count: number): number {
    const end = counts!.length + count;
    while (counts!.length < end) {
      const { length } = counts!;
      if (length % 3 === 0) counts!.push(length);
      else {
        const group = Math.min(length % 100, end - length);
        counts!.pushMany(Array.from({ length: group }, (_, i) => length + i));
      }
    }
    return counts!.length;
  },
  /** Reads while the vector grows, up to `length`, at places that depend on `seed`. */
  follow(address: number, length: number, seed: number): SeenElements {
    using reader = Counts.reader(address);
    let [reads, lengths, wrong, before, at] = [0, 0, 0, 0, seed];
    while (before < length) {
      const now = reader.length;
      if (now !== before) lengths++;
      if (now < before) wrong++;
      before = now;
      if (now === 0) continue;
      for (const index of [now - 1, (at = (at * 48_271) % 2_147_483_647) % now]) {
        if (reader.get(index) !== index) wrong++;
        reads++;
      }
    }
    let sum = 0;
    for (const piece of reader.pieces()) for (const value of piece) sum += value;
    if (sum !== length * (length - 1) / 2) wrong++;
    return { reads, lengths, wrong };
  },
  openTrades(count: number): number {
    trades = Trades.make();
    for (let id = 0; id < count; id++) trades.push({ id, price: id / 4 });
    return trades.address;
  },
  close(): void {
    counts?.[Symbol.dispose]();
    trades?.[Symbol.dispose]();
  },
  exit(): void {
    Deno.exit();
  },
});
