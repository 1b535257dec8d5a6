/** Programs: that they are valid, end empty, and that space is searched to the step. */
import { assert, assertAlmostEquals, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { makePatterns, PAIRS_BESIDE_10K_LIVE, seededDraw } from "../../bench/replay/patterns.ts";
import {
  CALLOC,
  FREE,
  MALLOC,
  MEMALIGN,
  OPERATION_WORDS,
  type Program,
  ProgramBuilder,
  programOf,
  readTraces,
  REALLOC,
} from "../../bench/replay/program.ts";
import { OutOfMemoryError, replay, timeReplay } from "../../bench/replay/replay.ts";
import { bisect } from "../../bench/replay/space.ts";
import { parseTrace } from "../../examples/replay/trace.ts";

async function programFrom(text: string): Promise<Program> {
  return programOf("small", await parseTrace(new Blob([text]).stream(), "small"));
}

/** An allocator that counts live blocks and bytes, and refuses above a limit. */
function countingAllocator(limit = Infinity) {
  const sizes = new Map<number, number>();
  const counts = { live: 0, bytes: 0, peakBytes: 0 };
  let last = 0;
  const malloc = (byteLength: number): number => {
    if (counts.bytes + byteLength > limit) return 0;
    counts.live++;
    counts.bytes += byteLength;
    counts.peakBytes = Math.max(counts.peakBytes, counts.bytes);
    sizes.set(++last, byteLength);
    return last;
  };
  const free = (address: number): void => {
    const byteLength = sizes.get(address);
    assert(byteLength !== undefined, `${address} is freed and not live`);
    sizes.delete(address);
    counts.live--;
    counts.bytes -= byteLength;
  };
  return {
    counts,
    malloc,
    calloc: malloc,
    memalign: (_alignment: number, byteLength: number) => malloc(byteLength),
    realloc(address: number, byteLength: number) {
      free(address);
      return malloc(byteLength);
    },
    free,
  };
}

function replayWhole(program: Program, allocator: ReturnType<typeof countingAllocator>): void {
  const handles = new Float64Array(program.blocks);
  replay(allocator, program, 0, program.words.length / OPERATION_WORDS, handles);
}

Deno.test("programOf() keeps operations, sizes and order, and frees what is left live", async () => {
  const program = await programFrom("a 0 0 5\nc 1 1 0\nm 0 2 64 32\nr 1 0 90\nf 0 1\n");
  assertEquals([...program.words], [
    ...[MALLOC, 0, 5, 0],
    ...[CALLOC, 1, 1, 0],
    ...[MEMALIGN, 2, 64, 32],
    ...[REALLOC, 0, 90, 0],
    ...[FREE, 1, 0, 0],
    // Not timed: the heap is empty again for the next replay.
    ...[FREE, 0, 0, 0],
    ...[FREE, 2, 0, 0],
  ]);
  assertEquals([program.timedFrom, program.timedTo, program.blocks], [0, 5, 3]);
  assertEquals(program.peakLiveBytes, 154);
});

Deno.test("programOf() refuses a block that not every contestant could be asked for", async () => {
  await assertRejects(
    () => programFrom(`a 0 0 ${2 ** 31}\n`),
    RangeError,
    "block 0 has 2147483648 bytes, more than the 2147483647 that",
  );
});

Deno.test("ProgramBuilder refuses operations on blocks in the wrong state", () => {
  const builder = new ProgramBuilder("wrong");
  builder.allocate(MALLOC, 0, 8);
  assertThrows(
    () => builder.allocate(MALLOC, 0, 8),
    Error,
    "block 0 is allocated while it is live",
  );
  builder.free(0);
  assertThrows(() => builder.free(0), Error, "block 0 is freed but is not live");
  assertThrows(() => builder.reallocate(0, 9), Error, "block 0 is resized but is not live");
});

Deno.test("readTraces() says what is wrong with a folder", async () => {
  await assertRejects(() => readTraces("no/such/folder"), Error, "there is no such folder");
  const folder = await Deno.makeTempDir();
  try {
    await assertRejects(() => readTraces(folder), Error, "it holds no file *.trace.gz");
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("makePatterns() makes programs that end empty and reach their stated peak", () => {
  for (const program of makePatterns(0.01)) {
    const allocator = countingAllocator();
    replayWhole(program, allocator);
    assertEquals(allocator.counts.live, 0, program.name);
    assertEquals(allocator.counts.peakBytes, program.peakLiveBytes, program.name);
    assert(program.timedTo > program.timedFrom, program.name);
  }
});

Deno.test("makePatterns() times pairs beside exactly 10,000 live blocks", () => {
  const program = makePatterns(0.01).find(({ name }) => name === PAIRS_BESIDE_10K_LIVE)!;
  const allocator = countingAllocator();
  replay(allocator, program, 0, program.timedFrom, new Float64Array(program.blocks));
  assertEquals(allocator.counts.live, 10_000);
});

Deno.test("seededDraw() repeats itself and stays within its bounds", () => {
  const one = seededDraw(7);
  const other = seededDraw(7);
  for (let turn = 0; turn < 1_000; turn++) {
    const value = one(3, 9);
    assertEquals(value, other(3, 9));
    assert(value >= 3 && value <= 9);
  }
});

Deno.test("replay() stops at the first operation that finds no memory", async () => {
  const program = await programFrom("a 0 0 5\na 0 1 6\nf 0 0\nf 0 1\n");
  const error = assertThrows(() => replayWhole(program, countingAllocator(10)), OutOfMemoryError);
  assertEquals(error.message, "no memory for 6 bytes at operation 1 of small");
});

Deno.test("timeReplay() gives up on a contestant that exceeds its budget", async () => {
  const program = await programFrom("a 0 0 5\nf 0 0\n");
  const limits = { minimumMs: 0, budgetMs: -1 };
  const time = () => timeReplay(countingAllocator(), program, new Float64Array(1), limits);
  assertThrows(time, Error, "stopped after -0.001 s at operation 0 of 2");
});

Deno.test("bisect() finds the least step that completes", () => {
  for (const threshold of [1, 64, 65, 1_000, 4_096, 50_000]) {
    const found = bisect(1, 2_000, 64, (size) => size >= threshold);
    assertEquals(found, Math.ceil(threshold / 64) * 64);
  }
  assertThrows(() => bisect(1, 64, 64, () => false), Error, "Cannot complete even in");
});

Deno.test("bisect() of a counting allocator finds the peak of live bytes", async () => {
  const program = await programFrom("a 0 0 700\na 0 1 300\nf 0 0\na 0 2 500\n");
  const space = bisect(program.peakLiveBytes / 2, 4_000, 1, (limit) => {
    try {
      replayWhole(program, countingAllocator(limit));
      return true;
    } catch (error) {
      if (error instanceof OutOfMemoryError) return false;
      throw error;
    }
  });
  assertAlmostEquals(space, 1_000);
});
