/**
 * Random operations of several arenas and their allocator against the shadow allocator: blocks never
 * overlap, keep their bytes, end when their arena ends, and the heap satisfies its invariants.
 */
import * as fc from "fast-check";
import { assertEquals } from "@std/assert";
import { Allocator, type Arena, type BlockSource } from "../../../allocator/mod.ts";
import { checkProperty } from "../../harness/seeded_random.ts";
import { ShadowAllocator } from "../../harness/shadow_allocator.ts";

type Step = readonly [kind: number, byteLength: number, pick: number];

const KINDS = 14;
const ARENAS = 3;

const step: fc.Arbitrary<Step> = fc.tuple(
  fc.nat(KINDS - 1),
  fc.integer({ min: 0, max: 13 }).chain((bits) => fc.nat(2 ** bits)),
  fc.nat(0xffff),
);

class Subject {
  readonly #allocator: Allocator;
  readonly #shadow: ShadowAllocator;
  readonly #span: readonly [number, number];
  /** The first is the allocator itself. */
  readonly #sources: BlockSource[];
  readonly #live: Set<number>[];

  constructor(byteLength: number, debugHeap: boolean) {
    const segment = new SharedArrayBuffer(byteLength);
    const slice = { byteOffset: 0, byteLength };
    this.#allocator = Allocator.create(segment, [slice], 0, { debugHeap });
    this.#shadow = new ShadowAllocator(segment);
    this.#span = [0, byteLength];
    this.#sources = [this.#allocator];
    for (let i = 0; i < ARENAS; i++) this.#sources.push(this.#allocator.arena());
    this.#live = this.#sources.map(() => new Set());
  }

  run([kind, byteLength, pick]: Step): void {
    const index = pick % this.#sources.length;
    const source = this.#sources[index]!;
    const live = [...this.#live[index]!];
    const address = live[(pick >>> 3) % live.length];
    if (kind < 5) this.#handOut(index, source.malloc(byteLength), byteLength, 8);
    else if (kind === 5) {
      const alignment = 2 ** (pick % 11);
      this.#handOut(index, source.memalign(alignment, byteLength), byteLength, alignment);
    } else if (kind === 6) {
      const count = 1 + pick % 5;
      const zeros = source.calloc(count, byteLength);
      if (zeros !== 0) {
        const bytes = this.#allocator.bytes(zeros, count * byteLength);
        assertEquals(bytes.every((byte) => byte === 0), true);
      }
      this.#handOut(index, zeros, count * byteLength, 8);
    } else if (kind === 7 && pick % 8 === 0) this.#end(index);
    else if (kind < 11 && address !== undefined) this.#free(index, address);
    else if (address !== undefined) this.#realloc(index, address, byteLength);
  }

  check(): void {
    this.#allocator.checkHeap();
    this.#sources.forEach((source, index) => {
      if (index > 0) assertEquals(source.statistics().liveBlocks, this.#live[index]!.size);
    });
  }

  finish(): void {
    for (const address of this.#live[0]!) this.#free(0, address);
    this.#sources.slice(1).forEach((arena) => (arena as Arena)[Symbol.dispose]());
    assertEquals(this.#allocator.statistics().liveBlocks, 0);
    this.#allocator.checkHeap();
  }

  #handOut(index: number, address: number, byteLength: number, alignment: number): void {
    if (address === 0) return;
    const usable = this.#sources[index]!.mallocUsableSize(address);
    this.#shadow.allocated(address, byteLength, usable, alignment, this.#span);
    this.#live[index]!.add(address);
  }

  #free(index: number, address: number): void {
    this.#shadow.verify(address);
    this.#shadow.freed(address);
    this.#live[index]!.delete(address);
    this.#sources[index]!.free(address);
  }

  #realloc(index: number, address: number, byteLength: number): void {
    const source = this.#sources[index]!;
    const kept = Math.min(byteLength, this.#shadow.byteLength(address));
    const before = this.#allocator.bytes(address, kept).slice();
    this.#shadow.verify(address);
    const moved = source.realloc(address, byteLength);
    if (moved === 0 && byteLength > 0) return;
    if (moved !== 0) assertEquals(this.#allocator.bytes(moved, kept), before);
    this.#shadow.freed(address);
    this.#live[index]!.delete(address);
    this.#handOut(index, moved, byteLength, 8);
  }

  /** An arena is reset, or disposed of and opened anew. */
  #end(index: number): void {
    if (index === 0) return;
    for (const address of this.#live[index]!) {
      this.#shadow.verify(address);
      this.#shadow.freed(address);
    }
    const arena = this.#sources[index] as Arena;
    if (this.#live[index]!.size % 2 === 0) arena.reset();
    else {
      arena[Symbol.dispose]();
      this.#sources[index] = this.#allocator.arena();
    }
    this.#live[index]!.clear();
  }
}

for (const byteLength of [4096, 32_768, 1 << 20]) {
  for (const debugHeap of [false, true]) {
    const name = debugHeap ? "a debug heap" : "a heap";
    Deno.test(`arenas in ${name} of ${byteLength} bytes hand out what the shadow allocator expects`, () => {
      checkProperty(
        fc.property(fc.array(step, { maxLength: 200, size: "max" }), (steps) => {
          const subject = new Subject(byteLength, debugHeap);
          steps.forEach((each, i) => {
            subject.run(each);
            if (i % 16 === 0) subject.check();
          });
          subject.check();
          subject.finish();
        }),
        40,
      );
    });
  }
}
