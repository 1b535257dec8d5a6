/** SharedVector: see structures/cells/shared_vector.ts. */
import {
  array,
  bool,
  f64,
  i64,
  Runtime,
  type RuntimeOptions,
  ShardCrashedError,
  string,
  struct,
  u8,
} from "@tidepool/core";
import { text } from "@tidepool/core/allocator";
import { sharedVector, StaleStructureError } from "@tidepool/core/structures";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { VectorShape } from "../../../structures/cells/vector_layout.ts";
import { type SeededRandom, withRandom } from "../../harness/seeded_random.ts";
import { Counts, Trades, vectorTasks } from "./shared_vector_tasks.ts";

function start(options: RuntimeOptions = {}): Promise<Runtime> {
  return Runtime.start({ shards: 2, memory: "64MiB", hostMemory: "32MiB", ...options });
}

Deno.test("a SharedVector may be used by what is appended to it", async () => {
  await using runtime = await Runtime.start({ shards: 1, memory: "16MiB" });
  const Numbers = sharedVector("Numbers", f64);
  const Points = sharedVector("Points", struct("Point", { x: f64 }));
  const numbers = Numbers.make(runtime);
  using points = Points.make(runtime);
  using reader = Numbers.reader(runtime, numbers.address);
  const more = function* () {
    yield 1;
    numbers.push(7);
    yield 2;
  };
  assertEquals([numbers.pushMany(more()), [...reader]], [2, [1, 7, 2]]);
  const last = function* () {
    yield 3;
    numbers[Symbol.dispose]();
    yield 4;
  };
  assertThrows(() => numbers.pushMany(last()), StaleStructureError, "it was disposed of");
  assertThrows(() => reader.length, StaleStructureError);
  const point = {
    get x() {
      points[Symbol.dispose]();
      return 1;
    },
  };
  assertThrows(() => points.push(point), TypeError, "an element is just being appended");
  assertEquals(points.length, 0);
});

Deno.test("each element has a place in one piece, whatever its size", () => {
  for (const elementBytes of [1, 8, 12, 24, 1000, 1024, 5000, 65_536, 100_000]) {
    const shape = new VectorShape(elementBytes);
    let index = 0;
    for (let piece = 0; piece < 40; piece++) {
      assertEquals(shape.start(piece), index);
      const length = shape.lengthOf(piece);
      assert(length >= 1);
      assert(length === 1 || length * elementBytes <= 65_536);
      for (const at of [index, index + length - 1]) assertEquals(shape.pieceOf(at), piece);
      index += length;
    }
    assert(shape.mostElements >= 32_768);
  }
  assertEquals(new VectorShape(1).mostElements, 2 ** 31 - 1);
});

Deno.test("a SharedVector has what was appended, on every shard", async () => {
  await using runtime = await start();
  using vector = Counts.make(runtime);
  using reader = Counts.reader(runtime, vector.address);
  assertEquals([reader.length, [...reader], [...reader.pieces()].length], [0, [], 0]);
  vector.push(0);
  assertEquals([reader.get(0), reader.length], [0, 1]);
  assertEquals(vector.pushMany(Array.from({ length: 30_000 }, (_, i) => i + 1)), 30_000);
  assertEquals([vector.length, reader.length], [30_001, 30_001]);
  for (const index of [0, 1, 127, 128, 255, 256, 8191, 8192, 16_384, 30_000]) {
    assertEquals([reader.get(index), vector.get(index)], [index, index]);
  }
  assertEquals([...reader], Array.from({ length: 30_001 }, (_, i) => i));
  assertEquals([...vector].length, 30_001);
  for (const from of [0, 5, 128, 20_000, 30_000, 30_001]) {
    const lengths = [...reader.pieces(from)].map((piece) => {
      assert(piece instanceof Float64Array);
      return piece.length;
    });
    assertEquals(lengths.reduce((sum, length) => sum + length, 0), 30_001 - from);
    const [first] = reader.pieces(from);
    assertEquals(first?.[0], from > 30_000 ? undefined : from);
  }
  const [piece] = vector.pieces(20_000);
  assertEquals(piece?.[0], 20_000);
});

Deno.test("a SharedVector of structs, of another shard", async () => {
  await using runtime = await start();
  const address = await runtime.submitTo(0, vectorTasks.openTrades, 5000);
  using reader = Trades.reader(runtime, address);
  assertEquals(reader.length, 5000);
  const trade = reader.get(4999);
  assertEquals(trade.toJSON(), { id: 4999, price: 4999 / 4 });
  let id = 0;
  for (const each of reader) assertEquals([each.id, each.price], [id, id++ / 4]);
  assertThrows(
    () => [...reader.pieces()],
    TypeError,
    "Cannot view elements of type Trade as a typed array: use get() and set()",
  );
  await runtime.submitTo(0, vectorTasks.close);
});

Deno.test("a SharedVector is as an array, for random appends of every kind of element", async () => {
  await using runtime = await start();
  const Point = struct("Point", { x: f64, name: string(4), flags: array(u8, 3) });
  const kinds = [
    [bool, (random: SeededRandom) => random.below(2) === 1],
    [i64, (random: SeededRandom) => BigInt(random.next()) * -1_000_000_000n],
    [string(6), (random: SeededRandom) => String(random.below(1000))],
    [array(f64, 2), (random: SeededRandom) => [random.next(), -random.next()]],
    [Point, (random: SeededRandom) => ({
      x: random.next(),
      name: "é".repeat(random.below(3)),
      flags: [1, 2, random.below(256)],
    })],
  ] as const;
  await withRandom((random) => {
    for (const [type, valueOf] of kinds) {
      using vector = sharedVector("Any", type as unknown as typeof f64).make(runtime);
      using reader = sharedVector("Any", type as unknown as typeof f64).reader(
        runtime,
        vector.address,
      );
      const model: unknown[] = [];
      for (let step = 0; step < 300; step++) {
        const values = Array.from({ length: random.below(20) }, () => valueOf(random));
        if (values.length === 1) vector.push(values[0] as unknown as number);
        else vector.pushMany(values as unknown as number[]);
        model.push(...values);
        assertEquals(reader.length, model.length);
        if (model.length === 0) continue;
        const index = random.below(model.length);
        const found: unknown = reader.get(index);
        const plain = typeof found === "object" ? (found as { toJSON(): unknown }).toJSON() : found;
        assertEquals(plain, model[index]);
      }
    }
    return Promise.resolve();
  });
});

Deno.test("an element that is refused leaves nothing behind", async () => {
  await using runtime = await start();
  using vector = Trades.make(runtime);
  using reader = Trades.reader(runtime, vector.address);
  vector.push({ id: 1, price: 2 });
  const wrong = { id: 3, price: "4" as unknown as number };
  assertThrows(() => vector.push(wrong), TypeError, "Cannot store");
  assertThrows(() => vector.pushMany([{ id: 5, price: 6 }, wrong, { id: 7 }]), TypeError);
  assertEquals(reader.length, 2);
  vector.push({});
  assertEquals([...reader].map((each) => each.toJSON()), [
    { id: 1, price: 2 },
    { id: 5, price: 6 },
    { id: 0, price: 0 },
  ]);
  const again = {
    get id(): number {
      vector.push({ id: 9 });
      return 8;
    },
  };
  assertThrows(() => vector.push(again), TypeError, "another element is just being appended");
  assertEquals([vector.length, reader.length], [3, 3]);
});

Deno.test("an index that is not one of a SharedVector is refused", async () => {
  await using runtime = await start();
  using vector = Counts.make(runtime);
  using reader = Counts.reader(runtime, vector.address);
  vector.push(0);
  for (const each of [vector, reader]) {
    for (const index of [-1, 1, 0.5, NaN, Infinity]) {
      assertThrows(
        () => each.get(index),
        RangeError,
        `Cannot read SharedVector Counts of f64 at index ${index}: expected a whole number from 0, below its length of 1`,
      );
    }
    assertThrows(
      () => each.get("0" as unknown as number),
      TypeError,
      'at index "0": expected a number',
    );
    assertThrows(
      () => each.pieces(2),
      RangeError,
      "at index 2: expected a whole number from 0, up to its length of 1",
    );
    assertEquals([...each.pieces(1)], []);
  }
  assertThrows(() => sharedVector("", f64), TypeError, 'Cannot define a SharedVector named ""');
  assertThrows(
    () => sharedVector("Notes", text()),
    TypeError,
    "Cannot define SharedVector Notes of text: its text or bytes would lie in blocks of their own",
  );
  assertThrows(
    () => Trades.reader(runtime, vector.address),
    TypeError,
    "it is SharedVector Counts of f64, made by another definition",
  );
  await assertRejects(
    () => runtime.submitTo(0, vectorTasks.append, reader as unknown as number),
    TypeError,
    "an object of class SharedVectorReader does not travel between shards: send its address",
  );
});

Deno.test("a SharedVector that finds no room for a piece stays as it is", async () => {
  await using runtime = await start({ hostMemory: "1MiB" });
  using vector = Counts.make(runtime);
  let pushed = 0;
  const error = assertThrows(() => {
    for (;;) {
      vector.push(pushed);
      pushed++;
    }
  }, RangeError);
  assert(error.message.includes("for SharedVector Counts of f64"), error.message);
  assertEquals(vector.length, pushed);
  assert(pushed > 50_000, `${pushed}`);
  assertEquals(vector.get(pushed - 1), pushed - 1);
  assertThrows(() => vector.push(0), RangeError);
});

Deno.test("a SharedVector longer than its first pieces has directories, and frees all of it", async () => {
  await using runtime = await start();
  const { allocator } = runtime["endpoint"];
  const before = allocator.liveBlocks;
  const vector = Counts.make(runtime);
  const count = 300_000; // 16 pieces and some 20 in a directory
  vector.pushMany(Array.from({ length: count }, (_, i) => i));
  const reader = Counts.reader(runtime, vector.address);
  assertEquals(reader.get(count - 1), count - 1);
  assertEquals([...reader.pieces()].reduce((sum, { length }) => sum + length, 0), count);
  vector[Symbol.dispose]();
  vector[Symbol.dispose]();
  assertEquals(allocator.liveBlocks, before);
  assertThrows(() => reader.get(0), StaleStructureError, "its owner has disposed of it");
  assertThrows(
    () => vector.push(1),
    StaleStructureError,
    "Cannot append to SharedVector Counts of f64",
  );
  assertThrows(() => vector.get(0), StaleStructureError, "it was disposed of");
  assertThrows(() => [...vector], StaleStructureError);
});

Deno.test("a reader of a SharedVector learns that its owner has died or disposed of it", async () => {
  await using runtime = await start({ onCrash: "keep", onWarning: () => {} });
  const address = await runtime.submitTo(0, vectorTasks.open);
  await runtime.submitTo(0, vectorTasks.append, 10);
  const reader = Counts.reader(runtime, address);
  assertEquals(reader.length, 10);
  await runtime.submitTo(0, vectorTasks.close);
  assertEquals(reader.get(9), 9); // it holds what it has seen
  assertThrows(() => reader.length, StaleStructureError, "its owner has disposed of it");
  const next = Counts.reader(runtime, await runtime.submitTo(0, vectorTasks.open));
  await assertRejects(() => runtime.submitTo(0, vectorTasks.exit), ShardCrashedError);
  for (const look of [() => next.length, () => next.get(0), () => [...next], () => next.pieces()]) {
    assertThrows(look, ShardCrashedError, "Shard 0 crashed");
  }
});

Deno.test("readers follow a SharedVector while it grows as fast as it can", async () => {
  await using runtime = await Runtime.start({ shards: 4, memory: "128MiB", debugHeap: true });
  const address = await runtime.submitTo(0, vectorTasks.open);
  await withRandom(async (random) => {
    const total = 1_000_000;
    const following = [1, 2, 3].map((shard) =>
      runtime.submitTo(shard, vectorTasks.follow, address, total, 1 + random.below(1_000_000))
    );
    await runtime.submitTo(0, vectorTasks.append, total);
    const seen = await Promise.all(following);
    assertEquals(seen.map(({ wrong }) => wrong), [0, 0, 0]);
    assert(seen.reduce((sum, { lengths }) => sum + lengths, 0) > 100);
  });
  await runtime.submitTo(0, vectorTasks.close);
  runtime.checkHeap(0);
});
