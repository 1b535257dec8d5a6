/** What a shared map refuses, and what it says then. */
import { Runtime } from "@tidepool/core";
import { f32, f64, i32, struct, text, u64 } from "@tidepool/core/allocator";
import { codec, sharedMap, StaleStructureError } from "@tidepool/core/structures";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { KEY_INFO_WORD, NEXT_WORD, ORDER_WORD } from "../../../structures/map/map_layout.ts";
import { ListReader, OUT_OF_ORDER } from "../../../structures/map/split_list.ts";
import { definitions, mapTasks } from "./map_definitions.ts";

// deno-lint-ignore no-explicit-any -- what TypeScript refuses too
type Wrong = any;

function refused(define: () => unknown, message: string): void {
  assertThrows(define, TypeError, message);
}

Deno.test("a definition of another kind is refused", () => {
  refused(
    () => sharedMap("" as Wrong, { key: text(), value: f64 }),
    "Cannot define a shared map named : expected a name",
  );
  refused(
    () => sharedMap("M", { key: f32, value: f64 }),
    "Cannot define the keys of M as f32: expected text(), bytes(), f64, i64, u64, address, or an " +
      "integer of at most 32 bits",
  );
  refused(() => sharedMap("M", undefined as Wrong), "Cannot define the keys of M as undefined");
  refused(
    () => sharedMap("M", { key: text(), value: 7 as Wrong }),
    "Cannot define the values of M as 7: expected a field type such as f64, text() or a struct, or a codec()",
  );
  const Owner = struct("Owner", { name: text() });
  refused(
    () => sharedMap("M", { key: text(), value: Owner }),
    "Cannot define the values of M as Owner: it owns text or bytes in blocks of their own, expected " +
      "string(bytes) or a codec() in their place",
  );
  refused(
    () => sharedMap("M", { key: text(), value: f64, dispose: 1 as Wrong }),
    "Cannot define the dispose function of M as 1: expected a function",
  );
  refused(
    () => codec({} as Wrong),
    "Cannot define a codec: expected the functions encode and decode",
  );
  const functions = { encode: () => new Uint8Array(), decode: () => 0 };
  refused(
    () => codec({ name: 1 as Wrong, ...functions }),
    "Cannot define a codec named 1: expected a string",
  );
});

Deno.test("keys and values of another kind, or out of range, are refused", async () => {
  await using runtime = await Runtime.start({ shards: 1, memory: "16MiB" });
  using flags = definitions.flags.make(runtime);
  refused(
    () => flags.get("1" as Wrong),
    "Cannot use a key of Flags (i32) of type string: expected a number",
  );
  assertThrows(
    () => flags.set(2 ** 31, true),
    RangeError,
    "Cannot use 2147483648 as a key of Flags (i32): expected a whole number from -2147483648 to 2147483647",
  );
  assertThrows(() => flags.set(0.5, true), RangeError, "Cannot use 0.5 as a key");
  refused(() => flags.set(1, 1 as Wrong), "Cannot store 1 in Flags (bool): expected a boolean");
  using longs = sharedMap("Longs", { key: u64, value: i32 }).make(runtime);
  assertThrows(
    () => longs.has(-1n),
    RangeError,
    "Cannot use -1 as a key of Longs (u64): expected a bigint of 64 bits, unsigned",
  );
  using texts = definitions.texts.make(runtime);
  refused(
    () => texts.set("a", null as Wrong),
    "Cannot store a value of type null in Texts (text): expected a string",
  );
  refused(() => texts.set(1 as Wrong, "a"), "Cannot use a key of Texts (text) of type number");
  assertThrows(
    () => texts.get("x".repeat(2 ** 28)),
    RangeError,
    "Cannot use a key of Texts of some 536870916 bytes: expected 268435456 at most",
  );
  using blobs = definitions.blobs.make(runtime);
  refused(
    () => blobs.set(new Uint8Array(1), [1] as Wrong),
    "Cannot store a value of type object in Blobs (bytes): expected a Uint8Array",
  );
  refused(() => blobs.get(null as Wrong), "of type null: expected a Uint8Array");
  assertEquals([flags.size, longs.size, texts.size, blobs.size], [0, 0, 0, 0]);
});

Deno.test("an address of something else is refused", async () => {
  await using runtime = await Runtime.start({ shards: 1, memory: "16MiB" });
  using prices = definitions.prices.make(runtime);
  const read = (address: unknown) => definitions.prices.reader(runtime, address as number);
  refused(
    () => read("1"),
    "Cannot read Prices: expected its address, a number, received string",
  );
  const { allocator } = runtime["endpoint"];
  const block = allocator.calloc(1, 64);
  for (const address of [0, 8, -8, NaN, 0.5, block, prices.address + 4, 2 ** 50]) {
    assertThrows(
      () => read(address),
      RangeError,
      `Cannot read Prices at address ${address}: no structure lies there (any more)`,
    );
  }
  refused(
    () => definitions.texts.reader(runtime, prices.address),
    "what lies there is shared map Prices of text to f64",
  );
  refused(() => definitions.prices.make(), "This thread is not a shard");
  refused(() => definitions.prices.reader(prices.address), "This thread is not a shard");
  allocator.free(block);
});

Deno.test("a map is sent by its address", async () => {
  await using runtime = await Runtime.start({ shards: 1, memory: "16MiB" });
  using prices = definitions.prices.make(runtime);
  const reader = definitions.prices.reader(runtime, prices.address);
  for (const [each, className] of [[prices, "SharedMap"], [reader, "SharedMapReader"]] as const) {
    await assertRejects(
      () => runtime.submitTo(0, mapTasks.set, each as Wrong, 1),
      TypeError,
      `an object of class ${className} does not travel between shards: send its address`,
    );
  }
});

Deno.test("a map that was disposed of refuses everything, on its owner too", async () => {
  await using runtime = await Runtime.start({ shards: 1, memory: "16MiB" });
  const prices = definitions.prices.make(runtime);
  prices.set("tea", 1);
  const reader = definitions.prices.reader(runtime, prices.address);
  const entries = reader.entries();
  entries.next();
  prices[Symbol.dispose]();
  prices[Symbol.dispose](); // once is enough
  const message = "Cannot use Prices: it was disposed of";
  assertThrows(() => prices.get("tea"), StaleStructureError, message);
  assertThrows(() => prices.set("tea", 1), StaleStructureError, message);
  assertThrows(() => prices.delete("tea"), StaleStructureError, message);
  assertThrows(() => prices.clear(), StaleStructureError, message);
  assertThrows(() => prices.read("tea", () => 1), StaleStructureError, message);
  assertThrows(() => [...prices], StaleStructureError, message);
  const closed = "Prices is no longer there: its owner has disposed of it";
  assertThrows(() => reader.has("tea"), StaleStructureError, closed);
  assertThrows(() => reader.size, StaleStructureError, closed);
  assertThrows(() => reader.read("tea", () => 1), StaleStructureError, closed);
  assertThrows(() => [...entries], StaleStructureError, closed);
});

Deno.test("what a dispose function throws is a warning, and the others are told all the same", async () => {
  const warnings: string[] = [];
  await using runtime = await Runtime.start({
    shards: 1,
    memory: "16MiB",
    onWarning: (warning) => warnings.push((warning as Error).message),
  });
  const told: number[] = [];
  const Values = sharedMap("Values", {
    key: f64,
    value: f64,
    dispose: (value) => {
      told.push(value);
      if (value === 1) throw new Error("not this one");
    },
  });
  const map = Values.make(runtime);
  map.set(1, 1).set(2, 2);
  map[Symbol.dispose]();
  assertEquals(told.sort(), [1, 2]);
  assertEquals(warnings, ["The dispose function of Values has thrown: Error: not this one"]);
});

Deno.test("a list that was overwritten ends the walk along it", () => {
  const words = new Int32Array(new SharedArrayBuffer(1024));
  const key = { words: new Int32Array([1]), wordCount: 1, info: 8 };
  const [slot, one, two] = [8, 16, 32];
  const find = () => new ListReader(words).find(slot, 1001, key);
  words[slot + ORDER_WORD] = -100;
  words[slot + NEXT_WORD] = one;
  words[one + ORDER_WORD] = 101;
  words[one + KEY_INFO_WORD] = 8;
  words[one + NEXT_WORD] = two;
  words[two + ORDER_WORD] = 51; // goes down
  assertEquals(find(), OUT_OF_ORDER);
  words[two + ORDER_WORD] = 101; // a circle of nodes whose orders are alike
  words[two + NEXT_WORD] = one;
  assertEquals(find(), OUT_OF_ORDER);
  words[two + NEXT_WORD] = 1_000_000; // outside of the slice
  assertEquals(find(), OUT_OF_ORDER);
  assertThrows(
    () => new ListReader(words).firstAbove(slot, 1001),
    Error,
    "A shared map was overwritten: what stands at word 1000000 of its owner's slice is out of order",
  );
});
