/** The diagrams of the bus say what its constants say. */
import { assert, assertEquals } from "@std/assert";
import { assertLayout, readDiagram } from "../../harness/layout_diagram.ts";
import { COUNTER_COUNT } from "../../../shard/ring/bus_statistics.ts";
import * as page from "../../../shard/ring/control_page.ts";
import { BUCKET_COUNT } from "../../../shard/ring/latency_histogram.ts";
import * as record from "../../../shard/ring/record_layout.ts";
import * as ring from "../../../shard/ring/ring_layout.ts";

const LINE_BYTES = 128;

/** The constants of a descriptor whose names begin so, but those of `not`. */
function constantsOf(descriptor: Record<string, unknown>, prefix: string, ...not: string[]) {
  return Object.entries(descriptor)
    .filter(([name]) => name.startsWith(prefix) && !not.includes(name))
    .map(([, value]) => value as number);
}

Deno.test("the diagram of a control page shows where its words lie", async () => {
  const fields = [
    { name: "PARKED", offset: page.PARKED_BYTES, length: 4, alignment: LINE_BYTES },
    { name: "RETURNS", offset: page.RETURNS_BYTES, length: 4, alignment: 4 },
    { name: "PENDING", offset: page.PENDING_BYTES, length: 4, alignment: LINE_BYTES },
    { name: "STATE", offset: page.STATE_BYTES, length: 4, alignment: LINE_BYTES },
    { name: "EPOCH", offset: page.EPOCH_BYTES, length: 4, alignment: 4 },
    { name: "OBITUARY_LENGTH", offset: page.OBITUARY_LENGTH_BYTES, length: 4, alignment: 4 },
    { name: "CHANGES_SEEN", offset: page.CHANGES_SEEN_BYTES, length: 4, alignment: LINE_BYTES },
    { name: "HEARTBEAT", offset: page.HEARTBEAT_BYTES, length: 4, alignment: 4 },
    { name: "COUNTERS", offset: page.COUNTERS_BYTES, length: page.COUNTERS_CAPACITY_BYTES },
    { name: "LATENCIES", offset: page.LATENCIES_BYTES, length: page.LATENCIES_CAPACITY_BYTES },
    { name: "TAILS", offset: page.TAILS_BYTES, length: page.TAILS_CAPACITY_BYTES },
    { name: "OBITUARY", offset: page.OBITUARY_BYTES, length: page.OBITUARY_CAPACITY_BYTES },
  ].map((field) => ({ alignment: LINE_BYTES, ...field }));
  assertLayout(
    await readDiagram("shard/ring/control_page.ts"),
    fields,
    page.CONTROL_PAGE_BYTES,
  );
});

Deno.test("what lies in a control page fits the room that it has", () => {
  assert(COUNTER_COUNT * 8 <= page.COUNTERS_CAPACITY_BYTES);
  assertEquals(BUCKET_COUNT * 4, page.LATENCIES_CAPACITY_BYTES);
  // A bit of PENDING for each line of TAILS.
  assertEquals(page.TAILS_CAPACITY_BYTES, 32 * page.SENDERS_PER_LINE * 4);
});

Deno.test("the diagram of a record shows where its words lie", async () => {
  assertLayout(
    await readDiagram("shard/ring/record_layout.ts"),
    [
      { name: "KIND", offset: record.KIND_WORD, length: 1 },
      { name: "CALL", offset: record.CALL_WORD, length: 1 },
      { name: "TASK", offset: record.TASK_WORD, length: 1 },
      { name: "TAGS", offset: record.TAGS_WORD, length: 1 },
      // A cell is 8-byte aligned.
      { name: "CELLS", offset: record.CELLS_WORD, length: 2 * record.CELL_COUNT, alignment: 2 },
    ],
    record.RECORD_WORDS,
  );
  assertEquals([record.RECORD_WORDS, record.RECORD_BYTES], [16, 64]);
  // Beside the address in cell 0, and where a grant has no task.
  assertEquals(record.BLOCK_LENGTH_WORD, record.CELLS_WORD + 2);
  assertEquals(record.DETACHED_WORD, record.TASK_WORD);
});

Deno.test("kind, number of values and flags share word 0 of a record, as its diagram says", async () => {
  const [kind] = await readDiagram("shard/ring/record_layout.ts");
  assertEquals(kind!.text, "bits 0-7 kind, 8-15 number of values, 16-23 flags");
  const kinds = constantsOf(record, "KIND_", "KIND_WORD");
  const flags = constantsOf(record, "FLAG_");
  assertEquals(new Set(kinds).size, kinds.length);
  assert(kinds.every((each) => each > 0 && each < 1 << 8));
  for (const flag of flags) {
    assert((flag & 0xff_0000) === flag && (flag & (flag - 1)) === 0, `flag ${flag}`);
  }
  assertEquals(new Set(flags).size, flags.length);
  const all = flags.reduce((sum, flag) => sum | flag, 0);
  const word = record.kindWord(record.KIND_ERROR, record.INLINE_VALUES, all);
  assertEquals(record.kindOf(word), record.KIND_ERROR);
  assertEquals(record.valueCountOf(word), record.INLINE_VALUES);
  assertEquals(word & all, all);
});

Deno.test("the tags of as many values as a record holds share word 3, four bits each", () => {
  const tags = constantsOf(record, "TAG_");
  assertEquals(tags.toSorted((a, b) => a - b), tags.map((_, index) => index));
  assert(tags.every((tag) => tag < 16));
  assertEquals(record.INLINE_VALUES * 4, 32);
});

Deno.test("the diagram of a ring shows where its words lie", async () => {
  const [head, slots] = await readDiagram("shard/ring/ring_layout.ts");
  assertLayout([head!], [{ name: "HEAD", offset: ring.RING_HEAD_BYTES, length: 4 }], LINE_BYTES);
  assertEquals([slots!.name, slots!.offset], ["SLOTS", ring.RING_SLOTS_BYTES]);
  assertEquals(ring.RING_SLOTS_BYTES % LINE_BYTES, 0, "HEAD has its line for itself");
  assertEquals(slots!.text.includes(`slotCount × ${record.RECORD_BYTES} bytes`), true);
  assertEquals(ring.ringBytes(8) - ring.RING_SLOTS_BYTES, 8 * record.RECORD_BYTES);
});
