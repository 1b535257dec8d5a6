/** TLSF by itself, where only its own interface shows what it does: see allocator/placement/tlsf.ts. */
import { assertEquals } from "@std/assert";
import { FREES_WORD, MALLOCS_WORD } from "../../../allocator/layout/control_layout.ts";
import { checkHeap } from "../../../allocator/diagnosis/mod.ts";
import { formatHeap, Tlsf } from "../../../allocator/placement/tlsf.ts";

const SLICE_BYTES = 65536;
/** Blocks of 64 and of 65 granules are on one list. */
const SMALLER = 64;
const LARGER = 65;
/** Blocks of that list that a request looks at. */
const LOOKS = 64;

function makeTlsf(): Tlsf {
  const words = new Int32Array(new SharedArrayBuffer(SLICE_BYTES));
  formatHeap(words);
  return new Tlsf(words);
}

function release(tlsf: Tlsf, block: number): void {
  tlsf.release(block, tlsf.words[block]!);
}

/** Checks the heap, of which so many blocks are in use. */
function check({ words }: Tlsf, live: number): void {
  words[MALLOCS_WORD] = live;
  words[FREES_WORD] = 0;
  checkHeap(words.buffer as SharedArrayBuffer, { byteOffset: 0, byteLength: SLICE_BYTES });
}

/** A block of so many granules in use, of two that lie side by side, and a small one behind them. */
function takePair(tlsf: Tlsf, granules: number): [number, number] {
  const half = granules >> 1; // small enough for a list of one size
  const pair: [number, number] = [tlsf.allocate(half), tlsf.allocate(granules - half)];
  tlsf.allocate(2);
  return pair;
}

Deno.test("Tlsf.allocateTight() looks at 64 blocks of its list and no further, so that it takes no longer", () => {
  for (const [before, found] of [[LOOKS - 1, true], [LOOKS, false]] as const) {
    const tlsf = makeTlsf();
    // What is freed first is last on the list.
    const pairs = [LARGER, ...Array.from({ length: before }, () => SMALLER)]
      .map((granules) => takePair(tlsf, granules));
    for (const block of pairs.flat()) release(tlsf, block);
    check(tlsf, pairs.length);
    const [[larger]] = pairs as [[number, number]];
    assertEquals(tlsf.allocateTight(LARGER), found ? larger : 0, `${before} blocks before it`);
    check(tlsf, pairs.length + Number(found));
  }
});

Deno.test("Tlsf.resize() to the size that a block has leaves it as it is, between neighbours in use", () => {
  const tlsf = makeTlsf();
  const [, block] = [tlsf.allocate(8), tlsf.allocate(8), tlsf.allocate(8)] as const;
  const words = tlsf.words.slice();
  assertEquals(tlsf.resize(block, 8), true);
  assertEquals(tlsf.words, words);
  assertEquals(tlsf.resize(block, 9), false);
  assertEquals(tlsf.words, words);
  check(tlsf, 3);
});

Deno.test("Tlsf takes and frees a block of more than 2 GiB, whose header is a negative number", () => {
  // The system gives no page of it before it is touched.
  const words = new Int32Array(new SharedArrayBuffer(3 * 2 ** 30));
  formatHeap(words);
  const tlsf = new Tlsf(words);
  const whole = words[tlsf.firstBlock]!;
  for (const granules of [tlsf.heapGranules - 1, 2 ** 28]) {
    const block = tlsf.allocate(granules);
    assertEquals(block, tlsf.firstBlock);
    assertEquals(tlsf.allocate(tlsf.heapGranules - 1), 0);
    assertEquals(tlsf.resize(block, granules), true);
    release(tlsf, block);
    assertEquals(words[block], whole);
  }
});
