/** SeqCell: see structures/cells/seq_cell.ts. */
import {
  array,
  f64,
  i32,
  i64,
  Runtime,
  type RuntimeOptions,
  ShardCrashedError,
  StoppedError,
  string,
  struct,
} from "@tidepool/core";
import { text } from "@tidepool/core/allocator";
import { seqCell, StaleStructureError } from "@tidepool/core/structures";
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { cellTasks, Copies } from "./cell_tasks.ts";

const Quote = struct("Quote", { bid: f64, ask: f64, venue: string(8), sizes: array(i32, 2) });
const Quotes = seqCell("Quotes", Quote);

function start(options: RuntimeOptions = {}): Promise<Runtime> {
  return Runtime.start({ shards: 2, memory: "16MiB", ...options });
}

Deno.test("a SeqCell is not disposed of by what writes to it", async () => {
  await using runtime = await start();
  using cell = Quotes.make(runtime, { bid: 1 });
  using reader = Quotes.reader(runtime, cell.address);
  assertThrows(
    () => cell.update(() => cell[Symbol.dispose]()),
    TypeError,
    "a write to it has not ended",
  );
  assertEquals([reader.view().bid, reader.version], [1, 1]);
});

Deno.test("a SeqCell has what its owner wrote, and counts the values", async () => {
  await using runtime = await start();
  using cell = Quotes.make(runtime, { bid: 99, sizes: [1, 2] });
  using reader = Quotes.reader(runtime, cell.address);
  const first = { bid: 99, ask: 0, venue: "", sizes: [1, 2] };
  assertEquals([reader.read(), reader.version], [first, 1]);
  assertEquals([cell.read(), cell.version, cell.view().bid], [first, 1, 99]);
  cell.assign({ ask: 101, venue: "Xetra" });
  cell.update((quote) => {
    quote.bid += 1;
    quote.sizes.set(1, 7);
  });
  const third = { bid: 100, ask: 101, venue: "Xetra", sizes: [1, 7] };
  assertEquals([reader.read(), reader.version], [third, 3]);
  assertEquals([cell.read(), cell.version], [third, 3]);
});

Deno.test("a view of a SeqCell stays the value that it was until its thread looks again", async () => {
  await using runtime = await start();
  using cell = Quotes.make(runtime, { bid: 0, ask: 0 });
  using reader = Quotes.reader(runtime, cell.address);
  for (let round = 1; round <= 100; round++) {
    const view = reader.view();
    const before = view.toJSON();
    for (let write = 0; write < 3; write++) {
      cell.update((quote) => {
        quote.bid++;
        quote.ask = -quote.bid;
      });
      assertEquals(view.toJSON(), before);
    }
    assertStrictEquals(reader.view(), view);
    assertEquals([view.bid, view.ask], [round * 3, -round * 3]);
  }
});

Deno.test("a write of a SeqCell that fails changes nothing", async () => {
  await using runtime = await start();
  using cell = Quotes.make(runtime, { bid: 1 });
  using reader = Quotes.reader(runtime, cell.address);
  const before = cell.read();
  for (let round = 0; round < 10; round++) { // more often than there are slots
    assertThrows(
      () => cell.assign({ bid: 2, venue: "far too long" }),
      RangeError,
      "expected 8 at most",
    );
    assertThrows(() =>
      cell.update((draft) => {
        draft.bid = 3;
        throw new SyntaxError("no");
      }), SyntaxError);
  }
  assertThrows(
    () => cell.update((draft) => cell.assign({ bid: draft.ask })),
    TypeError,
    "Cannot write SeqCell Quotes of Quote { bid: f64, ask: f64, venue: string(8), sizes: array(i32, 2) }: another write to it has not ended",
  );
  assertThrows(
    () => cell.update(() => Promise.resolve() as unknown as void),
    TypeError,
    "by a function that returns a promise: it has to end before it returns",
  );
  assertEquals([reader.read(), reader.version, cell.read()], [before, 1, before]);
  cell.assign({ bid: 5 });
  assertEquals([reader.view().bid, reader.version], [5, 2]);
});

Deno.test("a SeqCell whose first values are refused leaves no memory behind", async () => {
  await using runtime = await start();
  const { liveBlocks } = runtime["endpoint"].allocator;
  assertThrows(() => Quotes.make(runtime, { venue: "far too long" }), RangeError);
  assertThrows(() => Quotes.make(runtime, { bid: "1" as unknown as number }), TypeError);
  assertEquals(runtime["endpoint"].allocator.liveBlocks, liveBlocks);
  assertThrows(() => Quotes.make(), TypeError, "This thread is not a shard");
  const Large = seqCell("Large", struct("Large", { all: array(f64, 10_000_000) }));
  assertThrows(
    () => Large.make(runtime),
    RangeError,
    "bytes aligned to 128 for SeqCell Large of Large",
  );
});

Deno.test("a SeqCell does not travel: its address does", async () => {
  await using runtime = await start();
  using cell = Quotes.make(runtime);
  using reader = Quotes.reader(runtime, cell.address);
  for (const value of [cell, reader]) {
    await assertRejects(
      () => runtime.submitTo(0, cellTasks.peek, value as unknown as number),
      TypeError,
      `an object of class ${value.constructor.name} does not travel between shards: send its address`,
    );
  }
  assertEquals(reader.address, cell.address);
});

Deno.test("a definition of a SeqCell that is not valid is refused", () => {
  assertThrows(
    () => seqCell("", Quote),
    TypeError,
    'Cannot define a SeqCell named "": expected a name',
  );
  assertThrows(
    () => seqCell(7 as unknown as string, Quote),
    TypeError,
    "Cannot define a SeqCell named a value of type number: expected a name",
  );
  assertThrows(
    () => seqCell("A", null as unknown as typeof Quote),
    TypeError,
    "Cannot define SeqCell A of null: expected a field type such as f64, or a struct",
  );
  assertThrows(
    () => seqCell("A", { bid: f64 } as unknown as typeof Quote),
    TypeError,
    "Cannot define SeqCell A of an object of class Object: expected a field type",
  );
  assertThrows(
    () => seqCell("A", f64 as unknown as typeof Quote),
    TypeError,
    "Cannot define SeqCell A of f64: expected a struct",
  );
  assertThrows(
    () => seqCell("A", struct("Note", { text: text() })),
    TypeError,
    "Cannot define SeqCell A of Note: its text or bytes would lie in blocks of their own, expected string(n) or array(u8, n)",
  );
});

Deno.test("a reader with another definition is refused, and told both", async () => {
  await using runtime = await start();
  using cell = Quotes.make(runtime);
  const Other = seqCell("Quotes", struct("Quote", { bid: f64, ask: i64 }));
  const message = assertThrows(() => Other.reader(runtime, cell.address), TypeError).message;
  assertEquals(
    message,
    `Cannot read SeqCell Quotes of Quote { bid: f64, ask: i64 } at address ${cell.address}: it is ` +
      "SeqCell Quotes of Quote { bid: f64, ask: f64, venue: string(8), sizes: array(i32, 2) }, made by another definition",
  );
  const { allocator } = runtime["endpoint"];
  const block = allocator.calloc(1, 200);
  assertThrows(
    () => Quotes.reader(runtime, block),
    RangeError,
    `at address ${block}: no structure begins there, or it was disposed of`,
  );
  allocator.free(block);
  for (const address of [0, -8, 1.5, NaN, 2 ** 40, cell.address + 4]) {
    assertThrows(() => Quotes.reader(runtime, address), RangeError, `at address ${address}: `);
  }
  assertThrows(
    () => Quotes.reader(runtime, "1" as unknown as number),
    TypeError,
    "at a value of type string: expected its address, a number",
  );
  assertThrows(() => Quotes.reader(cell.address), TypeError, "This thread is not a shard");
});

Deno.test("changed() resolves at once where there is news, and else at the next write", async () => {
  await using runtime = await start();
  using cell = Quotes.make(runtime);
  using reader = Quotes.reader(runtime, cell.address);
  assertEquals(await reader.changed(0), 1);
  const waiting = [reader.changed(), reader.changed(1)];
  cell.assign({ bid: 1 });
  assertEquals(await Promise.all(waiting), [2, 2]);
  const address = await runtime.submitTo(0, cellTasks.open);
  const seen = [
    runtime.submitTo(1, cellTasks.follow, address, 20),
    runtime.submitTo(0, cellTasks.follow, address, 20), // on the owner's own shard
  ];
  for (let count = 1; count <= 20; count++) {
    await runtime.submitTo(0, cellTasks.write, count, count);
  }
  for (const values of await Promise.all(seen)) {
    assertEquals(values.at(-1), 20);
    // A view may be of a later value than the one that ended the wait.
    assert(values.every((value, i) => i === 0 || value >= values[i - 1]!), values.join(" "));
  }
  await runtime.submitTo(0, cellTasks.close);
});

Deno.test("a reader that its owner overtakes again and again gives up, and can try again", async () => {
  await using runtime = await start();
  using cell = Quotes.make(runtime);
  using reader = Quotes.reader(runtime, cell.address);
  const { store } = Atomics;
  let isWriting = false;
  let writes = 0;
  // A write at each moment between a reader's announcement and its second look.
  const overtaking = (array: Int32Array, index: number, value: number): number => {
    const stored = store(array, index, value);
    if (isWriting) return stored;
    isWriting = true;
    cell.assign({ bid: ++writes });
    isWriting = false;
    return stored;
  };
  Atomics.store = overtaking as typeof Atomics.store;
  try {
    assertThrows(
      () => reader.view(),
      Error,
      "its owner wrote it anew each time this thread was about to read it",
    );
  } finally {
    Atomics.store = store;
  }
  assert(writes >= 1000, `${writes}`);
  assertEquals([reader.view().bid, reader.version], [writes, writes + 1]);
});

Deno.test("a SeqCell that is disposed of ends its readers, and then its memory is free", async () => {
  await using runtime = await start();
  const before = await runtime.submitTo(0, cellTasks.liveBlocks);
  const address = await runtime.submitTo(0, cellTasks.open);
  const reader = Copies.reader(runtime, address);
  const again = Copies.reader(runtime, address);
  assertStrictEquals(again, reader);
  assertEquals(await runtime.submitTo(1, cellTasks.peek, address), 0);
  const view = reader.view();
  const waiting = assertRejects(
    () => reader.changed(),
    StaleStructureError,
    "its owner has disposed of it",
  );
  await runtime.submitTo(0, cellTasks.close);
  await waiting;
  assertEquals(view.count, 0);
  assertThrows(
    () => reader.view(),
    StaleStructureError,
    `at address ${address}: its owner has disposed`,
  );
  assertThrows(() => again.version, StaleStructureError);
  assertThrows(() => Copies.reader(runtime, address), RangeError, "or it was disposed of");
  assertEquals(await runtime.submitTo(0, cellTasks.liveBlocks), before + 1); // shard 1 has not looked yet
  await assertRejects(() => runtime.submitTo(1, cellTasks.wait, address), RangeError);
  await runtime.submitTo(1, cellTasks.dropPeeked);
  await runtime.submitTo(0, cellTasks.open); // and frees what was held when it disposes of the next
  await runtime.submitTo(0, cellTasks.close);
  assertEquals(await runtime.submitTo(0, cellTasks.liveBlocks), before);
  using cell = Quotes.make(runtime);
  cell[Symbol.dispose]();
  assertThrows(() => cell.assign({ bid: 1 }), StaleStructureError, "it was disposed of");
  assertThrows(() => cell.read(), StaleStructureError, "Cannot read SeqCell Quotes");
});

Deno.test("a reader that is disposed of lets go when all who asked for it are done", async () => {
  await using runtime = await start();
  const { allocator } = runtime["endpoint"];
  const before = allocator.liveBlocks;
  const cell = Quotes.make(runtime, { bid: 4 });
  const reader = Quotes.reader(runtime, cell.address);
  const same = Quotes.reader(runtime, cell.address);
  reader[Symbol.dispose]();
  assertEquals(same.view().bid, 4);
  same[Symbol.dispose]();
  assertThrows(
    () => same.view(),
    TypeError,
    "Cannot use this SeqCell: it was disposed of on this thread",
  );
  same[Symbol.dispose](); // does nothing
  using third = Quotes.reader(runtime, cell.address);
  assertEquals(third.view().bid, 4);
  cell[Symbol.dispose]();
  cell[Symbol.dispose]();
  assertThrows(() => third.view(), StaleStructureError);
  assertEquals(allocator.liveBlocks, before);
});

Deno.test("an owner that dies in the middle of a write leaves the last whole value, then an error", async () => {
  await using runtime = await start({ onCrash: "keep", onWarning: () => {} });
  const address = await runtime.submitTo(0, cellTasks.open);
  await runtime.submitTo(0, cellTasks.write, 1, 5);
  const reader = Copies.reader(runtime, address);
  const waiting = [
    assertRejects(() => reader.changed(), ShardCrashedError, "Shard 0 crashed"),
    assertRejects(
      () => runtime.submitTo(1, cellTasks.wait, address),
      ShardCrashedError,
      "Shard 0 crashed",
    ),
  ];
  const dying = runtime.submitTo(0, cellTasks.dieWriting, 6);
  assertEquals(reader.view().copies.toJSON(), Array(20).fill(5));
  await assertRejects(() => dying, ShardCrashedError);
  await Promise.all(waiting);
  assertThrows(() => reader.view(), ShardCrashedError, "Shard 0 crashed");
  assertThrows(() => Copies.reader(runtime, address), ShardCrashedError);
  reader[Symbol.dispose]();
});

Deno.test("a reader of a former life of its owner leaves the memory of the next alone", async () => {
  const restarted = Promise.withResolvers<void>();
  await using runtime = await start({
    onCrash: "restart",
    onRestart: () => restarted.resolve(),
    onWarning: () => {},
  });
  const address = await runtime.submitTo(0, cellTasks.open);
  const reader = Copies.reader(runtime, address);
  await assertRejects(() => runtime.submitTo(0, cellTasks.dieWriting, 6));
  await restarted.promise;
  const next = await runtime.submitTo(0, cellTasks.open);
  assertThrows(() => reader.view(), ShardCrashedError);
  reader[Symbol.dispose]();
  using nextReader = Copies.reader(runtime, next);
  assertEquals(nextReader.view().count, 0);
  runtime.checkHeap(0);
});

Deno.test("memory that a dead shard's reader held is freed", async () => {
  await using runtime = await start({ shards: 3, onCrash: "keep", onWarning: () => {} });
  const before = await runtime.submitTo(0, cellTasks.liveBlocks);
  const address = await runtime.submitTo(0, cellTasks.open);
  await runtime.submitTo(1, cellTasks.peek, address);
  await runtime.submitTo(0, cellTasks.close);
  assertEquals(await runtime.submitTo(0, cellTasks.liveBlocks), before + 1);
  const own = await runtime.submitTo(1, cellTasks.open);
  await assertRejects(() => runtime.submitTo(1, cellTasks.dieWriting, own));
  for (let round = 0; round < 5; round++) await runtime.submitTo(0, cellTasks.liveBlocks);
  assertEquals(await runtime.submitTo(0, cellTasks.liveBlocks), before);
});

Deno.test("what waits on the host for a SeqCell ends with the runtime", async () => {
  const runtime = await start();
  const cell = Quotes.make(runtime);
  const address = await runtime.submitTo(0, cellTasks.open);
  const reader = Copies.reader(runtime, address);
  const waiting = assertRejects(() => reader.changed(), StoppedError);
  await runtime.stop();
  assertEquals(cell.read().bid, 0);
  await waiting;
  assertThrows(() => reader.view(), StoppedError);
  cell[Symbol.dispose]();
});
