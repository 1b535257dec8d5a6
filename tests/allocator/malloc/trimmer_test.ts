/** Which memory is given back to the system, by request and after a time, and what a debug heap says. */
import {
  assert,
  assertEquals,
  assertNotEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { Allocator, type AllocatorOptions, HeapCheckError } from "../../../allocator/mod.ts";
import { firstBlockOf } from "../../../allocator/layout/control_layout.ts";
import { walkHeap } from "../../../allocator/diagnosis/mod.ts";
import { type SeededRandom, withRandom } from "../../harness/seeded_random.ts";
import { ShadowAllocator } from "../../harness/shadow_allocator.ts";
import { RecordedPages } from "./recorded_pages.ts";

const KIB = 1024;
const MIB = 1024 * KIB;
const PAGE = 4 * KIB;
const ALL = Infinity;

function make(
  pages: RecordedPages,
  byteLength = 8 * MIB,
  options: AllocatorOptions = {},
): Allocator {
  const segment = new SharedArrayBuffer(byteLength + PAGE);
  const slices = [{ byteOffset: PAGE, byteLength }];
  pages.allocator = Allocator.create(segment, slices, 0, { pages, ...options });
  return pages.allocator;
}

/** Looks for what has been free for `afterMs`, and checks the heap. */
function look(allocator: Allocator, now: number, afterMs = 1000, most = ALL): number | undefined {
  const next = allocator["trimmer"].look(now, afterMs, most);
  allocator.checkHeap();
  return next;
}

Deno.test("mallocTrim() gives back every whole page of blocks of 256 KiB and more, and no other", () => {
  const pages = new RecordedPages();
  const allocator = make(pages);
  const large = allocator.malloc(256 * KIB);
  const between = allocator.malloc(100);
  const small = allocator.malloc(240 * KIB);
  while (allocator.malloc(100 * KIB) !== 0);
  while (allocator.malloc(8) !== 0);
  assertEquals(allocator.mallocTrim(), 0);
  allocator.free(large);
  allocator.free(small);
  const released = allocator.mallocTrim();
  const [[from, to]] = pages.given as [[number, number]];
  assertEquals([pages.given.length, released], [1, to - from]);
  assert(from > large && from <= large + 2 * PAGE && to <= between && to > between - 2 * PAGE);
  allocator.checkHeap();
  assertEquals(allocator.malloc(256 * KIB), large);
});

Deno.test("mallocTrim() rounds to the pages that the system has", () => {
  const pages = new RecordedPages(2 * MIB);
  const allocator = make(pages, 9 * MIB);
  assertEquals(allocator.mallocTrim(), 6 * MIB);
  assertEquals(pages.given, [[2 * MIB, 8 * MIB]]);
  // As a segment that begins 8 KiB behind a page.
  const later = new RecordedPages(2 * MIB, 0, 2 * MIB - 8 * KIB);
  assertEquals(make(later, 9 * MIB).mallocTrim(), 6 * MIB);
  assertEquals(later.given, [[2 * MIB - 8 * KIB, 8 * MIB - 8 * KIB]]);
});

Deno.test("mallocTrim() returns 0 if the system refuses, and all goes on", () => {
  const pages = new RecordedPages();
  pages.refuses = true;
  for (const debugHeap of [false, true]) {
    const allocator = make(pages, 2 * MIB, { debugHeap });
    allocator.free(allocator.malloc(MIB));
    assertEquals(allocator.mallocTrim(), 0);
    allocator.checkHeap();
    assertNotEquals(allocator.malloc(MIB), 0);
  }
});

Deno.test("mallocTrim() gives back what a former life has left fallow", () => {
  const pages = new RecordedPages();
  const segment = make(pages, 16 * MIB).buffer;
  const slices = [{ byteOffset: PAGE, byteLength: 16 * MIB }];
  pages.allocator = Allocator.create(segment, slices, 0, { pages });
  const released = pages.allocator.mallocTrim();
  assertEquals(pages.given.length, 2); // the fallow, and the rest
  assert(released > 16 * MIB - 6 * PAGE);
  pages.allocator.checkHeap();
  assertNotEquals(pages.allocator.malloc(15 * MIB), 0);
  pages.allocator.checkHeap();
});

Deno.test("mallocTrim() takes nothing by the size of a fallow that was overwritten", () => {
  const pages = new RecordedPages();
  const segment = make(pages, 16 * MIB).buffer;
  const slices = [{ byteOffset: PAGE, byteLength: 16 * MIB }];
  const allocator = pages.allocator = Allocator.create(segment, slices, 0, { pages });
  allocator.malloc(MIB);
  const words = new Int32Array(segment, PAGE, 4 * MIB);
  words[firstBlockOf(words.length)]! += (MIB / 8) << 3; // over the live block
  assertThrows(() => allocator.mallocTrim(), HeapCheckError, "the fallow is kept");
  assertEquals(pages.given, []);
});

Deno.test("a second free of what was given back is refused", () => {
  const pages = new RecordedPages();
  const allocator = make(pages);
  const first = allocator.malloc(MIB);
  const second = allocator.malloc(MIB);
  allocator.free(first);
  allocator.free(second);
  allocator.mallocTrim();
  assertThrows(() => allocator.free(second), Error, `Cannot free address ${second}`);
  allocator.checkHeap();
});

for (const debugHeap of [false, true]) {
  const name = debugHeap ? "a debug heap" : "a heap";
  Deno.test(`random requests to ${name} that gives memory back: every live byte is kept`, () => {
    withRandom((random) => {
      // What is given back reads 0; no heap but a debug heap may care.
      const pages = new RecordedPages(PAGE, debugHeap ? 0 : 0xa5);
      const allocator = make(pages, 6 * MIB, { debugHeap: debugHeap && { stacks: false } });
      const shadow = new ShadowAllocator(allocator.buffer);
      let now = 0;
      for (let step = 0; step < 800; step++) {
        runStep(allocator, shadow, random);
        if (step % 8 === 0) allocator.mallocTrim();
        if (step % 8 === 4) look(allocator, now += random.below(50), 100, random.below(MIB));
        if (step % 8 === 0) allocator.checkHeap();
        for (const address of shadow.addresses) if (step % 40 === 0) shadow.verify(address);
      }
      assert(pages.given.length > 20, String(pages.given.length));
    });
  });
}

/** One random request, held against the shadow. */
function runStep(allocator: Allocator, shadow: ShadowAllocator, random: SeededRandom): void {
  const { byteOffset, byteLength } = allocator.slice;
  const slice = [byteOffset, byteOffset + byteLength] as const;
  const size = random.below(2 ** random.between(0, 21));
  const alignment = 2 ** random.between(3, 14);
  const live = shadow.addresses;
  const held = live[random.below(live.length + 1)];
  const kind = random.below(10);
  const note = (address: number, aligned: number): void => {
    if (address === 0) return;
    shadow.allocated(address, size, allocator.mallocUsableSize(address), aligned, slice);
  };
  if (kind < 2) note(allocator.malloc(size), 8);
  else if (kind < 4) note(allocator.memalign(alignment, size), alignment);
  else if (kind < 5) {
    const address = allocator.calloc(size, 1);
    if (address !== 0) shadow.cleared(address, size);
    note(address, 8);
  } else if (held === undefined) return;
  else {
    shadow.verify(held);
    if (kind < 7) {
      const kept = Math.min(size, shadow.byteLength(held));
      const address = allocator.realloc(held, size);
      if (size > 0 && address === 0) return;
      if (size > 0) shadow.kept(held, address, kept);
      shadow.freed(held);
      note(address, 8);
    } else {
      allocator.free(held);
      shadow.freed(held);
    }
  }
}

Deno.test("look() gives back what was free at every look for so long, once", () => {
  const pages = new RecordedPages();
  const allocator = make(pages);
  const trimmer = allocator["trimmer"];
  assertEquals(look(allocator, 0), 250);
  assertEquals(look(allocator, 250), 250);
  assertEquals(look(allocator, 800), 200);
  assertEquals(pages.take(), 0);
  assertEquals(look(allocator, 1000), undefined);
  assert(pages.take() > 7.9 * MIB);
  assert(!trimmer.hasChanged);
  assertEquals(look(allocator, 5000), undefined);
  assertEquals(pages.take(), 0);
});

Deno.test("look() counts anew for memory that was in use at a look", () => {
  const pages = new RecordedPages();
  const allocator = make(pages);
  look(allocator, 0);
  const address = allocator.malloc(4 * MIB);
  assert(allocator["trimmer"].hasChanged);
  look(allocator, 500);
  allocator.free(address);
  look(allocator, 750);
  assertEquals(look(allocator, 1000), 250); // the half that nobody has had is given back
  const [[from, to]] = pages.given as [[number, number]];
  assert(from > address + 4 * MIB && from < address + 4.2 * MIB && to > 7.9 * MIB);
  pages.take();
  assertEquals(look(allocator, 1749), 1);
  assertEquals(pages.take(), 0);
  look(allocator, 1750);
  const [first] = pages.given;
  assert(first![0] < address + 2 * PAGE && first![1] === from);
});

Deno.test("look() keeps the age of what is left of a block that is cut", () => {
  const pages = new RecordedPages();
  const allocator = make(pages);
  look(allocator, 0);
  allocator.malloc(MIB);
  look(allocator, 999);
  assertEquals(pages.take(), 0);
  assertEquals(look(allocator, 1000), undefined);
  assert(pages.take() > 6.9 * MIB);
});

Deno.test("look() asks again for what may have been touched: after a malloc or a realloc", () => {
  const pages = new RecordedPages();
  const allocator = make(pages);
  const trimmer = allocator["trimmer"];
  const kept = allocator.malloc(100 * KIB);
  look(allocator, 0);
  look(allocator, 1000);
  pages.take();
  allocator.free(allocator.malloc(4 * MIB)); // between two looks
  assert(trimmer.hasChanged);
  look(allocator, 2000);
  assertEquals(pages.take(), 0);
  assertEquals(look(allocator, 3000), undefined);
  assert(pages.take() > 7.5 * MIB);
  assertEquals(allocator.realloc(kept, 2 * MIB), kept);
  assertEquals(allocator.realloc(kept, 100 * KIB), kept);
  assert(trimmer.hasChanged);
  assertEquals(look(allocator, 4000), 250);
  look(allocator, 5000);
  assert(pages.take() > 7.5 * MIB);
});

Deno.test("look() gives back no more at a time than it may, and wants to go on at once", () => {
  const pages = new RecordedPages();
  const allocator = make(pages);
  look(allocator, 0, 1000, MIB);
  for (let mib = 0; mib < 7; mib++) {
    assertEquals(look(allocator, 1000, 1000, MIB), 0);
    assertEquals(pages.take(), MIB);
  }
  assertEquals(look(allocator, 1000, 1000, MIB), undefined);
  assert(pages.take() > 0.9 * MIB);
});

Deno.test("look() and mallocTrim() of an allocator without pages have nothing to do", () => {
  const segment = new SharedArrayBuffer(MIB);
  const allocator = Allocator.create(segment, [{ byteOffset: 0, byteLength: MIB }], 0);
  assertEquals([look(allocator, 0), allocator.mallocTrim()], [undefined, 0]);
});

Deno.test("mallocTrim() gives nothing back that an overwritten link leads to", () => {
  const pages = new RecordedPages();
  const allocator = make(pages);
  const live = allocator.malloc(MIB);
  const free = allocator.malloc(MIB);
  allocator.malloc(MIB);
  allocator.free(free);
  allocator.mallocTrim();
  pages.take();
  const words = new Int32Array(allocator.buffer, PAGE, 8 * MIB / 4);
  const next = (free - PAGE) / 4 + 1; // behind the link to the block before
  const blockOf = (address: number): number => (address - PAGE) / 4 - 1;
  for (const wrong of [blockOf(live), blockOf(live) + 1000, blockOf(free), 0x7ffffff1, -5, 8]) {
    words[next] = wrong;
    const error = assertThrows(() => allocator.mallocTrim(), HeapCheckError);
    assertStringIncludes(error.message, "a list has free blocks, each once, but list ");
    assertEquals(pages.take(), 0);
  }
});

// ─── Debug heaps ─────────────────────────────────────────────────────────────────────────────────

Deno.test("a debug heap gives back what is in quarantine, and checks it first", () => {
  const pages = new RecordedPages();
  const allocator = make(pages, 8 * MIB, { debugHeap: { quarantineBytes: 4 * MIB } });
  const address = allocator.malloc(3 * MIB);
  allocator.free(address);
  assertEquals(allocator.debugHeap!.quarantinedBytes > 3 * MIB, true);
  assert(allocator.mallocTrim() > 7 * MIB);
  assertEquals(allocator.debugHeap!.quarantinedBytes, 0);
  allocator.checkHeap();
  const again = allocator.malloc(3 * MIB);
  allocator.free(again);
  allocator.bytes(again, 1).fill(1);
  assertThrows(() => allocator.mallocTrim(), HeapCheckError, "keeps what it was filled with");
});

Deno.test("a debug heap finds a write to memory that it has given back", () => {
  const pages = new RecordedPages();
  const allocator = make(pages, 8 * MIB, { debugHeap: { quarantineBytes: 0 } });
  const address = allocator.malloc(3 * MIB);
  allocator.free(address);
  allocator.mallocTrim();
  allocator.bytes(address + MIB, 1).fill(7);
  const error = assertThrows(() => allocator.checkHeap(), HeapCheckError);
  assertEquals(
    error.message,
    `Heap check failed at address ${address + MIB}: free memory keeps what it was filled with, ` +
      `but the byte there is 7, not 0`,
  );
  assertThrows(() => allocator.malloc(3 * MIB), HeapCheckError, "after it was freed");
  allocator.checkHeap(); // it is filled anew
});

Deno.test("a debug heap knows which free memory reads 0 when blocks are cut and merged", () => {
  const pages = new RecordedPages();
  const allocator = make(pages, 8 * MIB, { debugHeap: { quarantineBytes: 0 } });
  allocator.free(allocator.malloc(7 * MIB));
  assert(allocator.mallocTrim() > 7 * MIB);
  const first = allocator.malloc(MIB);
  const second = allocator.malloc(MIB + 12);
  const third = allocator.memalign(64 * KIB, MIB);
  for (const address of [second, first, third]) {
    allocator.free(address);
    allocator.checkHeap();
  }
  assert(allocator.mallocTrim() > 7 * MIB);
  allocator.checkHeap();
});

Deno.test("look() gives back, page by page, what a simple model of ages says", () => {
  withRandom((random) => {
    const pages = new RecordedPages();
    const allocator = make(pages);
    const model = new PageAges(allocator);
    const live: number[] = [];
    let now = 0;
    for (let step = 0; step < 1500; step++) {
      for (let request = random.below(4); request > 0; request--) {
        const address = random.below(2) === 0 ? 0 : allocator.malloc(random.below(MIB));
        if (address !== 0) live.push(address);
        else if (live.length > 0) {
          allocator.free(live.splice(random.below(live.length), 1)[0]!);
        }
      }
      allocator["trimmer"].look(now += random.below(60), 200, ALL);
      assertEquals(pages.given.splice(0).flatMap(pagesOf), model.look(now, 200), `step ${step}`);
    }
  });
});

/** The pages from one byte to before another. */
function pagesOf([from, to]: [from: number, to: number]): number[] {
  return Array.from({ length: (to - from) / PAGE }, (_, at) => from / PAGE + at);
}

/** Since when each page is free that can be given back. */
class PageAges {
  readonly #allocator: Allocator;
  #since = new Map<number, number>();
  #mallocs = 0;

  constructor(allocator: Allocator) {
    this.#allocator = allocator;
  }

  /** Pages that are due. */
  look(now: number, afterMs: number): number[] {
    const { mallocs } = this.#allocator.statistics();
    const since = new Map<number, number>();
    const due: number[] = [];
    for (const page of this.#freePages()) {
      const before = this.#since.get(page) ?? now;
      since.set(page, before === Infinity && mallocs !== this.#mallocs ? now : before);
      if (since.get(page)! + afterMs > now) continue;
      since.set(page, Infinity);
      due.push(page);
    }
    this.#since = since;
    this.#mallocs = mallocs;
    return due;
  }

  #freePages(): number[] {
    const { buffer, slice } = this.#allocator;
    const large = walkHeap(buffer, slice).filter((block) =>
      block.free && block.byteLength >= 256 * KIB
    );
    return large.toArray().flatMap(({ address, byteLength }) => {
      const from = Math.ceil((address + 8) / PAGE) * PAGE;
      return pagesOf([from, Math.floor((address + byteLength - 8) / PAGE) * PAGE]);
    });
  }
}
