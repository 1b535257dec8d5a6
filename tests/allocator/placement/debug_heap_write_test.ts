/**
 * A byte that changes anywhere in the heap of a debug heap, other than in the live bytes that belong to
 * the program, is noticed by `checkHeap()`: tried on every byte there is, after random use. What is
 * excepted is what docs/debugging_memory.md lists.
 */
import { assert, assertThrows } from "@std/assert";
import { Allocator, HeapCheckError } from "../../../allocator/mod.ts";
import { walkHeap } from "../../../allocator/diagnosis/mod.ts";
import { type SeededRandom, withRandom } from "../../harness/seeded_random.ts";

const SLICE = { byteOffset: 64, byteLength: 4096 };
const END = SLICE.byteOffset + SLICE.byteLength;

/** A heap after some use, and the bytes that belong to the program: 1 each. */
function use(random: SeededRandom, quarantineBytes: number) {
  const segment = new SharedArrayBuffer(END);
  const debugHeap = { stacks: false, quarantineBytes };
  const heap = Allocator.create(segment, [SLICE], 0, { debugHeap });
  const live = new Map<number, number>();
  const [map] = [...walkHeap(segment, SLICE)];
  let highest = map!.address;
  /** Bytes that can be tried: those that were handed out and are not live. */
  const tried = (): number =>
    highest - map!.address - live.values().reduce((sum, byteLength) => sum + byteLength, 0);
  // Once in some hundred times 200 steps leave hardly any: then there are more.
  for (let step = 0; step < 200 || tried() < 400; step++) {
    if (live.size < 12 && random.below(2) === 0) {
      const byteLength = random.below(100);
      const address = random.below(4) === 0
        ? heap.memalign(2 ** random.between(4, 7), byteLength)
        : heap.malloc(byteLength);
      if (address === 0) continue;
      live.set(address, byteLength);
      highest = Math.max(highest, address + byteLength);
    } else if (live.size > 0) {
      const address = [...live.keys()][random.below(live.size)]!;
      heap.free(address);
      live.delete(address);
    }
  }
  const program = new Uint8Array(END);
  for (const [address, byteLength] of live) program.fill(1, address, address + byteLength);
  return { heap, program, highest };
}

Deno.test("a debug heap notices any byte that changes outside of the program's own", () => {
  withRandom((random) => {
    for (const quarantineBytes of [0, 0, 300, 300, 4096]) {
      const { heap, program, highest } = use(random, quarantineBytes);
      heap.checkHeap();
      const bytes = new Uint8Array(heap.buffer);
      const [map] = [...walkHeap(heap.buffer, SLICE)];
      const mapEnd = map!.address - 4 + map!.byteLength;
      let noticed = 0;
      for (let at = map!.address - 4; at < END; at++) {
        // Behind what was handed out last lies memory that never was, but for TLSF's own words.
        if (program[at] === 1 || (at >= highest && at < END - 8)) continue;
        const before = bytes[at]!;
        const inMap = at >= map!.address && at < mapEnd;
        // In the map, a bit that is set; elsewhere any other value.
        bytes[at] = inMap ? before | (1 << random.below(8)) : before ^ random.between(1, 255);
        if (bytes[at] !== before) {
          assertThrows(() => heap.checkHeap(), HeapCheckError, "", `byte ${at} was ${before}`);
          noticed++;
        }
        bytes[at] = before;
      }
      assert(noticed > 300, `${noticed} bytes`);
      heap.checkHeap();
    }
  });
});
