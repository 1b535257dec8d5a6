/**
 * Whether a block is live is asked three times over: by blockFault(), which says why not, by
 * looksLive(), and by Allocator.free(), where the conditions are written out for speed. Here all three
 * are asked about every word of heaps that hold anything.
 */
import { assertEquals } from "@std/assert";
import { Allocator, InvalidAddressError } from "../../../allocator/mod.ts";
import { blockFault, looksLive } from "../../../allocator/layout/block_check.ts";
import {
  addressOf,
  CACHED,
  FREE,
  PREVIOUS_FREE,
  SIZE_SHIFT,
} from "../../../allocator/layout/block_layout.ts";
import { firstBlockOf, sentinelOf } from "../../../allocator/layout/control_layout.ts";
import { type SeededRandom, withRandom } from "../../harness/seeded_random.ts";

const SLICE = { byteOffset: 64, byteLength: 4096 };
const HEAPS = 300;

/** Writes what may pass for a header or a back reference into words of the heap, and into any other. */
function disturb(words: Int32Array, random: SeededRandom): void {
  const first = firstBlockOf(words.length);
  const sentinel = sentinelOf(words.length);
  for (let i = 0; i < 80; i++) {
    const block = random.between(first, sentinel);
    const flags = [0, FREE, PREVIOUS_FREE, CACHED, FREE | PREVIOUS_FREE][random.below(5)]!;
    words[block] = (random.below(12) << SIZE_SHIFT) | flags;
    // A block to its left, at times one among the control words.
    if (random.below(2) === 0) {
      const granules = random.below(12);
      const left = block - 2 * granules;
      words[block]! |= PREVIOUS_FREE;
      words[block - 1] = left;
      words[left] = (granules << SIZE_SHIFT) | FREE;
    }
  }
}

Deno.test("looksLive(), Allocator.free() and blockFault() call the same blocks live", () => {
  withRandom((random) => {
    const verdicts = new Map<string, number>();
    for (let heap = 0; heap < HEAPS; heap++) {
      const buffer = new SharedArrayBuffer(SLICE.byteOffset + SLICE.byteLength);
      const allocator = Allocator.create(buffer, [SLICE], 0);
      const words = new Int32Array(buffer, SLICE.byteOffset);
      const blocks = Array.from({ length: 30 }, () => allocator.malloc(random.below(120)));
      for (const address of blocks) if (random.below(2) === 0) allocator.free(address);
      if (heap > 0) disturb(words, random);
      const state = words.slice();
      const first = firstBlockOf(words.length);
      const sentinel = sentinelOf(words.length);
      for (let block = first - 4; block <= sentinel + 4; block++) {
        const isBlock = block >= first && block < sentinel && block % 2 === 1;
        const fault = isBlock ? blockFault(words, block) : "no block can lie there";
        const expected = fault === undefined;
        verdicts.set(`${fault}`, (verdicts.get(`${fault}`) ?? 0) + 1);
        assertEquals(looksLive(words, block, first, sentinel), expected, `${block}: ${fault}`);
        if (!isBlock) continue;
        assertEquals(frees(allocator, addressOf(words, block)), expected, `${block}: ${fault}`);
        words.set(state);
      }
    }
    // Each answer that blockFault() has was met.
    const answers = [...verdicts.keys()].map((text) => text.replace(/gives \d+/, "gives …"));
    assertEquals(new Set(answers).size, 7, answers.join("\n"));
  });
});

function frees(allocator: Allocator, address: number): boolean {
  try {
    allocator.free(address);
    return true;
  } catch (error) {
    if (error instanceof InvalidAddressError) return false;
    throw error;
  }
}
