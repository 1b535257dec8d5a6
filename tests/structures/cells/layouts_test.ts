/** Where the words of structures lie: the diagrams say what the constants say. */
import { assertEquals } from "@std/assert";
import {
  ANNOUNCED_BYTES,
  ANNOUNCED_STRIDE_WORDS,
  CellLayout,
  VALUE_BYTES,
  WAITING_BYTES,
} from "../../../structures/cells/cell_layout.ts";
import {
  DESCRIPTION_CAPACITY_BYTES,
  DESCRIPTION_LENGTH_BYTES,
  DESCRIPTION_START_BYTES,
  FINGERPRINT_BYTES,
  headerBytes,
  HOLDERS_BYTES,
  KIND_BYTES,
  LINE_BYTES,
  MAGIC,
  MAGIC_BYTES,
} from "../../../structures/header/structure_header.ts";
import {
  claimOf,
  CLOSED_WORD,
  CONSUMER_WORD,
  DISPOSED_WORD,
  endpointOfClaim,
  epochOfClaim,
  HEAD_WORD,
  LEFT_WORD,
  MOST_CAPACITY,
  POPPING_WORD,
  PRODUCER_WORD,
  PUSHING_WORD,
  QueueLayout,
  SLOTS_WORD,
  TAIL_WORD,
} from "../../../structures/cells/queue_layout.ts";
import {
  DIRECTORIES,
  DIRECTORIES_WORD,
  PIECES_WORD,
  vectorBytes,
} from "../../../structures/cells/vector_layout.ts";
import { readDiagram } from "../../harness/layout_diagram.ts";

/** Name and offset of each row. */
async function offsetsIn(file: string): Promise<[string, number | undefined][]> {
  const rows = await readDiagram(`structures/${file}`);
  return rows.map(({ name, offset }) => [name, offset]);
}

Deno.test("the header of a structure lies as its diagram says", async () => {
  assertEquals(await offsetsIn("header/structure_header.ts"), [
    ["MAGIC", MAGIC_BYTES],
    ["KIND", KIND_BYTES],
    ["FINGERPRINT", FINGERPRINT_BYTES],
    ["DESCRIPTION_BYTES", DESCRIPTION_LENGTH_BYTES],
    ["DESCRIPTION", DESCRIPTION_START_BYTES],
    ["HOLDERS", HOLDERS_BYTES],
  ]);
  assertEquals(DESCRIPTION_START_BYTES + DESCRIPTION_CAPACITY_BYTES, LINE_BYTES);
  assertEquals([1, 32, 33, 512].map(headerBytes), [256, 256, 384, 2176]);
  const bytes = new Uint8Array(new Uint32Array([MAGIC]).buffer);
  assertEquals(new TextDecoder().decode(bytes.reverse()), "Tide");
});

Deno.test("a SharedVector lies as its diagram says", async () => {
  assertEquals(await offsetsIn("cells/vector_layout.ts"), [
    ["LENGTH", 0],
    ["PIECES", PIECES_WORD],
    ["DIRECTORIES", DIRECTORIES_WORD],
  ]);
  assertEquals(PIECES_WORD * 4, LINE_BYTES);
  assertEquals(vectorBytes(3), headerBytes(3) + (DIRECTORIES_WORD + DIRECTORIES * 2) * 4);
});

Deno.test("a SharedQueue lies as its diagram says", async () => {
  assertEquals(await offsetsIn("cells/queue_layout.ts"), [
    ["TAIL", TAIL_WORD],
    ["CLOSED", CLOSED_WORD],
    ["HEAD", HEAD_WORD],
    ["LEFT", LEFT_WORD],
    ["PUSHING", PUSHING_WORD],
    ["POPPING", POPPING_WORD],
    ["PRODUCER", PRODUCER_WORD],
    ["CONSUMER", CONSUMER_WORD],
    ["DISPOSED", DISPOSED_WORD],
    ["SLOTS", SLOTS_WORD],
  ]);
  const slotCounts = [1, 2, 3, 4, 5, 1000, MOST_CAPACITY].map((capacity) => {
    return new QueueLayout(3, capacity, 8).slotCount;
  });
  assertEquals(slotCounts, [1, 2, 4, 4, 8, 1024, MOST_CAPACITY]);
  const { slotsBytes, byteLength } = new QueueLayout(3, 5, 24);
  assertEquals(slotsBytes, headerBytes(3) + SLOTS_WORD * 4);
  assertEquals(byteLength, slotsBytes + 8 * 24);
  for (const [endpoint, epoch] of [[0, 0], [511, 3], [7, 2 ** 21 - 1]] as const) {
    const claim = claimOf(endpoint, epoch);
    assertEquals([endpointOfClaim(claim), epochOfClaim(claim)], [endpoint, epoch]);
  }
});

Deno.test("a SeqCell lies as its diagram says, each slot on lines of its own", async () => {
  assertEquals(await offsetsIn("cells/cell_layout.ts"), [
    ["CURRENT", 0],
    ["WAITING", WAITING_BYTES],
    ["ANNOUNCED", ANNOUNCED_BYTES],
    ["SLOTS", undefined],
  ]);
  const { currentBytes, slotsBytes, slotBytes, slotCount, byteLength } = new CellLayout(3, 60);
  assertEquals(currentBytes, headerBytes(3));
  assertEquals(slotsBytes, currentBytes + ANNOUNCED_BYTES + 3 * ANNOUNCED_STRIDE_WORDS * 4);
  assertEquals([slotBytes, slotCount], [128, 5]); // 60 bytes and the count of values
  assertEquals(new CellLayout(3, 64 - VALUE_BYTES).slotBytes, 64);
  assertEquals(byteLength, slotsBytes + slotCount * slotBytes);
});
