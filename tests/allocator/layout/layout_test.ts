import { assert, assertEquals } from "@std/assert";
import * as block from "../../../allocator/layout/block_layout.ts";
import * as control from "../../../allocator/layout/control_layout.ts";
import * as sizes from "../../../allocator/layout/size_class.ts";
import { assertLayout, type Field, readDiagram } from "../../harness/layout_diagram.ts";

const { LEVELS, LISTS_PER_LEVEL } = sizes;
const CONTROL = "allocator/layout/control_layout.ts";
const BLOCK = "allocator/layout/block_layout.ts";

/** Words of a control field that are more than one. */
const LENGTHS: Readonly<Record<string, number>> = {
  MALLOCS: 2,
  FREES: 2,
  REMOTE_SENT: 2,
  REMOTE_RECEIVED: 2,
  REMOTE_REJECTED: 2,
  FAILED: 2,
  REQUESTED_BYTES: 2,
  LARGE_MALLOCS: 2,
  RECLAIMS: 2,
  REMOTE_DROPPED: 2,
  OVERSIZED: 2,
  SECOND_LEVEL: LEVELS,
  LIST_HEADS: LEVELS * LISTS_PER_LEVEL,
};

/** The fields of the control words, in the order of their constants' values. */
const FIELDS: readonly Field[] = Object.entries(control)
  .filter(([name]) => name.endsWith("_WORD"))
  .map(([name, value]) => [name.slice(0, -"_WORD".length), value as number] as const)
  .map(([name, offset]) => ({ name, offset, length: LENGTHS[name] ?? 1 }))
  .sort((a, b) => a.offset - b.offset);

Deno.test("the diagram of the control words shows every word, where it is, without overlap", async () => {
  const rows = await readDiagram(CONTROL);
  // How many lists there are, and what lies behind them, depends on the slice.
  assertEquals(rows.slice(-3).map(({ name, offset, length }) => [name, offset, length]), [
    ["LIST_HEADS", control.LIST_HEADS_WORD, undefined],
    ["FIRST_BLOCK", undefined, undefined],
    ["SENTINEL", undefined, undefined],
  ]);
  const fields = FIELDS.filter(({ name }) => name !== "LIST_HEADS");
  assertLayout(rows.slice(0, -3), fields, control.LIST_HEADS_WORD);
  for (const { name, text } of rows) {
    const isCounter = LENGTHS[name] === 2;
    assertEquals(text.startsWith("counter: "), isCounter, `${name}: ${text}`);
  }
});

Deno.test("the remote-free head has 128 bytes for itself wherever the slice begins", () => {
  const alone = ["REMOTE_FREE_HEAD", "SHORTAGE"];
  const written = FIELDS.filter(({ name }) => !alone.includes(name));
  assertEquals(written.length, FIELDS.length - 2);
  for (const sliceOffset of [0, 64]) {
    const line = Math.floor((sliceOffset + control.REMOTE_FREE_HEAD_WORD * 4) / 128);
    assertEquals(Math.floor((sliceOffset + control.SHORTAGE_WORD * 4) / 128), line);
    for (const { name, offset, length } of written) {
      const first = Math.floor((sliceOffset + offset * 4) / 128);
      const last = Math.floor((sliceOffset + (offset + length) * 4 - 1) / 128);
      assert(last < line || first > line, `${name} shares its line in a slice at ${sliceOffset}`);
    }
  }
});

Deno.test("the diagrams of a block show its header, its links, and the bits of the header", async () => {
  const header = { name: "HEADER", offset: 0, length: block.HEADER_BYTES / 4 };
  const smallest = block.blockAfter(0, sizes.SMALLEST_BLOCK_GRANULES);
  assertLayout(await readDiagram(BLOCK, 0), [
    header,
    { name: "REMOTE_LINK", offset: block.REMOTE_LINK_WORD, length: 1 },
  ], smallest);
  const free = await readDiagram(BLOCK, 1);
  assertEquals(free.at(-1)!.name, "BACK_REFERENCE");
  // The back reference takes the last word of the smallest block.
  assertLayout(free.slice(0, -1), [
    header,
    { name: "PREVIOUS_LINK", offset: block.PREVIOUS_LINK_WORD, length: 1 },
    { name: "NEXT_LINK", offset: block.NEXT_LINK_WORD, length: 1 },
  ], smallest - 1);
  assertEquals(block.FREE_BLOCK_WORDS, smallest - 1);
  const bit = (flag: number) => Math.log2(flag);
  assertLayout(await readDiagram(BLOCK, 2), [
    { name: "FREE", offset: bit(block.FREE), length: 1 },
    { name: "PREVIOUS_FREE", offset: bit(block.PREVIOUS_FREE), length: 1 },
    { name: "CACHED", offset: bit(block.CACHED), length: 1 },
    { name: "SIZE", offset: block.SIZE_SHIFT, length: 32 - block.SIZE_SHIFT },
  ], 32);
  assertEquals(block.granulesOf(-1), 2 ** (32 - block.SIZE_SHIFT) - 1);
});

Deno.test("a next-link lies where stale headers may: at an odd word", () => {
  // Headers lie at odd words themselves.
  assertEquals(block.NEXT_LINK_WORD % 2, 0);
});

Deno.test("addressOf() and blockAt() are each other's inverse, in a slice anywhere", () => {
  const buffer = new SharedArrayBuffer(8192);
  for (const byteOffset of [0, 64, 4096]) {
    const words = new Int32Array(buffer, byteOffset, 512);
    for (const index of [1, 113, 511]) {
      const address = block.addressOf(words, index);
      assertEquals(address, byteOffset + index * 4 + block.HEADER_BYTES);
      assertEquals(block.blockAt(words, address), index);
      assert(!Number.isInteger(block.blockAt(words, address + 1)));
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
