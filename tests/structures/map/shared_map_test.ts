/** A shared map on its owner, and read from other endpoints of a runtime. */
import { Runtime, type RuntimeOptions, ShardCrashedError } from "@tidepool/core";
import { array, bytes, f64, flags, struct, text, u32, u8, union } from "@tidepool/core/allocator";
import { codec, sharedMap, StaleStructureError } from "@tidepool/core/structures";
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { definitions, json, mapTasks } from "./map_definitions.ts";

function start(options: RuntimeOptions = {}): Promise<Runtime> {
  return Runtime.start({ shards: 2, memory: "16MiB", ...options });
}

Deno.test("a map keeps what a Map keeps, and grows", async () => {
  await using runtime = await start({ debugHeap: true });
  using map = definitions.prices.make(runtime);
  const model = new Map<string, number>();
  for (let i = 0; i < 5000; i++) {
    map.set(`key ${i % 3000}`, i);
    model.set(`key ${i % 3000}`, i);
  }
  for (let i = 0; i < 3000; i += 7) {
    assertEquals(map.delete(`key ${i}`), model.delete(`key ${i}`));
  }
  assertEquals(map.size, model.size);
  for (let i = 0; i < 3100; i++) {
    assertEquals(map.get(`key ${i}`), model.get(`key ${i}`));
    assertEquals(map.has(`key ${i}`), model.has(`key ${i}`));
  }
  assertEquals([...map].sort(), [...model].sort());
  assertEquals([...definitions.prices.reader(runtime, map.address)].sort(), [...model].sort());
  map.clear();
  assertEquals([map.size, [...map], map.get("key 1")], [0, [], undefined]);
  map.set("again", 1);
  assertEquals([...map], [["again", 1]]);
});

Deno.test("a map keeps values of every type, and a reader gets them", async () => {
  await using runtime = await start();
  function check<Key, Value>(
    definition: {
      make(runtime: Runtime): {
        readonly address: number;
        set(key: Key, value: Value): void;
        get(key: Key): unknown;
      };
      reader(runtime: Runtime, address: number): { get(key: Key): unknown; entries(): unknown };
    },
    entries: readonly [Key, Value][],
  ): void {
    const map = definition.make(runtime);
    const reader = definition.reader(runtime, map.address);
    for (const [key, value] of entries) map.set(key, value);
    for (const [key, value] of entries) {
      assertEquals(map.get(key), value);
      assertEquals(reader.get(key), value);
    }
  }
  check(definitions.counts, [[1.5, 1n], [-0, -(2n ** 63n)], [NaN, 2n ** 63n - 1n]]);
  check(definitions.texts, [["", ""], ["ä", "ö".repeat(100)], ["日本", "\ud800"], [
    "a",
    "日\0本語",
  ]]);
  check(definitions.blobs, [[new Uint8Array([1, 2, 3, 4, 5]), new Uint8Array(1000).fill(7)]]);
  check(definitions.points, [[-1n, { x: 1, y: 2, label: "naïve", id: 3 }]]);
  check(definitions.flags, [[-5, true], [2 ** 31 - 1, false]]);
  check(definitions.rows, [[2 ** 32 - 1, [1, 2, 3]]]);
  check(definitions.places, [["here", 123456]]);
  check(definitions.documents, [["a", { b: [1, "two", null] }]]);
});

Deno.test("keys are alike as they are in a Map", async () => {
  await using runtime = await start();
  using counts = definitions.counts.make(runtime);
  counts.set(0, 1n).set(-0, 2n).set(NaN, 3n).set(-NaN, 4n);
  assertEquals([counts.size, counts.get(0), counts.get(NaN)], [2, 2n, 4n]);
  using texts = definitions.texts.make(runtime);
  texts.set("\u00e9", "composed").set("e\u0301", "apart").set("\u00e9\u0000", "with NUL");
  assertEquals([texts.size, texts.get("\u00e9"), texts.get("e\u0301")], [3, "composed", "apart"]);
});

Deno.test("another shard reads what the owner writes, without a message", async () => {
  await using runtime = await start();
  const address = await runtime.submitTo(0, mapTasks.open, 100);
  const reader = definitions.prices.reader(runtime, address);
  assertEquals([reader.size, reader.owner, reader.address], [100, 0, address]);
  assertEquals(reader.get("product 42"), 42);
  assertEquals(await runtime.submitTo(1, mapTasks.get, address, "product 99"), 99);
  assertEquals(await runtime.submitTo(1, mapTasks.sum, address), 4950);
  await runtime.submitTo(0, mapTasks.set, "product 42", -1);
  assertEquals(reader.get("product 42"), -1);
  await runtime.submitTo(0, mapTasks.remove, "product 42");
  assertEquals([reader.get("product 42"), reader.has("product 42")], [undefined, false]);
});

Deno.test("read() shows a struct in place, and update() makes a value of the one before", async () => {
  await using runtime = await start();
  using points = definitions.points.make(runtime);
  points.set(1n, { x: 3, y: 4 });
  const reader = definitions.points.reader(runtime, points.address);
  assertEquals(reader.read(1n, ({ x, y }) => Math.hypot(x, y)), 5);
  assertEquals(reader.read(2n, () => 5), undefined);
  // What is seen stays, though it is replaced meanwhile.
  assertEquals(
    points.read(1n, (point) => {
      for (let i = 0; i < 200; i++) points.set(1n, { x: i });
      return point.x;
    }),
    3,
  );
  assertEquals(points.get(1n)?.x, 199);
  points.update(1n, (point) => ({ ...point, y: point!.x + 1 }));
  assertEquals(points.get(1n)?.y, 200);
  points.update(9n, (point) => ({ id: point === undefined ? 1 : 2 }));
  assertEquals(points.get(9n)?.id, 1);
  assertThrows(() => reader.read(1n, () => Promise.resolve()), TypeError, "returns a promise");
});

Deno.test("a reader of a map that was disposed of is told so, also when the memory is another's", async () => {
  await using runtime = await start({ debugHeap: true });
  const live = runtime.memoryStatistics(0).liveBlocks;
  const address = await runtime.submitTo(0, mapTasks.open, 100);
  const reader = definitions.prices.reader(runtime, address);
  assertEquals(reader.get("product 1"), 1);
  await runtime.submitTo(0, mapTasks.close);
  assertThrows(() => reader.get("product 1"), StaleStructureError, "has disposed of it");
  assertEquals(runtime.memoryStatistics(0).liveBlocks, live);
  assertThrows(() => definitions.prices.reader(runtime, address), RangeError, "no structure");
  await runtime.submitTo(0, mapTasks.open, 100);
  assertThrows(() => reader.get("product 1"), StaleStructureError, "has disposed of it");
  await runtime.submitTo(0, mapTasks.close);
});

Deno.test("a struct of the same name with fields of other types is another definition", async () => {
  await using runtime = await start();
  const Floats = sharedMap("P", { key: text(), value: struct("P", { x: f64 }) });
  const Whole = sharedMap("P", { key: text(), value: struct("P", { x: u32, y: u32 }) });
  using floats = Floats.make(runtime);
  assertThrows(() => Whole.reader(runtime, floats.address), TypeError, "x: f64");
});

Deno.test("a reader with another definition is told both", async () => {
  await using runtime = await start();
  using map = definitions.prices.make(runtime);
  const Other = sharedMap("Prices", { key: text(), value: text() });
  assertThrows(
    () => Other.reader(runtime, map.address),
    TypeError,
    `Cannot read shared map Prices of text to text at address ${map.address}: ` +
      "what lies there is shared map Prices of text to f64",
  );
});

Deno.test("what is wrong leaves the map as it was", async () => {
  await using runtime = await start({ debugHeap: true });
  const documents = sharedMap("Documents", { key: text(), value: json }).make(runtime);
  documents.set("a", 1);
  const circular: Record<string, unknown> = {};
  circular.self = circular;
  assertThrows(() => documents.set("a", circular), TypeError, "circular");
  assertThrows(() => documents.set("b", circular), TypeError, "circular");
  assertEquals([...documents], [["a", 1]]);
  using points = definitions.points.make(runtime);
  const before = runtime["endpoint"].allocator.liveBlocks;
  assertThrows(() => points.set(1n, { x: "one" as unknown as number }), TypeError);
  assertEquals([points.size, runtime["endpoint"].allocator.liveBlocks], [0, before]);
  assertThrows(() => points.set(2n ** 63n, {}), RangeError, "a bigint of 64 bits");
  assertThrows(() => points.get("1" as unknown as bigint), TypeError, "expected a bigint");
});

Deno.test("dispose is called with each value that is gone, when no reader sees it", async () => {
  await using runtime = await start();
  const gone: number[] = [];
  const Values = sharedMap("Values", { key: text(), value: f64, dispose: (v) => gone.push(v) });
  const map = Values.make(runtime);
  for (let i = 0; i < 100; i++) map.set("a", i);
  map.delete("a");
  map.set("b", 1000);
  map[Symbol.dispose]();
  assertEquals(gone.toSorted((a, b) => a - b), [...Array(100).keys(), 1000]);
  assertThrows(() => map.get("b"), StaleStructureError, "it was disposed of");
});

Deno.test("flags and unions are values as structs are", async () => {
  await using runtime = await start();
  const Marks = sharedMap("Marks", { key: text(), value: flags(u8, ["hot", "new"]) });
  const Either = union("Either", { count: u32, share: f64 }, { tag: u8 });
  const Figures = sharedMap("Figures", { key: text(), value: Either });
  using marks = Marks.make(runtime);
  using figures = Figures.make(runtime);
  marks.set("a", ["new"]).set("a", ["hot", "new"]);
  figures.set("a", { count: 3 }).set("b", { share: 0.5 });
  const markReader = Marks.reader(runtime, marks.address);
  const figureReader = Figures.reader(runtime, figures.address);
  assertEquals([markReader.get("a"), marks.get("a")], [["hot", "new"], ["hot", "new"]]);
  assertEquals([figureReader.get("a"), figures.get("b")], [{ count: 3 }, { share: 0.5 }]);
  assertEquals(markReader.read("a", (mark) => mark.hot), true);
});

Deno.test("a value whose getters use its own map leaves that whole", async () => {
  await using runtime = await start({ debugHeap: true });
  const Points = sharedMap("Points", { key: text(), value: struct("Point", { x: f64 }) });
  using points = Points.make(runtime);
  for (let i = 0; i < 50; i++) points.set(`key ${i}`, { x: i });
  const uses = [
    () => points.get("key 3")!.x,
    () => points.delete("key 4") ? 4 : 5,
    () => points.set("key 6", { x: -6 }).size,
    () => points.set("new", { x: 1 }).size,
    () => [...points].length,
  ];
  for (const use of uses) {
    for (const key of ["key 6", "key 4", "another", "new"]) {
      const value = {
        get x() {
          return use();
        },
      };
      points.set(key, value);
      const entries = [...points];
      assertEquals(new Set(entries.map(([each]) => each)).size, points.size);
      for (const [each, { x }] of entries) assertEquals(points.get(each), { x });
    }
  }
  const Lists = sharedMap("Lists", { key: text(), value: array(f64, 1) });
  using lists = Lists.make(runtime);
  lists.set("a", [1]).set("b", [2]);
  const read = function* () {
    yield lists.get("b")![0]!;
  };
  for (let i = 0; i < 20; i++) lists.set("a", read());
  assertEquals(new Map(lists), new Map([["a", [2]], ["b", [2]]]));
});

Deno.test("bytes that say another length of theirs are stored whole", async () => {
  await using runtime = await start({ debugHeap: true });
  const Blobs = sharedMap("Blobs", { key: bytes(), value: bytes() });
  using blobs = Blobs.make(runtime);
  class Short extends Uint8Array {
    override get length() {
      return 1;
    }
  }
  const all = new Uint8Array(64).fill(0x41);
  blobs.set(new Short(all), new Short(all));
  assertEquals(blobs.get(all), all);
});

Deno.test("a map that is disposed of by the codec of a value takes it no more", async () => {
  await using runtime = await start({ debugHeap: true });
  const Texts = sharedMap("Texts", {
    key: text(),
    value: codec<string>({
      encode: (value) => {
        if (value === "the end") texts[Symbol.dispose]();
        return new TextEncoder().encode(value);
      },
      decode: (found) => new TextDecoder().decode(found),
    }),
  });
  const texts = Texts.make(runtime);
  texts.set("a", "b");
  assertThrows(() => texts.set("a", "the end"), StaleStructureError, "it was disposed of");
});

Deno.test("an owner that dies leaves readers with its death", async () => {
  await using runtime = await start({ onCrash: "keep" });
  const address = await runtime.submitTo(0, mapTasks.open, 100);
  const reader = definitions.prices.reader(runtime, address);
  assertEquals(reader.get("product 7"), 7);
  await assertRejects(() => runtime.submitTo(0, mapTasks.crash), ShardCrashedError);
  assertThrows(() => reader.get("product 7"), ShardCrashedError, "Shard 0 crashed");
  assertThrows(() => reader.has("product 7"), ShardCrashedError, "Shard 0 crashed");
  assertThrows(() => [...reader], ShardCrashedError, "Shard 0 crashed");
  assertThrows(() => definitions.prices.reader(runtime, address), ShardCrashedError);
});

Deno.test("the next life of an owner leaves readers of the former with an error of their own", async () => {
  await using runtime = await start({ onCrash: "restart" });
  const address = await runtime.submitTo(0, mapTasks.open, 100);
  const reader = definitions.prices.reader(runtime, address);
  await assertRejects(() => runtime.submitTo(0, mapTasks.crash), ShardCrashedError);
  // Waits until the shard is back.
  const again = await runtime.submitTo(0, mapTasks.open, 10);
  assertThrows(() => reader.get("product 7"), StaleStructureError, "was started again since");
  const next = definitions.prices.reader(runtime, again);
  assertEquals([next.size, next.get("product 7")], [10, 7]);
});
