import { assert, assertEquals } from "@std/assert";
import * as block from "../../../allocator/layout/block_layout.ts";
import * as control from "../../../allocator/layout/control_layout.ts";
import { ALLOCATOR_COPIES } from "../../../allocator/malloc/allocator.ts";
import * as sizes from "../../../allocator/layout/size_class.ts";
import * as small from "../../../allocator/placement/small_cache.ts";
import { TLSF_COPIES } from "../../../allocator/placement/tlsf.ts";

const { LEVELS, LISTS_PER_LEVEL } = sizes;

/** Words of the control block with their lengths, in order. */
const FIELDS: readonly (readonly [name: string, word: number, length: number])[] = [
  ["magic", control.MAGIC_WORD, 1],
  ["first-level bitmap", control.FIRST_LEVEL_WORD, 1],
  ["granules in use", control.USED_GRANULES_WORD, 1],
  ["peak", control.PEAK_GRANULES_WORD, 1],
  ["mallocs", control.MALLOCS_WORD, 2],
  ["frees", control.FREES_WORD, 2],
  ["remote frees sent", control.REMOTE_SENT_WORD, 2],
  ["remote frees received", control.REMOTE_RECEIVED_WORD, 2],
  ["remote frees rejected", control.REMOTE_REJECTED_WORD, 2],
  ["failures", control.FAILED_WORD, 2],
  ["map of starts", control.START_MAP_WORD, 1],
  ["requested bytes", control.REQUESTED_BYTES_WORD, 2],
  ["large mallocs", control.LARGE_MALLOCS_WORD, 2],
  ["requests for more than the slice", control.OVERSIZED_WORD, 2],
  ["loose block", control.LOOSE_BLOCK_WORD, 1],
  ["class of the loose block", control.LOOSE_CLASS_WORD, 1],
  ["second-level bitmaps", control.SECOND_LEVEL_WORD, LEVELS],
  ["remote-free head", control.REMOTE_FREE_HEAD_WORD, 1],
  ["list heads", control.LIST_HEADS_WORD, LEVELS * LISTS_PER_LEVEL],
];

Deno.test("control words follow one another without overlap", () => {
  let end = 0;
  for (const [name, word, length] of FIELDS) {
    assert(word >= end, `${name} begins at ${word}, before ${end}`);
    end = word + length;
  }
});

Deno.test("the remote-free head has 128 bytes for itself wherever the slice begins", () => {
  const written = FIELDS.filter(([name]) => name !== "remote-free head");
  for (const sliceOffset of [0, 64]) {
    const line = Math.floor((sliceOffset + control.REMOTE_FREE_HEAD_WORD * 4) / 128);
    for (const [name, word, length] of written) {
      const first = Math.floor((sliceOffset + word * 4) / 128);
      const last = Math.floor((sliceOffset + (word + length) * 4 - 1) / 128);
      assert(last < line || first > line, `${name} shares its line in a slice at ${sliceOffset}`);
    }
  }
});

Deno.test("headers lie at odd words, so that payloads are 8-byte aligned, in slices of every size", () => {
  for (let bytes = control.MIN_SLICE_BYTES; bytes <= control.MAX_SLICE_BYTES; bytes *= 2) {
    for (const byteLength of [bytes, bytes + 64, bytes * 2 - 64]) {
      if (byteLength > control.MAX_SLICE_BYTES) continue;
      const words = byteLength / 4;
      const first = control.firstBlockOf(words);
      const lists = control.LIST_HEADS_WORD + control.levelsOf(words) * LISTS_PER_LEVEL;
      assert(first >= lists, `the first block of ${byteLength} bytes overlaps the list heads`);
      assertEquals(first % 2, 1);
      assertEquals(control.sentinelOf(words), words - 1);
      const granules = control.heapGranulesOf(words);
      assert(granules >= 2, `a slice of ${byteLength} bytes holds no block`);
      assertEquals(block.blockAfter(first, granules), control.sentinelOf(words));
    }
  }
});

Deno.test("a block's flags lie below its size, and its links inside the smallest block", () => {
  const flags = [block.FREE, block.PREVIOUS_FREE, block.CACHED];
  assertEquals(flags.reduce((all, flag) => all | flag, 0), (1 << block.SIZE_SHIFT) - 1);
  assertEquals(flags.reduce((all, flag) => all + flag, 0), (1 << block.SIZE_SHIFT) - 1);
  const links = [block.PREVIOUS_LINK_WORD, block.NEXT_LINK_WORD];
  const backReference = block.blockAfter(0, 2) - 1;
  assertEquals([...links, backReference], [1, 2, 3]);
  assertEquals(block.NEXT_LINK_WORD % 2, 0, "a next-link must lie where stale headers may");
});

Deno.test("count() and readCount() agree past 2^31 and 2^32", () => {
  const words = new Int32Array(new SharedArrayBuffer(8));
  for (const start of [0, 2 ** 31 - 2, 2 ** 32 - 2, 3 * 2 ** 31 - 2]) {
    words[0] = start | 0;
    words[1] = Math.floor(start / 2 ** 31);
    for (let i = 0; i < 5; i++) {
      assertEquals(control.readCount(words, 0), start + i);
      control.count(words, 0);
    }
  }
});

Deno.test("add() and readCount() agree for every amount a slice can hold", () => {
  const amounts = [0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 2, 2 ** 32 - 1];
  for (const start of [0, 1, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1, 5 * 2 ** 31 - 1]) {
    for (const amount of amounts) {
      const words = new Int32Array(new SharedArrayBuffer(8));
      words[0] = start | 0;
      words[1] = Math.floor(start / 2 ** 31);
      control.add(words, 0, amount);
      assertEquals(control.readCount(words, 0), start + amount);
    }
  }
});

Deno.test("readCount() gives up on a counter whose owner died between its two writes", () => {
  const words = new Int32Array(new SharedArrayBuffer(8));
  words[0] = 2 ** 31 | 0; // the next word should be 1
  assertEquals(control.readCount(words, 0), 0);
});

Deno.test("the numbers written into the hot paths are those of the descriptors", () => {
  const described: Record<string, unknown> = { ...block, ...control, ...sizes, ...small };
  for (const copies of [TLSF_COPIES, ALLOCATOR_COPIES]) {
    for (const [name, value] of Object.entries(copies)) assertEquals(value, described[name], name);
  }
});
