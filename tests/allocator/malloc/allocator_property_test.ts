/**
 * Random operations against the shadow allocator: blocks never overlap, lie where they should, keep
 * their bytes, and the heap satisfies its invariants all along. Over several sizes of slice, and over
 * two slices whose blocks are freed on either side.
 */
import * as fc from "fast-check";
import { assert, assertEquals } from "@std/assert";
import { Allocator, type SliceSpan } from "../../../allocator/mod.ts";
import { REMOTE_BATCH_BLOCKS } from "../../../allocator/malloc/remote_free_list.ts";
import { checkProperty, SeededRandom, withRandom } from "../../harness/seeded_random.ts";
import { ShadowAllocator } from "../../harness/shadow_allocator.ts";
import { soilFreeMemory } from "../../harness/soiled_memory.ts";

/** One operation: which, how large, and a number that picks its block, shard or alignment. */
type Step = readonly [kind: number, byteLength: number, pick: number];

const KINDS = 12;

/** Sizes are drawn by magnitude, as programs do: many small, some as large as the slice. */
function stepArbitrary(sliceBytes: number): fc.Arbitrary<Step> {
  const most = Math.ceil(Math.log2(sliceBytes)) + 1;
  const byteLength = fc.integer({ min: 0, max: most }).chain((bits) =>
    fc.integer({ min: 0, max: 2 ** bits })
  );
  return fc.tuple(fc.nat(KINDS - 1), byteLength, fc.nat(0xffff));
}

/** A segment, its allocators, and what they ought to have handed out. */
class Subject {
  readonly allocators: readonly Allocator[];
  readonly shadow: ShadowAllocator;
  readonly #slices: readonly SliceSpan[];
  /** By slice: its blocks that others freed, published and not drained. Live for the shadow. */
  readonly #published: number[][];
  /** By freeing slice, by owner: blocks gathered for the owner and not published. */
  readonly #gathered: number[][][];
  readonly #freed = new Set<number>();

  constructor(slices: readonly SliceSpan[]) {
    const end = Math.max(...slices.map((slice) => slice.byteOffset + slice.byteLength));
    const segment = new SharedArrayBuffer(end);
    new Uint8Array(segment).fill(0xff); // a format that relies on zeroed memory shows
    this.#slices = slices;
    this.allocators = slices.map((_, index) => Allocator.create(segment, slices, index));
    for (const slice of slices) soilFreeMemory(segment, slice);
    this.shadow = new ShadowAllocator(segment);
    this.#published = slices.map(() => []);
    this.#gathered = slices.map(() => slices.map(() => []));
  }

  run([kind, byteLength, pick]: Step): void {
    const index = pick % this.allocators.length;
    const address = this.#pick(pick >>> 1);
    if (kind <= 3) this.#malloc(index, byteLength);
    else if (kind === 4) this.#calloc(index, byteLength, 1 + pick % 7);
    else if (kind === 5) this.#memalign(index, byteLength, 2 ** (pick % 13));
    else if (kind === 6) this.flush(index);
    else if (kind === 7) this.drain(index);
    else if (address === undefined) return;
    else if (kind <= 10) this.free(index, address);
    else this.#realloc(index, address, byteLength);
  }

  free(index: number, address: number): void {
    this.shadow.verify(address);
    this.allocators[index]!.free(address);
    this.#noteFree(index, address);
  }

  flush(index: number): void {
    this.allocators[index]!.flushRemoteFrees();
    this.#gathered[index]!.forEach((_, owner) => this.#publish(index, owner));
  }

  /** Everything published for a slice comes home: nothing less, nothing more. */
  drain(index: number): void {
    const allocator = this.allocators[index]!;
    const expected = this.#published[index]!.length;
    assertEquals(allocator.hasRemoteFrees(), expected > 0);
    assertEquals(allocator.drainRemoteFrees(), expected);
    this.#comeHome(index);
  }

  check(): void {
    this.allocators.forEach((allocator, index) => {
      allocator.checkHeap();
      const own = this.shadow.addresses.filter((address) => allocator.owner(address) === index);
      assertEquals(allocator.statistics().liveBlocks, own.length);
    });
  }

  /** Frees all there is, from random sides, and says whether the slices are whole again. */
  finish(random: SeededRandom): void {
    const live = this.shadow.addresses.filter((address) => !this.#freed.has(address));
    for (const address of random.shuffle(live)) {
      this.free(random.below(this.allocators.length), address);
    }
    this.allocators.forEach((_, index) => this.flush(index));
    this.allocators.forEach((_, index) => this.drain(index));
    this.check();
    for (const allocator of this.allocators) {
      allocator.mallocTrim();
      const { liveBlocks, usedBytes, freeBytes, largestFreeBytes } = allocator.statistics();
      assertEquals([liveBlocks, usedBytes, largestFreeBytes], [0, 0, freeBytes]);
    }
  }

  #pick(pick: number): number | undefined {
    const live = this.shadow.addresses.filter((address) => !this.#freed.has(address));
    return live.length === 0 ? undefined : live[pick % live.length];
  }

  #malloc(index: number, byteLength: number): void {
    const received = this.#received(index);
    this.#handOut(index, received, this.allocators[index]!.malloc(byteLength), byteLength, 8);
  }

  #memalign(index: number, byteLength: number, alignment: number): void {
    const received = this.#received(index);
    const address = this.allocators[index]!.memalign(alignment, byteLength);
    this.#handOut(index, received, address, byteLength, Math.max(alignment, 8));
  }

  #calloc(index: number, byteLength: number, count: number): void {
    const received = this.#received(index);
    const each = Math.floor(byteLength / count);
    const address = this.allocators[index]!.calloc(count, each);
    if (address !== 0) this.shadow.cleared(address, count * each);
    this.#handOut(index, received, address, count * each, 8);
  }

  #realloc(index: number, from: number, byteLength: number): void {
    const allocator = this.allocators[index]!;
    const received = this.#received(index);
    this.shadow.verify(from);
    const to = allocator.realloc(from, byteLength);
    this.#noteDrain(index, received);
    if (to !== 0) {
      const usable = allocator.mallocUsableSize(to);
      const kept = this.shadow.byteLength(from);
      this.shadow.kept(from, to, Math.min(kept, byteLength));
      if (to === from) this.shadow.freed(from);
      else this.#noteFree(index, from);
      this.shadow.allocated(to, byteLength, usable, 8, this.#bounds(index));
    } else if (byteLength === 0) this.#noteFree(index, from);
    else this.shadow.verify(from);
  }

  #handOut(
    index: number,
    received: number,
    address: number,
    byteLength: number,
    alignment: number,
  ): void {
    this.#noteDrain(index, received);
    if (address === 0) return;
    const usable = this.allocators[index]!.mallocUsableSize(address);
    this.shadow.allocated(address, byteLength, usable, alignment, this.#bounds(index));
  }

  #noteFree(index: number, address: number): void {
    const owner = this.allocators[index]!.owner(address);
    if (owner === index) {
      this.shadow.freed(address);
      return;
    }
    this.#freed.add(address);
    const gathered = this.#gathered[index]![owner]!;
    gathered.push(address);
    if (gathered.length === REMOTE_BATCH_BLOCKS) this.#publish(index, owner);
  }

  #publish(index: number, owner: number): void {
    this.#published[owner]!.push(...this.#gathered[index]![owner]!.splice(0));
  }

  #received(index: number): number {
    return this.allocators[index]!.statistics().remoteFreesReceived;
  }

  /** A request that found no room at first has drained the list: all of it. */
  #noteDrain(index: number, receivedBefore: number): void {
    const received = this.#received(index) - receivedBefore;
    if (received === 0) return;
    assertEquals(received, this.#published[index]!.length);
    this.#comeHome(index);
  }

  #comeHome(index: number): void {
    for (const address of this.#published[index]!.splice(0)) {
      this.shadow.freed(address);
      this.#freed.delete(address);
    }
  }

  #bounds(index: number): [number, number] {
    const { byteOffset, byteLength } = this.#slices[index]!;
    return [byteOffset, byteOffset + byteLength];
  }
}

/** Runs the steps on slices laid out as given, then frees everything. */
function runSteps(slices: readonly SliceSpan[], steps: readonly Step[], seed: number): void {
  const subject = new Subject(slices);
  steps.forEach((step, i) => {
    subject.run(step);
    if (i % 8 === 7) subject.check();
  });
  subject.check();
  subject.finish(new SeededRandom(seed));
}

const LAYOUTS: readonly (readonly [name: string, slices: readonly SliceSpan[], runs: number])[] = [
  ["the smallest slice", [{ byteOffset: 0, byteLength: 1024 }], 400],
  ["a slice of 4 KiB that begins at 64", [{ byteOffset: 64, byteLength: 4096 }], 300],
  ["a slice of 64 KiB", [{ byteOffset: 8192, byteLength: 65536 }], 200],
  ["two slices that free each other's blocks", [
    { byteOffset: 64, byteLength: 4096 },
    { byteOffset: 4160, byteLength: 4096 },
  ], 300],
  ["three unequal slices, out of order and apart", [
    { byteOffset: 16384, byteLength: 8192 },
    { byteOffset: 0, byteLength: 2048 },
    { byteOffset: 4096, byteLength: 1088 },
  ], 200],
];

for (const [name, slices, runs] of LAYOUTS) {
  Deno.test(`Allocator agrees with the shadow allocator on ${name}`, () => {
    const steps = fc.array(stepArbitrary(slices[0]!.byteLength), { maxLength: 250, size: "max" });
    checkProperty(
      fc.property(steps, fc.nat(), (steps, seed) => runSteps(slices, steps, seed)),
      runs,
    );
  });
}

Deno.test("Allocator.canHold() tells exactly what an empty slice serves, at every alignment", () => {
  withRandom((random) => {
    for (let round = 0; round < 300; round++) {
      const slice = {
        byteOffset: 64 * random.below(100),
        byteLength: 1024 + 64 * random.below(2 ** random.between(2, 12)),
      };
      const segment = new SharedArrayBuffer(slice.byteOffset + slice.byteLength);
      const debugHeap = round % 3 === 0 && { stacks: false, quarantineBytes: 0 };
      for (let request = 0; request < 20; request++) {
        const heap = Allocator.create(segment, [slice], 0, { debugHeap });
        const { totalBytes } = heap.statistics();
        const byteLength = Math.max(0, totalBytes - random.below(2 ** random.between(1, 14)));
        const alignment = 2 ** (random.below(3) === 0 ? random.below(53) : random.below(12));
        const can = heap.canHold(byteLength, alignment);
        const address = heap.memalign(alignment, byteLength);
        const { freeBytes, oversizedMallocs } = heap.statistics();
        const asked = `${byteLength} of ${totalBytes} bytes at ${alignment}, ${freeBytes} free`;
        assertEquals(oversizedMallocs, can ? 0 : 1, asked);
        assertEquals(address !== 0, can, asked);
      }
    }
  });
});

/**
 * Parameter sets, as rlsf has one for each of its 31 configurations. What differs here is how many
 * levels of lists a slice has, whether it ends just behind a level, and where in a line it begins.
 */
Deno.test("Allocator agrees with the shadow allocator on slices of every number of levels", () => {
  withRandom((random) => {
    for (let bits = 10; bits <= 20; bits++) {
      for (const past of [-64, 0, 64]) {
        const byteLength = Math.max(1024, 2 ** bits + past);
        const subject = new Subject([
          { byteOffset: 64 * random.below(200), byteLength },
          { byteOffset: 2 ** 21, byteLength: 1024 + 64 * random.below(100) },
        ]);
        const { totalBytes } = subject.allocators[0]!.statistics();
        // One request for all of it, and then for what random use leaves.
        subject.run([0, totalBytes - 4, 0]);
        assertEquals(subject.allocators[0]!.statistics().freeBytes, 0);
        subject.free(1, subject.shadow.addresses[0]!);
        for (let step = 0; step < 300; step++) {
          const most = 2 ** random.between(0, bits);
          subject.run([random.below(KINDS), random.below(most), random.next() >>> 1]);
          if (step % 50 === 0) subject.check();
        }
        subject.finish(random);
      }
    }
  });
});

Deno.test("Allocator agrees with the shadow allocator on a long run of a nearly full slice", () => {
  withRandom((random) => {
    const subject = new Subject([
      { byteOffset: 0, byteLength: 32768 },
      { byteOffset: 32768, byteLength: 32768 },
    ]);
    for (let i = 0; i < 6000; i++) {
      subject.run([
        random.below(KINDS),
        random.below(2 ** random.between(3, 11)),
        random.next() >>> 1,
      ]);
      if (i % 250 === 0) subject.check();
    }
    assert(subject.allocators[0]!.statistics().failedMallocs > 0, "the slice was never full");
    subject.finish(random);
  });
});

Deno.test("Allocator agrees with the shadow allocator where small classes open, fill and close", () => {
  withRandom((random) => {
    const byteLength = 1.5 * 2 ** 20;
    const subject = new Subject([{ byteOffset: 64, byteLength }, {
      byteOffset: 64 + byteLength,
      byteLength,
    }]);
    const [owner] = subject.allocators;
    const { totalBytes } = owner!.statistics();
    for (let phase = 0; phase < 60; phase++) {
      // Every other ten phases more than half of the slice is in use, and classes give way.
      const large = phase % 20 < 10 ? 0 : owner!.malloc(Math.floor(totalBytes * 0.6));
      const mostly = 16 * random.between(1, 15);
      for (let step = 0; step < 400; step++) {
        const size = random.below(4) === 0 ? random.below(2000) : mostly - random.below(8);
        // Phases of many mallocs, then of many frees, and of both.
        const kind = phase % 3 === 0 ? random.below(6) : phase % 3 === 1 ? 8 : random.below(KINDS);
        subject.run([kind, size, random.next() >>> 1]);
      }
      owner!.free(large);
      subject.check();
    }
    subject.finish(random);
  });
});
