/** One freeing side by itself: which addresses it takes, and in what order. */
import { assert, assertEquals } from "@std/assert";
import { addressOf } from "../../../allocator/layout/block_layout.ts";
import { firstBlockOf, sentinelOf } from "../../../allocator/layout/control_layout.ts";
import {
  nextRemoteFree,
  REMOTE_BATCH_BLOCKS,
  RemoteFreeOutbox,
  takeRemoteFrees,
} from "../../../allocator/malloc/remote_free_list.ts";
import { formatHeap, Tlsf } from "../../../allocator/placement/tlsf.ts";

const SLICE_BYTE_OFFSET = 4096;
const SLICE_BYTES = 65536;

function slice(): Int32Array {
  const segment = new SharedArrayBuffer(SLICE_BYTE_OFFSET + SLICE_BYTES);
  const words = new Int32Array(segment, SLICE_BYTE_OFFSET);
  formatHeap(words);
  return words;
}

Deno.test("RemoteFreeOutbox.blockAt() names the block of an address, 0 for what is none", () => {
  const words = slice();
  const outbox = new RemoteFreeOutbox(words, () => {});
  const [first, sentinel] = [firstBlockOf(words.length), sentinelOf(words.length)];
  for (const block of [first, first + 2, sentinel - 2]) {
    const address = addressOf(words, block);
    assertEquals(outbox.blockAt(address), block);
    for (const misaligned of [1, 2, 3, 4, 7]) assertEquals(outbox.blockAt(address + misaligned), 0);
  }
  const end = addressOf(words, sentinel);
  const start = addressOf(words, first);
  for (const outside of [end, end + 8, start - 8, 0, SLICE_BYTE_OFFSET, NaN, Infinity, -start]) {
    assertEquals(outbox.blockAt(outside), 0, `${outside}`);
  }
  // What lies a multiple of 4 GiB away is another slice of a large segment; a fraction is nowhere.
  for (const wrong of [2 ** 32, -(2 ** 32), 2 ** 33, 0.5]) {
    assertEquals(outbox.blockAt(start + wrong), 0, `${wrong}`);
  }
});

Deno.test("RemoteFreeOutbox.blockAt() names every block of a slice of more than 2 GiB", () => {
  // The system gives no page of it before it is touched.
  const words = new Int32Array(new SharedArrayBuffer(3 * 2 ** 30));
  const outbox = new RemoteFreeOutbox(words, () => {});
  for (const block of [firstBlockOf(words.length), 2 ** 29 + 1, sentinelOf(words.length) - 2]) {
    assertEquals(outbox.blockAt(addressOf(words, block)), block);
  }
});

Deno.test("RemoteFreeOutbox publishes a batch by itself, and what it dropped is not there", () => {
  const words = slice();
  const tlsf = new Tlsf(words);
  const outbox = new RemoteFreeOutbox(words, () => {});
  const blocks = Array.from({ length: REMOTE_BATCH_BLOCKS + 1 }, () => tlsf.allocate(2));
  for (const block of blocks) {
    assertEquals(takeRemoteFrees(words), 0);
    assert(outbox.add(block));
    if (block !== blocks.at(-2)) continue;
    let count = 0;
    for (let next = takeRemoteFrees(words); next !== 0; next = nextRemoteFree(words, next)) count++;
    assertEquals(count, REMOTE_BATCH_BLOCKS);
  }
  assertEquals([outbox.drop(), outbox.drop()], [1, 0]);
  outbox.flush();
  assertEquals(takeRemoteFrees(words), 0);
});
