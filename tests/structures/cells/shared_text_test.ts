/** SharedText and SharedBytes: see structures/cells/shared_text.ts and shared_bytes.ts. */
import { BadAllocError, Runtime, type RuntimeOptions, StaleForeignPtrError } from "@tidepool/core";
import { SharedBytes, SharedText } from "@tidepool/core/structures";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { CONTENT_BYTES, ImmutableBlock } from "../../../structures/cells/immutable_block.ts";
import { readDiagram } from "../../harness/layout_diagram.ts";
import { probeTasks } from "../../foreign/probe_tasks.ts";
import { textTasks } from "./shared_text_tasks.ts";

function start(options: RuntimeOptions = {}): Promise<Runtime> {
  return Runtime.start({ shards: 3, memory: "16MiB", ...options });
}

async function live(runtime: Runtime, shard: number): Promise<number> {
  for (let round = 0; round < 3; round++) {
    for (let each = 0; each < runtime.shardCount; each++) {
      await runtime.submitTo(each, textTasks.liveBlocks);
    }
  }
  return runtime.memoryStatistics(shard).liveBlocks;
}

Deno.test("an immutable block lies as its diagram says", async () => {
  const rows = await readDiagram("structures/cells/immutable_block.ts");
  const { magic, bytes, serial } = ImmutableBlock.offsets;
  assertEquals(rows.map(({ name, offset }) => [name, offset]), [
    ["MAGIC", magic],
    ["BYTES", bytes],
    ["SERIAL", serial],
    ["CONTENT", CONTENT_BYTES],
  ]);
});

Deno.test("SharedText is read on every shard, and freed at home with its last pointer", async () => {
  await using runtime = await start();
  const before = await live(runtime, 0);
  for (const text of ["", "plain", "naïve 潮", "x".repeat(100_000), "é".repeat(70_000)]) {
    const pointer = await runtime.submitTo(0, textTasks.make, text);
    assertEquals([SharedText.read(pointer), SharedText.read(pointer)], [text, text]);
    const utf8 = new TextEncoder().encode(text);
    assertEquals(SharedText.bytes(pointer).length, utf8.length);
    assertEquals(new Uint8Array(SharedText.bytes(pointer)), utf8);
    const copies = await pointer.copy(2);
    assertEquals(await runtime.submitTo(1, textTasks.read, copies[0]!), text);
    assertEquals(await runtime.submitTo(0, textTasks.read, copies[1]!), text); // at home
    assertEquals(await live(runtime, 0), before + 1);
    await pointer.destroy();
    assertEquals(await live(runtime, 0), before);
  }
  await using broken = await runtime.submitTo(0, textTasks.make, "a\ud800b");
  assertEquals(SharedText.read(broken), "a\ufffdb");
});

Deno.test("SharedBytes are read where they lie, on every shard", async () => {
  await using runtime = await start();
  const before = await live(runtime, 2);
  const bytes = Uint8Array.from({ length: 5000 }, (_, i) => i % 7);
  const sum = bytes.reduce((sum, byte) => sum + byte, 0);
  const pointer = await runtime.submitTo(2, textTasks.makeBytes, bytes);
  assertEquals(new Uint8Array(SharedBytes.read(pointer)), bytes);
  await using copy = await pointer.copy();
  assertEquals(SharedBytes.read(pointer).byteOffset, SharedBytes.read(copy).byteOffset);
  assertEquals(await runtime.submitTo(1, textTasks.sum, await pointer.copy()), sum);
  assertEquals(await runtime.submitTo(2, textTasks.sum, pointer), sum);
  assert(await live(runtime, 2) >= before);
});

Deno.test("text is decoded once a thread, by however many pointers it is read", async () => {
  await using runtime = await start();
  const text = "潮".repeat(1000);
  await using pointer = await runtime.submitTo(0, textTasks.make, text);
  await using other = await runtime.submitTo(0, textTasks.make, text);
  const copies = [...await pointer.copy(3), ...await other.copy(2)];
  assertEquals(await runtime.submitTo(1, textTasks.decodings, copies), 2);
  const more = await pointer.copy(2);
  assertEquals(await runtime.submitTo(0, textTasks.decodings, more), 1);
});

Deno.test("text in the place of another is not taken for that", async () => {
  await using runtime = await start();
  let address = 0;
  let sameAddress = 0;
  for (let round = 0; round < 50; round++) {
    const text = `text ${round}`.padEnd(20);
    const pointer = await runtime.submitTo(0, textTasks.make, text);
    const { byteOffset } = SharedText.bytes(pointer);
    if (byteOffset === address) sameAddress++;
    address = byteOffset;
    assertEquals(SharedText.read(pointer), text);
    await pointer.destroy();
  }
  assert(sameAddress > 10, `${sameAddress}`); // or this has shown nothing
});

Deno.test("what is no text, no bytes and no pointer to any is refused", async () => {
  await using runtime = await start();
  const text = await runtime.submitTo(0, textTasks.make, "text");
  await using bytes = await runtime.submitTo(0, textTasks.makeBytes, new Uint8Array(3));
  assertThrows(() => SharedText.read(bytes), TypeError, "Cannot read a SharedText at address");
  assertThrows(() => SharedBytes.read(text), TypeError, "something else lies there");
  assertThrows(
    () => SharedText.bytes("text" as unknown as SharedText),
    TypeError,
    'Cannot read a SharedText of "text": expected the pointer that SharedText.make() gives',
  );
  using probe = await runtime.submitTo(0, probeTasks.open, "probe");
  assertThrows(
    () => SharedText.read(probe as unknown as SharedText),
    TypeError,
    "it points to an object of shard 0's JS heap",
  );
  assertThrows(() => SharedText.make("on the host"), TypeError, "This thread is not a shard");
  await assertRejects(
    () => runtime.submitTo(0, textTasks.make, 7 as unknown as string),
    TypeError,
    "Cannot make a SharedText of a value of type number: expected a string",
  );
  await assertRejects(
    () => runtime.submitTo(0, textTasks.makeBytes, "7" as unknown as Uint8Array),
    TypeError,
    'Cannot make a SharedBytes of "7": expected a Uint8Array',
  );
  await text.destroy();
  assertThrows(() => SharedText.read(text), TypeError, "it is null");
  await runtime.submitTo(1, textTasks.fill);
  const error = await assertRejects(
    () => runtime.submitTo(1, textTasks.make, "x".repeat(2000)),
    BadAllocError,
    "for a SharedText",
  );
  assertEquals(error.byteLength, 2000 + CONTENT_BYTES);
});

Deno.test("text of a shard that was started again is stale, and what a dead shard held is freed", async () => {
  const restarted = Promise.withResolvers<void>();
  await using runtime = await start({
    onCrash: "restart",
    onRestart: () => restarted.resolve(),
    onWarning: () => {},
  });
  const before = await live(runtime, 0);
  const kept = await runtime.submitTo(0, textTasks.make, "kept by shard 1");
  await runtime.submitTo(1, textTasks.keep, kept);
  const lost = await runtime.submitTo(1, textTasks.make, "of shard 1");
  assertEquals(SharedText.read(lost), "of shard 1");
  await assertRejects(() => runtime.submitTo(1, textTasks.exit));
  await restarted.promise;
  assertThrows(() => SharedText.read(lost), StaleForeignPtrError);
  await using next = await runtime.submitTo(1, textTasks.make, "next");
  assertEquals(SharedText.read(next), "next");
  assertEquals(await live(runtime, 0), before);
});
