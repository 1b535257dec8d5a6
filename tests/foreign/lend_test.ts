/** Blocks that shards lend, one at a time: see foreign/lend.ts and foreign/local/lent_bytes.ts. */
import {
  BadAllocError,
  type ForeignPtr,
  Runtime,
  type RuntimeOptions,
  StaleForeignPtrError,
} from "@tidepool/core";
import { lend, type LentBytes } from "@tidepool/core/foreign";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  CAPACITY_WORD,
  FILLED_WORD,
  LENDER_WORD,
  LENT_HEADER_BYTES,
  RETURNED_WORD,
} from "../../foreign/local/lent_bytes.ts";
import { readDiagram } from "../harness/layout_diagram.ts";
import { lendTasks } from "./lend_tasks.ts";
import { probeTasks } from "./probe_tasks.ts";

function start(options: RuntimeOptions = {}): Promise<Runtime> {
  return Runtime.start({ shards: 3, memory: "16MiB", ...options });
}

/** Blocks in use on each shard, once what is under way has arrived. */
async function live(runtime: Runtime): Promise<number[]> {
  const shards = Array.from({ length: runtime.shardCount }, (_, shard) => shard);
  for (let round = 0; round < 3; round++) {
    for (const shard of shards) await runtime.submitTo(shard, lendTasks.tick);
  }
  return shards.map((shard) => runtime.memoryStatistics(shard).liveBlocks);
}

function write(block: ForeignPtr<LentBytes>, text: string): void {
  new TextEncoder().encodeInto(text, block.bytes());
}

Deno.test("the diagram of a lent block shows where its words lie", async () => {
  const rows = await readDiagram("foreign/local/lent_bytes.ts");
  assertEquals(rows.map(({ name, offset }) => [name, offset]), [
    ["CAPACITY", CAPACITY_WORD],
    ["FILLED", FILLED_WORD],
    ["LENDER", LENDER_WORD],
    ["RETURNED", RETURNED_WORD],
    ["BYTES", LENT_HEADER_BYTES / 4],
  ]);
});

Deno.test("lend() gives bytes of the shard's slice, which move there and are freed there", async () => {
  await using runtime = await start();
  const before = await live(runtime);
  const block = await lend(runtime, 1, 5);
  assertEquals([block.ownerShard, block.bytes().length], [1, 5]);
  write(block, "hello");
  assertEquals(await runtime.submitTo(1, lendTasks.textOf, block.get()), "hello"); // lent, not moved
  const sent = runtime.submitTo(1, lendTasks.text, block, 4);
  assertThrows(() => block.bytes(), TypeError, "it was moved to endpoint 1");
  assertEquals(await sent, "hell");
  assertEquals(await live(runtime), before);
});

Deno.test("a block that is not sent is freed when the borrower disposes of it", async () => {
  await using runtime = await start();
  const before = await live(runtime);
  {
    using block = await lend(runtime, 2, 100_000);
    block.bytes().fill(1);
    assert(runtime.memoryStatistics(2).usedBytes >= 100_000);
  }
  assertEquals(await live(runtime), before);
  const block = await lend(runtime, 2, 10);
  await block.destroy();
  assertThrows(
    () => block.bytes(),
    TypeError,
    "Cannot view the bytes of a foreign pointer: it is null: never set, released, destroyed or reset",
  );
  assertEquals(await live(runtime), before);
});

Deno.test("a block passes over other shards, and out of its pointer at home", async () => {
  await using runtime = await start();
  const before = await live(runtime);
  const passed = await lend(runtime, 2, 6);
  write(passed, "passed");
  assertEquals(await runtime.submitTo(0, lendTasks.passTo, 2, passed), "passed");
  const foreign = await lend(runtime, 2, 7);
  write(foreign, "foreign");
  assertEquals(await runtime.submitTo(0, lendTasks.text, foreign), "foreign"); // read and dropped away
  for (const text of ["released", "bare bytes!"]) {
    const released = await lend(runtime, 2, text.length);
    write(released, text);
    assertEquals(await runtime.submitTo(2, lendTasks.release, released), text);
  }
  assertEquals(await live(runtime), before);
});

Deno.test("a task borrows from another shard, and from its own", async () => {
  await using runtime = await start();
  const before = await live(runtime);
  assertEquals(await runtime.submitTo(0, lendTasks.borrowFrom, 2, "from two"), "from two");
  assertEquals(await runtime.submitTo(0, lendTasks.borrowFrom, 0, "its own"), "its own");
  assertEquals(await live(runtime), before);
});

Deno.test("lend() refuses lengths that are none, and says what the slice has", async () => {
  await using runtime = await start();
  for (const byteLength of [0, -1, 1.5, NaN, Infinity, 2 ** 32]) {
    await assertRejects(
      () => lend(runtime, 0, byteLength),
      RangeError,
      `Cannot lend ${byteLength} bytes: expected a whole number from 1 to 4294967280`,
    );
  }
  await assertRejects(
    () => lend(runtime, 0, "10" as unknown as number),
    TypeError,
    "Cannot lend bytes of type string: expected a number of them",
  );
  await assertRejects(() => lend(runtime, 3, 10), RangeError, "the runtime has shards 0 to 2");
  const tooLarge = await assertRejects(() => lend(runtime, 0, 2 ** 30), BadAllocError);
  assert(tooLarge.oversized);
  assert(
    /^Cannot allocate 1073741840 bytes aligned to 8 for a lent block: the whole slice has \d+$/
      .test(tooLarge.message),
    tooLarge.message,
  );
  await runtime.submitTo(0, lendTasks.fill);
  const full = await assertRejects(() => lend(runtime, 0, 1000), BadAllocError);
  assert(!full.oversized);
  await assertRejects(() => Promise.resolve().then(() => lend(0, 10)), TypeError, "not a shard");
});

Deno.test("bytes() refuses more than the block has, and pointers to other objects", async () => {
  await using runtime = await start();
  using block = await lend(runtime, 1, 10);
  assertEquals([block.bytes(0).length, block.bytes(10).length], [0, 10]);
  for (const byteLength of [11, -1, 0.5, NaN]) {
    assertThrows(
      () => block.bytes(byteLength),
      RangeError,
      `Cannot view ${byteLength} bytes of a lent block: expected a whole number from 0 to 10`,
    );
  }
  assertThrows(
    () => block.bytes("3" as unknown as number),
    TypeError,
    "Cannot view bytes of a lent block with a length of type string: expected a number",
  );
  await assertRejects(
    () => (block as unknown as ForeignPtr<LentBytes, "shared">).copy(),
    TypeError,
    "Cannot copy a foreign pointer to a UniquePtr",
  );
  using probe = await runtime.submitTo(1, probeTasks.open, "probe");
  assertThrows(
    () => (probe as unknown as ForeignPtr<LentBytes>).bytes(),
    TypeError,
    "its object on shard 1 is not a block from lend() or chunks()",
  );
});

Deno.test("a block of a shard that was started again is stale", async () => {
  const restarted = Promise.withResolvers<void>();
  await using runtime = await start({
    onCrash: "restart",
    onRestart: () => restarted.resolve(),
    onWarning: () => {},
  });
  using block = await lend(runtime, 1, 10);
  using unused = await lend(runtime, 1, 10);
  await assertRejects(() => runtime.submitTo(1, lendTasks.exit));
  await restarted.promise;
  assertThrows(() => block.bytes(), StaleForeignPtrError, "was itself started again");
  await assertRejects(() => runtime.submitTo(1, lendTasks.text, block), StaleForeignPtrError);
  const before = await live(runtime);
  unused[Symbol.dispose](); // does nothing to the new life
  assertEquals(await live(runtime), before);
});

Deno.test("a block that a dead shard had borrowed is freed", async () => {
  await using runtime = await start({ onCrash: "keep", onWarning: () => {} });
  const before = runtime.memoryStatistics(2).liveBlocks;
  const block = await lend(runtime, 2, 1000);
  assertEquals(await runtime.submitTo(1, lendTasks.keep, block), 1);
  await assertRejects(() => runtime.submitTo(1, lendTasks.exit));
  for (let round = 0; round < 5; round++) await runtime.submitTo(2, lendTasks.tick);
  assertEquals(runtime.memoryStatistics(2).liveBlocks, before);
});
