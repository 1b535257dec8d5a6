/**
 * Misuse by mode: what the checks catch that are always on, and what the debug heap catches. Each row
 * is a row of the table in ../README.md, under the same name; "missed" is tested too, so
 * that the table promises neither too much nor too little.
 */
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  Allocator,
  DoubleFreeError,
  HeapCheckError,
  InvalidAddressError,
} from "../../../allocator/mod.ts";

/** Small classes work in slices of the second size. */
const SLICE_BYTES = [65536, 2 ** 21];

/** Three slices on one thread: the owner of the blocks, and two others that free them. */
interface Heaps {
  readonly owner: Allocator;
  readonly second: Allocator;
  readonly third: Allocator;
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
}

function make(debugHeap: boolean, byteLength: number): Heaps {
  const slices = [0, 1, 2].map((index) => ({ byteOffset: 4096 + index * byteLength, byteLength }));
  const segment = new SharedArrayBuffer(4096 + slices.length * byteLength);
  const [owner, second, third] = slices.map((_, index) =>
    Allocator.create(segment, slices, index, { debugHeap })
  ) as [Allocator, Allocator, Allocator];
  return { owner, second, third, bytes: new Uint8Array(segment), words: new Int32Array(segment) };
}

/** A block between two others, which stay. */
function between(owner: Allocator, byteLength: number): number {
  owner.malloc(40);
  const address = owner.malloc(byteLength);
  owner.malloc(40);
  return address;
}

/** Puts what looks like a header inside a block: the end is where the block's own end is. */
function forgedHeader({ owner, words }: Heaps): number {
  const address = owner.malloc(100);
  owner.malloc(40);
  // The word in front of the block is its header here, so this is the test's own knowledge.
  const end = address / 4 - 1 + (words[address / 4 - 1]! >>> 3) * 2;
  const inside = address + 16;
  words[inside / 4 - 1] = ((end - (inside / 4 - 1)) / 2) << 3;
  return inside;
}

/** Not noticed, or the error that says so. */
type Outcome =
  | "missed"
  | readonly [typeof HeapCheckError | typeof InvalidAddressError | typeof DoubleFreeError, string];

interface Row {
  readonly misuse: string;
  /** The misuse, and what the program does next. */
  readonly run: (heaps: Heaps) => void;
  readonly always: Outcome;
  readonly debug: Outcome;
}

const FREE_ALREADY = [DoubleFreeError, "as it is free already"] as const;
const GUARD = [HeapCheckError, "the bytes behind a block are its guard"] as const;
const HEADER = [HeapCheckError, "the bytes in front of a block are its header"] as const;
const FILLED = [HeapCheckError, "a freed block keeps what it was filled with"] as const;

const IN_ARENA = [InvalidAddressError, "as it is a block of an arena, which alone"] as const;

const ROWS: readonly Row[] = [
  {
    misuse: "a free of an arena's block by the slice",
    run: ({ owner }) => owner.free(owner.arena().malloc(100)),
    always: IN_ARENA,
    debug: IN_ARENA,
  },
  {
    misuse: "a free of an arena's block on another shard",
    run: ({ owner, second }) => second.free(owner.arena().malloc(100)),
    always: IN_ARENA,
    debug: IN_ARENA,
  },
  {
    misuse: "a free of an arena's block by another arena",
    run: ({ owner }) => owner.arena().free(owner.arena().malloc(100)),
    always: [InvalidAddressError, "as it is not a block of this arena"],
    debug: [InvalidAddressError, "as it is not a block of this arena"],
  },
  {
    misuse: "a second free of an arena's block",
    run: ({ owner }) => {
      const arena = owner.arena();
      const address = arena.malloc(100);
      arena.free(address);
      arena.free(address);
    },
    always: FREE_ALREADY,
    debug: FREE_ALREADY,
  },
  {
    misuse: "a free of an arena's block by the slice, after its arena has ended",
    run: ({ owner }) => {
      const arena = owner.arena();
      const address = arena.malloc(100);
      arena[Symbol.dispose]();
      owner.free(address);
    },
    always: IN_ARENA,
    debug: FREE_ALREADY,
  },
  {
    misuse: "a write past the end of an arena's block",
    run: ({ owner, bytes }) => {
      const arena = owner.arena();
      const address = arena.malloc(100);
      arena.malloc(100);
      bytes[address + 100] = 1;
      arena.free(address);
    },
    always: "missed",
    debug: GUARD,
  },
  {
    misuse: "a second free",
    run: ({ owner }) => {
      const address = between(owner, 100);
      owner.free(address);
      owner.free(address);
    },
    always: FREE_ALREADY,
    debug: FREE_ALREADY,
  },
  {
    misuse: "a second free, after the block merged with its neighbours",
    run: ({ owner }) => {
      const blocks = [owner.malloc(100), owner.malloc(100), owner.malloc(100)];
      for (const address of blocks) owner.free(address);
      owner.debugHeap?.flushQuarantine();
      owner.free(blocks[1]!);
    },
    always: FREE_ALREADY,
    debug: FREE_ALREADY,
  },
  {
    misuse: "a second free, after malloc was called for as many bytes",
    run: ({ owner }) => {
      const address = between(owner, 100);
      owner.free(address);
      owner.malloc(100);
      owner.free(address);
    },
    always: "missed",
    debug: FREE_ALREADY,
  },
  {
    misuse: "a second free, on another shard",
    run: ({ owner, second }) => {
      const address = between(owner, 100);
      owner.free(address);
      second.free(address);
    },
    always: FREE_ALREADY,
    debug: FREE_ALREADY,
  },
  {
    misuse: "a free on each of two other shards",
    run: ({ owner, second, third }) => {
      const address = between(owner, 100);
      second.free(address);
      third.free(address);
    },
    always: "missed",
    debug: FREE_ALREADY,
  },
  {
    misuse: "a free on each of two other shards, once the owner drains",
    run: ({ owner, second, third }) => {
      const address = between(owner, 100);
      second.free(address);
      third.free(address);
      second.flushRemoteFrees();
      third.flushRemoteFrees();
      owner.drainRemoteFrees();
    },
    always: FREE_ALREADY,
    debug: FREE_ALREADY,
  },
  {
    misuse: "a free on another shard, then on the owner's, before it drains",
    run: ({ owner, second }) => {
      const address = between(owner, 100);
      second.free(address);
      owner.free(address);
    },
    always: "missed",
    debug: FREE_ALREADY,
  },
  {
    misuse: "realloc or mallocUsableSize of a freed block",
    run: ({ owner }) => {
      const address = between(owner, 100);
      owner.free(address);
      assertThrows(() => owner.mallocUsableSize(address), DoubleFreeError);
      owner.realloc(address, 200);
    },
    always: FREE_ALREADY,
    debug: FREE_ALREADY,
  },
  {
    misuse: "realloc of a block on its own shard, after another shard has freed it",
    run: ({ owner, second }) => {
      const address = owner.malloc(100);
      second.free(address);
      assertEquals(owner.realloc(address, 200), address);
    },
    always: "missed",
    debug: FREE_ALREADY,
  },
  {
    misuse: "realloc of a block that a reclaimer frees to make room for it",
    run: ({ owner }) => {
      const blocks: number[] = [];
      for (let at = owner.malloc(1000); at !== 0; at = owner.malloc(1000)) blocks.push(at);
      const address = blocks[1]!;
      owner.reclaimers.add(() => {
        for (const block of blocks.splice(0, 10)) owner.free(block);
      }, { scope: "sync" });
      owner.realloc(address, 8000);
    },
    always: FREE_ALREADY,
    debug: FREE_ALREADY,
  },
  {
    misuse: "an address outside the segment, misaligned, or outside the heap",
    run: ({ owner }) => {
      const address = between(owner, 100);
      assertThrows(() => owner.free(24), InvalidAddressError, "it lies outside the segment");
      assertThrows(() => owner.free(4096), InvalidAddressError, "it lies outside the heap");
      owner.free(address + 4);
    },
    always: [InvalidAddressError, "as it is not a multiple of 8"],
    debug: [InvalidAddressError, "as it is not a multiple of 8"],
  },
  {
    misuse: "an address inside a block, where its bytes are 0",
    run: ({ owner }) => {
      const address = owner.calloc(100, 1);
      owner.free(address + 24);
    },
    always: [InvalidAddressError, "and no block is so small"],
    debug: [InvalidAddressError, "as it lies 24 bytes inside the block at "],
  },
  {
    misuse: "an address inside a block, where its bytes look like a header",
    run: (heaps) => heaps.owner.free(forgedHeader(heaps)),
    always: "missed",
    debug: [InvalidAddressError, "as it lies 16 bytes inside the block at "],
  },
  {
    misuse: "the same on another shard",
    run: (heaps) => heaps.second.free(forgedHeader(heaps)),
    always: "missed",
    debug: [InvalidAddressError, "as it lies 16 bytes inside the block at "],
  },
  {
    misuse: "a write one byte past the end",
    run: ({ owner, bytes }) => {
      const address = between(owner, 97);
      bytes[address + 97] = 1;
      owner.free(address);
    },
    always: "missed",
    debug: GUARD,
  },
  {
    misuse: "a write one byte past the end, freed on another shard",
    run: ({ owner, second, bytes }) => {
      const address = between(owner, 97);
      bytes[address + 97] = 1;
      second.free(address);
    },
    always: "missed",
    debug: GUARD,
  },
  {
    misuse: "a write of text past the end, over the header of the next block",
    run: ({ owner, bytes }) => {
      const address = owner.malloc(100);
      const next = owner.malloc(100);
      bytes.fill(0x68, address + 100, next);
      owner.free(next);
    },
    always: [InvalidAddressError, "past the end of the heap"],
    debug: HEADER,
  },
  {
    misuse: "a write in front of the block, over its header",
    run: ({ owner, bytes }) => {
      const address = between(owner, 100);
      bytes.fill(0x68, address - 4, address);
      owner.free(address);
    },
    always: [InvalidAddressError, "past the end of the heap"],
    debug: HEADER,
  },
  {
    misuse: "a write 8 bytes in front of the block, past its header",
    run: ({ owner, words }) => {
      const address = between(owner, 100);
      words[address / 4 - 2] = 1;
      owner.free(address);
    },
    always: "missed",
    debug: HEADER,
  },
  {
    misuse: "a write far past the end, over the guard into the bytes of another block",
    run: ({ owner, bytes }) => {
      const address = owner.malloc(100);
      const other = owner.malloc(100);
      bytes[address + (other - address) + 10] = 1;
      owner.free(address);
      owner.free(other);
    },
    always: "missed",
    debug: "missed",
  },
  {
    misuse: "a write to a freed block",
    run: ({ owner, bytes }) => {
      const address = between(owner, 100);
      owner.free(address);
      bytes[address + 50] = 1;
      owner.checkHeap();
    },
    always: "missed",
    debug: FILLED,
  },
  {
    misuse: "a write to a freed block, found when it leaves quarantine",
    run: ({ owner, bytes }) => {
      const address = between(owner, 100);
      owner.free(address);
      bytes[address + 50] = 1;
      for (let i = 0; i < 100; i++) owner.free(owner.malloc(100));
    },
    always: "missed",
    debug: FILLED,
  },
  {
    misuse: "a write to a block freed long ago, found when its memory is handed out",
    run: ({ owner, bytes }) => {
      const address = between(owner, 100);
      owner.free(address);
      owner.debugHeap?.flushQuarantine();
      bytes[address + 50] = 1;
      owner.malloc(100);
    },
    always: "missed",
    debug: [HeapCheckError, "free memory keeps what it was filled with"],
  },
  {
    misuse: "a write to memory that was never handed out",
    run: ({ owner, words }) => {
      const address = owner.malloc(100);
      words[address / 4 + 5000] = 1;
      owner.checkHeap();
      owner.malloc(30_000);
    },
    always: "missed",
    debug: "missed",
  },
  {
    misuse: "a write to a block that was freed on another shard",
    run: ({ owner, second, bytes }) => {
      const address = between(owner, 100);
      second.free(address);
      bytes[address + 50] = 1;
      second.flushRemoteFrees();
      owner.drainRemoteFrees();
    },
    always: "missed",
    debug: FILLED,
  },
  {
    misuse: "a write to the old address after realloc",
    run: ({ owner, bytes }) => {
      const address = owner.malloc(100);
      owner.realloc(address, 50);
      bytes[address + 20] = 1;
      owner.checkHeap();
    },
    always: "missed",
    debug: FILLED,
  },
];

function check(outcome: Outcome, run: () => void): void {
  if (outcome === "missed") run();
  else assertThrows<Error>(run, outcome[0], outcome[1]);
}

for (const { misuse, run, always, debug } of ROWS) {
  Deno.test(`${misuse}: always on, ${always === "missed" ? "missed" : "caught"}`, () => {
    for (const bytes of SLICE_BYTES) check(always, () => run(make(false, bytes)));
  });
  Deno.test(`${misuse}: debug heap, ${debug === "missed" ? "missed" : "caught"}`, () => {
    check(debug, () => run(make(true, SLICE_BYTES[0]!)));
  });
}

Deno.test("a read of memory never written, or freed, shows in a debug heap by its bytes", () => {
  for (const debugHeap of [false, true]) {
    const { owner, second, bytes } = make(debugHeap, SLICE_BYTES[0]!);
    const address = between(owner, 100);
    assertEquals(bytes[address + 50], debugHeap ? 0xcd : 0);
    bytes[address + 50] = 7;
    owner.free(address);
    assertEquals(bytes[address + 50], debugHeap ? 0xdd : 7);
    const other = between(owner, 100);
    bytes[other + 50] = 8;
    second.free(other);
    assertEquals(bytes[other + 50], debugHeap ? 0xdd : 8);
  }
});

Deno.test("the table of tests/allocator/README.md has each row of this one, and no other", async () => {
  const text = await Deno.readTextFile(
    new URL("../README.md", import.meta.url),
  );
  const from = text.indexOf("## What is caught");
  const section = text.slice(from, text.indexOf("\n## ", from + 1));
  const rows = section.split("\n").filter((line) => line.startsWith("| ")).slice(2);
  const documented = new Map<string, string[]>();
  for (const row of rows) {
    const [misuse, always, debug] = row.split("|").slice(1, -1).map((cell) => cell.trim());
    documented.set(misuse!, [always!, debug!]);
  }
  for (const { misuse, always, debug } of ROWS) {
    const cells = documented.get(misuse);
    assertEquals(cells?.length, 2, `the document has no row "${misuse}"`);
    assertStringIncludes(cells![0]!, always === "missed" ? "missed" : "caught");
    assertStringIncludes(cells![1]!, debug === "missed" ? "missed" : "caught");
    documented.delete(misuse);
  }
  assertEquals([...documented.keys()], []);
});
