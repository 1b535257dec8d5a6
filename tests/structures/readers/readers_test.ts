/** Memory that readers hold, and what becomes of it when they die; owners that die while others read. */
import { Runtime, type RuntimeOptions, ShardCrashedError } from "@tidepool/core";
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { LIFE_WORD, READING_WORD, ROUND_ONE } from "../../../structures/readers/readings_layout.ts";
import {
  DEFINITION_WORD,
  EPOCH_WORD,
  LENGTH_WORD,
  MAGIC_WORD,
  OWN_WORD,
  SERIAL_WORD,
} from "../../../structures/readers/structure_header.ts";
import { Reading } from "../../../structures/readers/reading.ts";
import { RetiredBlocks } from "../../../structures/readers/retired_blocks.ts";
import { readDiagram } from "../../harness/layout_diagram.ts";
import { DEADLY, readersTasks } from "./readers_tasks.ts";

function start(options: RuntimeOptions = {}): Promise<Runtime> {
  return Runtime.start({ shards: 3, memory: "24MiB", ...options });
}

const OWNER = 0;
const READER = 1;

Deno.test("a reader that has done nothing for 65,536 rounds of the owner is told of them", () => {
  const words = new Int32Array(new SharedArrayBuffer(64));
  const reading = new Reading(words, 0, { isOver: false }, () => new Error("over"), 0);
  assertEquals([reading.isUndisturbed(), reading.rounds], [true, 0]);
  for (let round = 0; round < 65_536; round++) Atomics.add(words, READING_WORD, ROUND_ONE);
  assertEquals([reading.isUndisturbed(), reading.rounds], [false, 1]);
  assertEquals([reading.isUndisturbed(), reading.rounds], [true, 1]);
});

Deno.test("the diagrams show where the words of a line and of a header lie", async () => {
  const line = await readDiagram("structures/readers/readings_layout.ts");
  assertEquals(line.map(({ name, offset }) => [name, offset]), [
    ["READING", READING_WORD],
    ["LIFE", LIFE_WORD],
  ]);
  const header = await readDiagram("structures/readers/structure_header.ts");
  assertEquals(header.map(({ name, offset }) => [name, offset]), [
    ["MAGIC", MAGIC_WORD],
    ["SERIAL", SERIAL_WORD],
    ["EPOCH", EPOCH_WORD],
    ["DEFINITION", DEFINITION_WORD],
    ["LENGTH", LENGTH_WORD],
    ["OWN", OWN_WORD],
  ]);
});

Deno.test("a block is freed with its batch if nobody reads, and else when they have ended", () => {
  const words = new Int32Array(new SharedArrayBuffer(64 * 4));
  const lines = [0, 32];
  const retired = new RetiredBlocks(words, lines, () => ({ hasEnded: false }));
  const freed: number[] = [];
  const owner = { release: (address: number) => freed.push(address) };
  const reading = new Reading(words, 32, { isOver: false }, () => new Error("over"), 0);
  retired.retire(8, owner);
  retired.collect();
  assertEquals([freed, retired.count], [[8], 0]);
  reading.begin();
  reading.begin();
  retired.retire(16, owner);
  retired.collect();
  reading.end();
  retired.collect();
  assertEquals([freed, retired.count], [[8], 1]); // the outer one goes on
  reading.end();
  reading.begin();
  retired.retire(24, owner);
  retired.collect();
  assertEquals([freed, [...retired.addresses()]], [[8, 16], [24]]); // another reading than before
  reading.end();
  retired.collect();
  assertEquals(freed, [8, 16, 24]);
});

Deno.test("what is retired while blocks are released is released later, also by who throws", () => {
  const words = new Int32Array(new SharedArrayBuffer(32 * 4));
  const retired = new RetiredBlocks(words, [0], () => ({ hasEnded: false }));
  const freed: number[] = [];
  retired.retire(8, {
    release: (address) => {
      freed.push(address);
      retired.retire(16, { release: (address) => freed.push(address) });
      retired.collect(); // nothing: it is under way
    },
  });
  retired.collect();
  assertEquals([freed, retired.count], [[8], 1]);
  retired.collect();
  assertEquals(freed, [8, 16]);
});

Deno.test("a life of a reader that ended while it read does not make the next one wrong", () => {
  const words = new Int32Array(new SharedArrayBuffer(32 * 4));
  const open = (epoch: number) =>
    new Reading(words, 0, { isOver: false }, () => new Error("over"), epoch);
  open(0).begin();
  assertEquals([words[READING_WORD]! & 1, words[LIFE_WORD]], [1, 0]);
  const next = open(1);
  assertEquals([words[READING_WORD]! & 1, words[LIFE_WORD]], [0, 1]);
  next.begin();
  assertEquals(words[READING_WORD]! & 1, 1);
  next.end();
  assert(next.isUndisturbed());
});

for (const onCrash of ["keep", "restart"] as const) {
  Deno.test(`a reader that ends in the middle of a reading does not hold memory: ${onCrash}`, async () => {
    await using runtime = await start({ onCrash });
    const address = await runtime.submitTo(OWNER, readersTasks.open);
    const before = await runtime.submitTo(OWNER, readersTasks.liveBlocks);
    await runtime.submitTo(READER, readersTasks.beginOnly, address);
    await runtime.submitTo(OWNER, readersTasks.replace, 1000, 10);
    assertEquals(await runtime.submitTo(OWNER, readersTasks.liveBlocks), before + 1000);
    await assertRejects(() => runtime.submitTo(READER, readersTasks.die), ShardCrashedError);
    // Each call is a turn of the owner, which has heard of the death before, or hears of it now.
    while (await runtime.submitTo(OWNER, readersTasks.liveBlocks) > before) {
      await runtime.submitTo(OWNER, readersTasks.replace, 64, 10);
    }
    if (onCrash === "keep") return;
    assertMatch((await runtime.submitTo(READER, readersTasks.get, address))!, /^(9{10}|3{10})$/);
  });
}

Deno.test("memory that nobody reads any more comes back before an allocation fails", async () => {
  await using runtime = await start({ shards: 1, memory: "1MiB" });
  await runtime.submitTo(OWNER, readersTasks.open);
  // Fewer than a batch, and together more than the slice.
  await runtime.submitTo(OWNER, readersTasks.replace, 40, 300_000);
  assertEquals(
    await runtime.submitTo(OWNER, readersTasks.tooMuch, 2_000_000),
    "BadAllocError, 300000, 1",
  );
});

Deno.test("readers of an owner that dies in the middle of a write are told, and do not hang", async () => {
  await using runtime = await start({ onCrash: "restart" });
  const address = await runtime.submitTo(OWNER, readersTasks.openDeadly);
  await runtime.submitTo(READER, readersTasks.openReader, address);
  const reading = runtime.submitTo(READER, readersTasks.readOn);
  await assertRejects(() => runtime.submitTo(OWNER, readersTasks.setDeadly, DEADLY));
  // By the death, or by the next life if the reader was asleep so long.
  assertMatch(
    await reading,
    /^(ShardCrashedError: Shard 0 crashed|StaleStructureError: .* was started again since)/,
  );
  const again = await runtime.submitTo(OWNER, readersTasks.openDeadly);
  await runtime.submitTo(OWNER, readersTasks.setDeadly, "alive");
  assert(again > 0);
});
