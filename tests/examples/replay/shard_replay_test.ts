import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { Allocator } from "@tidepool/core/allocator";
import { planReplay, PROGRAM_WORDS } from "../../../examples/replay/plan.ts";
import { ShardReplay } from "../../../examples/replay/shard_replay.ts";
import { randomTrace, traceOf } from "../../harness/trace.ts";

const MIB = 2 ** 20;

/** Replays on one thread: every shard's slice in one segment, and a send is a call. */
function replaysOnThisThread(shards: number, sliceBytes = 2 * MIB) {
  const segment = new SharedArrayBuffer(shards * sliceBytes);
  const slices = Array.from(
    { length: shards },
    (_, shard) => ({ byteOffset: shard * sliceBytes, byteLength: sliceBytes }),
  );
  const allocators = slices.map((_, shard) => Allocator.create(segment, slices, shard));
  const replays: ShardReplay[] = allocators.map((allocator, shard) =>
    new ShardReplay(allocator, shard, shards, "address", 48 * MIB, async (to, block, held) => {
      await Promise.resolve();
      replays[to]!.receive(block, { ...held });
    })
  );
  return { segment, slices, allocators, replays };
}

/** The programs of a trace written out. */
async function programsOf(text: string, shards: number) {
  return planReplay(await traceOf(text), shards).programs;
}

/** The address of the only live block. */
function onlyBlock({ bytes }: { bytes: Uint8Array }, pattern: Uint8Array): number {
  const at = bytes.findIndex((_, index) =>
    index % 8 === 0 && pattern.every((byte, offset) => bytes[index + offset] === byte)
  );
  assert(at >= 0, "the block's bytes are nowhere in the segment");
  return at;
}

const WRONG_WAYS: readonly [what: string, operation: string, message: RegExp][] = [
  [
    "freed",
    "f 0 7",
    /^Wrong byte in block 7 on shard 0 when it was freed: offset 999 of 1001 \(address \d+, slice 0\) holds \d+, expected \d+$/,
  ],
  [
    "resized",
    "r 0 7 5000",
    /^Wrong byte in block 7 on shard 0 before it was resized: offset 999 of 1001 /,
  ],
  ["shrunk to before it", "r 0 7 10", /before it was resized: offset 999 of 1001 /],
];

for (const [what, operation, message] of WRONG_WAYS) {
  Deno.test(`ShardReplay.run() finds a wrong byte in a block that is ${what}`, async () => {
    const { segment, replays: [replay] } = replaysOnThisThread(1);
    const [program] = await programsOf(`a 0 7 1001\n${operation}\n`, 1);
    await replay!.run(program!.slice(0, PROGRAM_WORDS));
    // The first bytes that the pattern gives block 7, as the unit of its own tests.
    const bytes = new Uint8Array(segment);
    const word = Math.imul(8, 0x9e3779b1);
    const start = new Uint8Array(new Int32Array([word]).buffer);
    bytes[onlyBlock({ bytes }, start) + 999]! ^= 1;
    const error = await assertRejects(() => replay!.run(program!.slice(PROGRAM_WORDS)), Error);
    assertMatch(error.message, message);
  });
}

Deno.test("ShardReplay.run() waits for a block that has not come yet", async () => {
  const { replays: [first, second], allocators } = replaysOnThisThread(2);
  const [one, two] = await programsOf("a 0 0 100\nf 1 0\n", 2);
  let done = false;
  const waiting = second!.run(two!).then(() => done = true);
  // As many turns of the microtask queue as anything here could need.
  for (let turn = 0; turn < 100; turn++) await Promise.resolve();
  assertEquals(done, false);
  await first!.run(one!);
  await waiting;
  allocators[1]!.flushRemoteFrees();
  assertEquals(allocators[0]!.drainRemoteFrees(), 1);
  assertEquals(first!.figures().handOvers, 1);
  assertEquals(first!.figures().latency.count, 1);
  assertEquals(second!.figures().latency, { count: 0 });
});

Deno.test("ShardReplay.abandon() ends a program that waits, and those that come after", async () => {
  const { replays: [, second] } = replaysOnThisThread(2);
  const [, two] = await programsOf("a 0 0 100\nf 1 0\n", 2);
  const waiting = assertRejects(() => second!.run(two!), Error, "Shard 0 failed");
  await Promise.resolve();
  second!.abandon("Shard 0 failed");
  await waiting;
  await assertRejects(() => second!.run(two!), Error, "Shard 0 failed");
});

Deno.test("ShardReplay.abandon() ends a program that has not begun", async () => {
  const { replays: [, second] } = replaysOnThisThread(2);
  const [, two] = await programsOf("a 0 0 100\nf 1 0\n", 2);
  second!.abandon("Shard 0 failed");
  await assertRejects(() => second!.run(two!), Error, "Shard 0 failed");
});

Deno.test("ShardReplay.run() says what was free when memory runs out, and what to try", async () => {
  const { replays: [replay] } = replaysOnThisThread(1, MIB);
  const [program] = await programsOf("a 0 0 1000\na 0 1 5000000\n", 1);
  const error = await assertRejects(() => replay!.run(program!), Error);
  assertMatch(
    error.message,
    /^Shard 0 has no memory for the 4\.8 MiB of block 1: of its \d+ KiB, \d+ KiB are free, at most \d+ KiB of them in one piece\. Try --memory 48MiB$/,
  );
});

Deno.test("ShardReplay.run() keeps every block of random traces of several threads", async () => {
  for (let seed = 1; seed <= 12; seed++) {
    const options = { seed, threads: 4, operations: 600, maxSize: 4000 };
    const shards = 1 + seed % 4;
    const where = `randomTrace(${JSON.stringify(options)}) over ${shards} shards`;
    const { replays, allocators } = replaysOnThisThread(shards);
    const trace = await traceOf(randomTrace(options));
    const { programs } = planReplay(trace, shards);
    await Promise.all(replays.map((replay, shard) => replay.run(programs[shard]!)));
    const figures = replays.map((replay) => replay.figures());
    for (const { mallocs } of figures) assert(mallocs > 0, where);
    const rest = await Promise.all(replays.map((replay) => replay.freeRest()));
    assertEquals(rest.reduce((total, blocks) => total + blocks), trace.liveBlocks, where);
    for (const allocator of allocators) allocator.flushRemoteFrees();
    for (const allocator of allocators) {
      allocator.drainRemoteFrees();
      allocator.checkHeap();
      assertEquals(allocator.statistics().liveBlocks, 0, where);
    }
  }
});
