/** The diagram of the segment says what its layout computes. */
import { assert, assertEquals } from "@std/assert";
import { assertLayout, readDiagram } from "../../harness/layout_diagram.ts";
import {
  CHANGES_BYTES,
  CONTROL_PAGES_BYTES,
  SegmentLayout,
  SERVICES_BYTES,
} from "../../../shard/calls/segment_layout.ts";
import { CONTROL_PAGE_BYTES } from "../../../shard/ring/control_page.ts";
import { ringBytes } from "../../../shard/ring/ring_layout.ts";

const PAGE_BYTES = 4096;
const LINE_BYTES = 128;
const MIB = 2 ** 20;

const SHAPES = [
  { shardCount: 1, ringSlots: 4, sliceBytes: [PAGE_BYTES * 16], hostSliceBytes: 16 * PAGE_BYTES },
  { shardCount: 3, ringSlots: 64, sliceBytes: [2 * MIB, MIB, MIB], hostSliceBytes: 3 * MIB },
  { shardCount: 256, ringSlots: 64, sliceBytes: Array(256).fill(MIB), hostSliceBytes: MIB },
];

Deno.test("the diagram of the segment shows where the words of its header lie", async () => {
  const rows = await readDiagram("shard/calls/segment_layout.ts");
  assertLayout(rows.slice(0, 2), [
    { name: "CHANGES", offset: CHANGES_BYTES, length: 4, alignment: LINE_BYTES },
    { name: "SERVICES", offset: SERVICES_BYTES, length: 4, alignment: LINE_BYTES },
  ], CONTROL_PAGES_BYTES);
});

Deno.test("the parts of a segment lie in the order of its diagram, page by page, without a gap", async () => {
  const rows = (await readDiagram("shard/calls/segment_layout.ts")).slice(2);
  for (const shape of SHAPES) {
    const layout = new SegmentLayout(shape);
    const { shardCount, ringSlots, hostSliceBytes } = shape;
    const { endpointCount, host, slices } = layout;
    assertEquals([endpointCount, host], [shardCount + 1, shardCount]);
    const shards = Array.from({ length: shardCount }, (_, shard) => shard);
    const endpoints = [...shards, host];
    const rings = endpoints.flatMap((from) =>
      endpoints.filter((to) => to !== from).map((to) => layout.ring(from, to))
    );
    const ringLength = ringBytes(ringSlots);
    const endOfRings = rings.at(-1)! + ringLength;
    const parts: Record<string, { byteOffset: number; byteLength: number }[]> = {
      "control pages": endpoints.map((endpoint) => ({
        byteOffset: layout.controlPage(endpoint),
        byteLength: CONTROL_PAGE_BYTES,
      })),
      rings: rings.map((byteOffset) => ({ byteOffset, byteLength: ringLength })),
      "given away": shards.map((shard) => layout.givenAway(shard)),
      readings: endpoints.flatMap((owner) =>
        endpoints.map((reader) => ({
          byteOffset: layout.readings(owner, reader),
          byteLength: LINE_BYTES,
        }))
      ),
      "host slice": [slices[host]!],
      "shard slices": shards.map((shard) => slices[shard]!),
    };
    assertEquals(rows.map(({ name }) => name), Object.keys(parts));
    assertEquals(rows.map(({ offset }) => offset), [
      CONTROL_PAGES_BYTES,
      ...Array(5).fill(undefined),
    ]);
    let end = CONTROL_PAGES_BYTES;
    for (const [name, pieces] of Object.entries(parts)) {
      for (const { byteOffset, byteLength } of pieces) {
        assertEquals(byteOffset, end, name);
        end = byteOffset + byteLength;
      }
      // The rings and the readings alone may end within a page.
      end = Math.ceil(end / PAGE_BYTES) * PAGE_BYTES;
    }
    assertEquals(layout.byteLength, end);
    assertEquals(rings.length, (shardCount + 1) * shardCount);
    assertEquals(layout.controlByteLength, slices[host]!.byteOffset);
    assertEquals(slices.map(({ byteLength }) => byteLength), [...shape.sliceBytes, hostSliceBytes]);
    assert(layout.givenAway(0).byteOffset - endOfRings < PAGE_BYTES);
  }
});

Deno.test("the sizes that the diagram of the segment names are those of its parts", async () => {
  const rows = await readDiagram("shard/calls/segment_layout.ts");
  const text = (name: string) => rows.find((row) => row.name === name)!.text;
  const shown = CONTROL_PAGE_BYTES.toLocaleString("en-US");
  assert(text("control pages").startsWith(`${shown} bytes an endpoint: `), text("control pages"));
  const { byteLength } = new SegmentLayout(SHAPES[0]!).givenAway(0);
  assert(
    text("readings").startsWith(`${LINE_BYTES} bytes for each ordered pair`),
    text("readings"),
  );
  assert(
    text("given away").startsWith(`${byteLength / MIB} MiB a shard: `),
    text("given away"),
  );
});
