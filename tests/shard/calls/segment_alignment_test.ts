/** Where the segment really lies, and that nothing over it asks for its length at every access. */
import { assertEquals } from "@std/assert";
import { Allocator } from "../../../allocator/mod.ts";
import { f64, struct } from "../../../allocator/struct/mod.ts";
import { PAGE_BYTES, SegmentLayout } from "../../../shard/calls/segment_layout.ts";
import { Runtime } from "../../../mod.ts";
import { textTasks } from "./segment_alignment_tasks.ts";

const MIB = 2 ** 20;

/** The real address of the buffer's first byte. */
function addressOf(buffer: SharedArrayBuffer): bigint {
  // Its types know no view of shared memory.
  const first = new Uint8Array(buffer, 0, 1) as unknown as Uint8Array<ArrayBuffer>;
  return Deno.UnsafePointer.value(Deno.UnsafePointer.of(first));
}

Deno.test("a segment and its slices begin on a page of memory, whatever their sizes", () => {
  for (const sliceBytes of [16 * PAGE_BYTES, MIB, 33 * MIB + PAGE_BYTES, 3 * 1024 * MIB]) {
    const layout = new SegmentLayout({
      shardCount: 2,
      ringSlots: 4,
      sliceBytes: [sliceBytes, sliceBytes],
      hostSliceBytes: 16 * PAGE_BYTES,
    });
    const address = addressOf(layout.makeSegment());
    assertEquals(address % BigInt(PAGE_BYTES), 0n, `a segment of ${layout.byteLength} bytes`);
    for (const { byteOffset } of layout.slices) assertEquals(byteOffset % PAGE_BYTES, 0);
  }
});

/**
 * Runs `work` with arrays that remember who makes one over a segment without its length: over a buffer that
 * may grow it follows the length, which the engine then reads at each access.
 */
async function arraysWithoutLength(work: () => Promise<void>): Promise<string[]> {
  const found: string[] = [];
  const scope = globalThis as unknown as Record<string, new (...args: unknown[]) => object>;
  const kinds = [
    "Int8Array",
    "Uint8Array",
    "Int16Array",
    "Uint16Array",
    "Int32Array",
    "Uint32Array",
    "Float32Array",
    "Float64Array",
    "BigInt64Array",
    "BigUint64Array",
    "DataView",
  ];
  const originals = kinds.map((kind) => scope[kind]!);
  kinds.forEach((kind, index) => {
    scope[kind] = new Proxy(originals[index]!, {
      construct(target, args, newTarget) {
        const [buffer] = args;
        if (buffer instanceof SharedArrayBuffer && buffer.growable && args[2] === undefined) {
          found.push(`${kind} ${new Error().stack}`);
        }
        return Reflect.construct(target, args, newTarget);
      },
    });
  });
  try {
    await work();
  } finally {
    kinds.forEach((kind, index) => scope[kind] = originals[index]!);
  }
  return found;
}

Deno.test("no array over a segment is made without its length", async () => {
  const Point = struct("Point", { x: f64, y: f64 });
  const found = await arraysWithoutLength(async () => {
    await using runtime = await Runtime.start({ shards: 2, memory: 8 * MIB, debugHeap: true });
    const { buffer, layout } = runtime["endpoint"];
    assertEquals(Point.at(buffer, layout.slices[0]!.byteOffset + PAGE_BYTES).x, 0);
    using point = await runtime.submitTo(0, textTasks.open);
    using copy = await point.copy();
    await copy.invoke("add", "text".repeat(1000));
    await runtime.submitTo(1, textTasks.echo, new Uint8Array(100_000));
    runtime.memoryReport(0);
  });
  assertEquals(found, []);
  const buffer = new SharedArrayBuffer(65536, { maxByteLength: 65536 });
  const made = await arraysWithoutLength(() => {
    Allocator.create(buffer, [{ byteOffset: 0, byteLength: 65536 }], 0).malloc(8);
    new Int32Array(buffer);
    return Promise.resolve();
  });
  assertEquals(made.length, 1);
});
