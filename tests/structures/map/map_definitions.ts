/** Maps for the tests, as a program defines them: in a module that their owner and their readers import. */
import { defineTasks } from "@tidepool/core";
import {
  address,
  array,
  bool,
  bytes,
  f64,
  i32,
  i64,
  string,
  struct,
  text,
  u32,
} from "@tidepool/core/allocator";
import { codec, type SharedMap, sharedMap } from "@tidepool/core/structures";

export const Point = struct("Point", { x: f64, y: f64, label: string(12), id: i32 });

const encoder = new TextEncoder();
const decoder = new TextDecoder();
export const json = codec<unknown>({
  name: "json",
  encode: (value) => encoder.encode(JSON.stringify(value)),
  decode: (bytes) => JSON.parse(decoder.decode(bytes)),
});

export const definitions = {
  prices: sharedMap("Prices", { key: text(), value: f64 }),
  counts: sharedMap("Counts", { key: f64, value: i64 }),
  texts: sharedMap("Texts", { key: text(), value: text() }),
  blobs: sharedMap("Blobs", { key: bytes(), value: bytes() }),
  points: sharedMap("Points", { key: i64, value: Point }),
  flags: sharedMap("Flags", { key: i32, value: bool }),
  rows: sharedMap("Rows", { key: u32, value: array(f64, 3) }),
  places: sharedMap("Places", { key: text(), value: address }),
  documents: sharedMap("Documents", { key: text(), value: json }),
};

let prices: SharedMap<string, number> | undefined;

export const mapTasks = defineTasks(import.meta.url, {
  /** Makes the map of prices of this shard, with `count` of them, and gives its address. */
  open: (count: number) => {
    prices = definitions.prices.make();
    for (let i = 0; i < count; i++) prices.set(`product ${i}`, i);
    return prices.address;
  },
  set: (key: string, value: number) => void prices!.set(key, value),
  remove: (key: string) => prices!.delete(key),
  close: () => prices![Symbol.dispose](),
  get: (address: number, key: string) => definitions.prices.reader(address).get(key),
  sum: (address: number) => {
    let sum = 0;
    for (const [, price] of definitions.prices.reader(address)) sum += price;
    return sum;
  },
  /** Never answered. */
  crash: () => {
    self.close();
    return new Promise<void>(() => {});
  },
});
