/** What the always-on checks catch, and the words they say it in. */
import { assertEquals, assertThrows } from "@std/assert";
import { Allocator, DoubleFreeError, InvalidAddressError } from "../../../allocator/mod.ts";
import { CACHED, FREE, PREVIOUS_FREE } from "../../../allocator/layout/block_layout.ts";

const SLICES = [
  { byteOffset: 4096, byteLength: 65536 },
  { byteOffset: 69632, byteLength: 65536 },
];

function make(): { first: Allocator; second: Allocator; words: Int32Array } {
  const segment = new SharedArrayBuffer(69632 + 65536 + 4096);
  const first = Allocator.create(segment, SLICES, 0);
  const second = Allocator.create(segment, SLICES, 1);
  return { first, second, words: new Int32Array(segment) };
}

/** The three operations that need a live block. */
const OPERATIONS:
  readonly (readonly [string, (allocator: Allocator, address: number) => unknown])[] = [
    ["free", (allocator, address) => allocator.free(address)],
    ["reallocate", (allocator, address) => allocator.realloc(address, 50)],
    ["measure", (allocator, address) => allocator.mallocUsableSize(address)],
  ];

Deno.test("a free block is refused, naming address, slice and state", () => {
  for (const [verb, operate] of OPERATIONS) {
    const { first } = make();
    const address = first.malloc(100);
    first.malloc(1);
    first.free(address);
    const error = assertThrows(
      () => operate(first, address),
      DoubleFreeError,
      `Cannot ${verb} address ${address} of slice 0 as it is free already`,
    );
    assertEquals([error.address, error.sliceIndex], [address, 0]);
    assertEquals([error.name, error.reason], ["DoubleFreeError", "it is free already"]);
    first.checkHeap();
  }
});

Deno.test("Allocator.free() notices a second free after any merge, until the memory is used again", () => {
  for (const order of [[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0], [0, 2, 1], [2, 0, 1]]) {
    const { first } = make();
    const blocks = [first.malloc(12), first.malloc(12), first.malloc(12)];
    first.malloc(1);
    for (const i of order) first.free(blocks[i]!);
    for (const address of blocks) assertThrows(() => first.free(address), DoubleFreeError);
    first.checkHeap();
  }
});

Deno.test("Allocator.free() notices a second free in what was left of a merged block", () => {
  for (let blocks = 2; blocks <= 12; blocks++) {
    for (let granules = 2; granules < blocks * 2; granules++) {
      const { first } = make();
      const addresses = Array.from({ length: blocks }, () => first.malloc(12));
      first.malloc(1);
      for (const address of addresses) first.free(address);
      const reused = first.malloc(granules * 8 - 4);
      const end = reused + first.mallocUsableSize(reused);
      for (const address of addresses) {
        // Inside the reused block anything may be found: its bytes are the program's.
        if (address > end) assertThrows(() => first.free(address), InvalidAddressError);
      }
      first.checkHeap();
    }
  }
});

Deno.test("an address outside the segment, or no whole number, is refused", () => {
  for (const [verb, operate] of OPERATIONS) {
    const { first } = make();
    for (const address of [24, 4095, 135168, 2 ** 40]) {
      const error = assertThrows(
        () => operate(first, address),
        InvalidAddressError,
        `Cannot ${verb} address ${address} as it lies outside the segment: slices cover 4096 to 135168`,
      );
      assertEquals(error.sliceIndex, -1);
    }
    for (const address of [-8, 4100.5, NaN, Infinity]) {
      assertThrows(
        () => operate(first, address),
        InvalidAddressError,
        `Cannot ${verb} address ${address} as an address is a whole number of bytes, 0 or more`,
      );
    }
    assertThrows(
      () => operate(first, "8192" as unknown as number),
      TypeError,
      `Cannot ${verb} address 8192: expected a number`,
    );
    assertThrows(() => operate(first, undefined as unknown as number), TypeError, "undefined");
  }
});

Deno.test("an address of a slice that no allocator has formatted is refused", () => {
  const segment = new SharedArrayBuffer(SLICES[1]!.byteOffset + SLICES[1]!.byteLength);
  const first = Allocator.create(segment, SLICES, 0);
  const address = SLICES[1]!.byteOffset + 4096;
  for (const [verb, operate] of OPERATIONS) {
    const error = assertThrows(
      () => operate(first, address),
      InvalidAddressError,
      `Cannot ${verb} address ${address} of slice 1 as its slice is not formatted: ` +
        "Allocator.create() has not run on it",
    );
    assertEquals(error.sliceIndex, 1);
  }
  Allocator.create(segment, SLICES, 1);
  for (const [, operate] of OPERATIONS) {
    assertThrows(() => operate(first, address), InvalidAddressError, "its header gives 0 bytes");
  }
});

Deno.test("an address in the control words, at the end, or misaligned is refused, in any slice", () => {
  for (const [verb, operate] of OPERATIONS) {
    for (const index of [0, 1]) {
      const { first } = make();
      const start = SLICES[index]!.byteOffset;
      const firstBlock = index === 0 ? first.malloc(8) : make().second.malloc(8);
      for (const address of [start, start + 320, firstBlock - 8]) {
        assertThrows(
          () => operate(first, address),
          InvalidAddressError,
          `Cannot ${verb} address ${address} of slice ${index} as it lies outside the heap: ` +
            `blocks cover ${firstBlock} to ${start + 65536}`,
        );
      }
      for (const address of [firstBlock + 1, firstBlock + 4]) {
        assertThrows(
          () => operate(first, address),
          InvalidAddressError,
          `Cannot ${verb} address ${address} of slice ${index} as it is not a multiple of 8`,
        );
      }
    }
  }
});

Deno.test("a header that no live block can have is refused", () => {
  for (const [, operate] of OPERATIONS) {
    const { first, words } = make();
    const address = first.malloc(100);
    first.malloc(1);
    const header = address / 4 - 1;
    const good = words[header]!;
    const cases: [header: number, reason: string][] = [
      [0, "its header gives 0 bytes, and no block is so small"],
      [8, "its header gives 8 bytes, and no block is so small"],
      [1 << 20, "its header gives 1048576 bytes, past the end of the heap"],
      [-8, "its header gives 4294967288 bytes, past the end of the heap"],
      [good | PREVIOUS_FREE, "its header says that the block before it is free, and it is not"],
    ];
    for (const [bad, reason] of cases) {
      words[header] = bad;
      assertThrows(() => operate(first, address), InvalidAddressError, reason);
    }
    words[header] = good;
    words[header + (good >>> 2)]! |= PREVIOUS_FREE;
    assertThrows(
      () => operate(first, address),
      InvalidAddressError,
      "the block after it says that this one is free",
    );
  }
});

Deno.test("a header marked free or cached is refused whatever its neighbours say", () => {
  for (const [, operate] of OPERATIONS) {
    for (const flag of [FREE, CACHED]) {
      const { first, words } = make();
      const address = first.malloc(100);
      words[address / 4 - 1]! |= flag;
      assertThrows(() => operate(first, address), DoubleFreeError);
    }
  }
});

Deno.test("a back reference that leads to no free block is refused", () => {
  const { first, words } = make();
  const left = first.malloc(100);
  const address = first.malloc(100);
  first.malloc(1);
  first.free(left);
  const backReference = address / 4 - 2;
  const good = words[backReference]!;
  for (const bad of [0, -1, good + 2, good - 2, 1 << 29, good + (1 << 20)]) {
    words[backReference] = bad;
    assertThrows(() => first.free(address), InvalidAddressError, "the block before it is free");
  }
  words[backReference] = good;
  words[left / 4 - 1]! &= ~FREE;
  assertThrows(() => first.free(address), InvalidAddressError, "the block before it is free");
  words[left / 4 - 1]! |= FREE;
  first.free(address);
  first.checkHeap();
});

Deno.test("Allocator.free() of another slice's block checks what it can before it queues it", () => {
  const { first, second, words } = make();
  const address = first.malloc(100);
  first.malloc(1);
  const header = address / 4 - 1;
  const good = words[header]!;
  words[header] = 1 << 20;
  assertThrows(() => second.free(address), InvalidAddressError, "past the end of the heap");
  words[header] = good;
  first.free(address);
  assertThrows(
    () => second.free(address),
    DoubleFreeError,
    `Cannot free address ${address} of slice 0 as it is free already`,
  );
  assertEquals(second.statistics().remoteFreesSent, 0);
  first.checkHeap();
});

Deno.test("Allocator.create() refuses slices that overlap, stick out, or are no slices", () => {
  const segment = new SharedArrayBuffer(8192);
  const create = (...spans: [number, number][]) => () =>
    Allocator.create(
      segment,
      spans.map(([byteOffset, byteLength]) => ({ byteOffset, byteLength })),
      0,
    );
  assertThrows(
    create([0, 4096], [4032, 4096]),
    RangeError,
    "slice 0 ends at 4096, slice 1 begins at 4032",
  );
  assertThrows(
    create([0, 8256]),
    RangeError,
    "Cannot place slice 0 at 0 with 8256 bytes: the segment ends at 8192",
  );
  assertThrows(create([32, 4096]), RangeError, "both must be multiples of 64");
  assertThrows(create([0, 4000]), RangeError, "both must be multiples of 64");
  assertThrows(create([-64, 4096]), RangeError, "both must be multiples of 64");
  assertThrows(
    create([0, 960]),
    RangeError,
    "Cannot make slice 0 of 960 bytes: a slice has 1024 to 4294967296",
  );
  assertThrows(create([0, 2 ** 32 + 64]), RangeError, "a slice has 1024 to 4294967296");
  assertThrows(
    () => Allocator.create(segment, [{ byteOffset: 0, byteLength: 4096 }], 1),
    RangeError,
    "Cannot own slice 1: the segment has slices 0 to 0",
  );
});
