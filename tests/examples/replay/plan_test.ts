import { assert, assertEquals } from "@std/assert";
import {
  HAND_OVER_SHIFT,
  KIND_MASK,
  type Plan,
  planReplay,
  PROGRAM_WORDS,
  WAITS,
} from "../../../examples/replay/plan.ts";
import { type Trace, TRACE_WORDS } from "../../../examples/replay/trace.ts";
import { SeededRandom } from "../../harness/seeded_random.ts";
import { bundledTrace, randomTrace, traceOf } from "../../harness/trace.ts";

const LETTERS = "acmrf";

/** A shard's program in words: `r0 20 waits to 1` resizes block 0 to 20, waits first, hands on. */
function spell(program: Uint32Array): string[] {
  const lines: string[] = [];
  for (let at = 0; at < program.length; at += PROGRAM_WORDS) {
    const [action = 0, block, size, alignment = 0] = program.subarray(at, at + PROGRAM_WORDS);
    const next = action >>> HAND_OVER_SHIFT;
    lines.push(
      `${LETTERS[action & KIND_MASK]}${block} ${size}` +
        (alignment > 0 ? ` at ${alignment}` : "") +
        ((action & WAITS) !== 0 ? " waits" : "") +
        (next > 0 ? ` to ${next - 1}` : ""),
    );
  }
  return lines;
}

Deno.test("planReplay() hands a block over where its next operation runs elsewhere", async () => {
  const trace = await traceOf(
    "a 0 0 10\na 1 1 8\nr 1 0 20\nm 2 2 5 32\nf 2 0\nf 1 1\nr 0 2 6\nr 2 2 7\n",
  );
  const { programs, handOvers } = planReplay(trace, 3);
  assertEquals(programs.map(spell), [
    ["a0 10 to 1", "r2 6 waits to 2"],
    ["a1 8", "r0 20 waits to 2", "f1 0"],
    ["m2 5 at 32 to 0", "f0 0 waits", "r2 7 waits"],
  ]);
  assertEquals(handOvers, 4);
});

Deno.test("planReplay() puts thread t on shard t mod N, and one shard needs no hand-over", async () => {
  const trace = await traceOf("a 0 0 10\na 3 1 8\nf 2 0\nf 5 1\n");
  assertEquals(planReplay(trace, 2).programs.map(spell), [["a0 10", "f0 0"], ["a1 8", "f1 0"]]);
  assertEquals(planReplay(trace, 1).handOvers, 0);
  assertEquals(planReplay(trace, 4).programs.map((program) => program.length / PROGRAM_WORDS), [
    1,
    1,
    1,
    1,
  ]);
});

Deno.test("planReplay() says where each shard stands when the most bytes are live", async () => {
  const trace = await traceOf("a 0 0 10\na 1 1 8\nr 1 0 20\nf 0 1\na 1 2 3\nf 1 2\n");
  assertEquals([trace.peakOperations, trace.peakLiveBytes], [3, 28]);
  assertEquals(planReplay(trace, 2).peakWords, [PROGRAM_WORDS, 2 * PROGRAM_WORDS]);
});

Deno.test("planReplay() counts what another shard frees as not yet given back", async () => {
  const trace = await traceOf("a 0 0 1000\nf 1 0\na 0 1 1000\nf 0 1\na 0 2 1000\n");
  const [own = 0, other = 0] = planReplay(trace, 2).peakHeapBytes;
  assert(own >= 2 * 1004 && own < 2 * 1100, `shard 0 holds two blocks at most, planned ${own}`);
  assertEquals(other, 0);
});

Deno.test("planReplay() needs more memory than the bytes that were live", async () => {
  const trace = await bundledTrace("sqlite");
  const { memoryNeeded } = planReplay(trace, 1);
  assert(memoryNeeded > trace.peakLiveBytes && memoryNeeded < 4 * trace.peakLiveBytes);
});

/** Runs a plan in the order of a seed, one operation at a time; false when no shard can go on. */
function runsToItsEnd(plan: Plan, seed: number): boolean {
  const next = plan.programs.map(() => 0);
  const arrived = new Set<string>();
  let left = plan.programs.reduce((count, program) => count + program.length / PROGRAM_WORDS, 0);
  const random = new SeededRandom(seed);
  while (left > 0) {
    const first = random.below(plan.programs.length);
    let ran = false;
    for (let tried = 0; tried < plan.programs.length && !ran; tried++) {
      const shard = (first + tried) % plan.programs.length;
      const program = plan.programs[shard]!;
      const at = next[shard]!;
      if (at === program.length) continue;
      const action = program[at]!;
      const block = program[at + 1]!;
      if ((action & WAITS) !== 0 && !arrived.delete(`${shard}:${block}`)) continue;
      const to = action >>> HAND_OVER_SHIFT;
      if (to > 0) {
        const key = `${to - 1}:${block}`;
        assert(!arrived.has(key), `block ${block} arrives twice at shard ${to - 1}`);
        arrived.add(key);
      }
      next[shard] = at + PROGRAM_WORDS;
      ran = true;
    }
    if (!ran) return false;
    left--;
  }
  assertEquals(arrived.size, 0);
  return true;
}

Deno.test("planReplay() makes plans that end in any order of the shards", async () => {
  for (let seed = 1; seed <= 40; seed++) {
    const options = { seed, threads: 5, operations: 400, maxSize: 1000 };
    const trace: Trace = await traceOf(randomTrace(options));
    assertEquals(trace.words.length, 400 * TRACE_WORDS);
    const plan = planReplay(trace, 1 + seed % 5);
    assert(runsToItsEnd(plan, seed), `stuck: randomTrace(${JSON.stringify(options)})`);
  }
});
