import { assert, assertEquals } from "@std/assert";
import { Allocator } from "../../../allocator/mod.ts";
import { HEADER_BYTES } from "../../../allocator/layout/block_layout.ts";
import {
  GRANULE_BYTES,
  granulesFor,
  LEVELS,
  LISTS_PER_LEVEL,
  roundedGranules,
  searchClassOf,
  sizeClassOf,
  smallestOfClass,
} from "../../../allocator/layout/size_class.ts";

/** The mapping as the paper writes it: the power of two, then the 32nd of it that the size lies in. */
function naiveClass(granules: number): number {
  if (granules < 32) return granules;
  const level = Math.floor(Math.log2(granules));
  const list = Math.floor(((granules - 2 ** level) * 32) / 2 ** level);
  return (level - 4) * LISTS_PER_LEVEL + list;
}

/** Every size up to 4,096, and those around each list's first of every level. */
function* sizes(): Generator<number> {
  for (let granules = 2; granules <= 4096; granules++) yield granules;
  for (let level = 12; level < 29; level++) {
    for (let list = 0; list < 32; list++) {
      const first = 2 ** level + list * 2 ** (level - 5);
      yield* [first - 1, first, first + 1];
    }
  }
}

Deno.test("sizeClassOf() is the mapping of the paper for every list of every level", () => {
  for (const granules of sizes()) assertEquals(sizeClassOf(granules), naiveClass(granules));
});

Deno.test("smallestOfClass() is the smallest size of the class", () => {
  for (let sizeClass = 2; sizeClass < (LEVELS - 1) * LISTS_PER_LEVEL; sizeClass++) {
    const smallest = smallestOfClass(sizeClass);
    assertEquals(sizeClassOf(smallest), sizeClass);
    assertEquals(sizeClassOf(smallest - 1), sizeClass - 1);
  }
});

Deno.test("searchClassOf() is the first class in which every block fits", () => {
  for (const granules of sizes()) {
    const sizeClass = searchClassOf(granules);
    assert(smallestOfClass(sizeClass) >= granules, `${granules} is too large for ${sizeClass}`);
    assert(smallestOfClass(sizeClass - 1) < granules, `${granules} fits in ${sizeClass - 1} too`);
  }
});

Deno.test("roundedGranules() is searched in the class it belongs to, and at most 1/32 larger", () => {
  for (const granules of sizes()) {
    const rounded = roundedGranules(granules);
    assertEquals(sizeClassOf(rounded), searchClassOf(granules));
    assertEquals(searchClassOf(rounded), searchClassOf(granules));
    assert(rounded - granules < Math.max(granules / 32, 1));
  }
});

Deno.test("granulesFor() holds the header and the payload, in 16 bytes or more", () => {
  for (const [byteLength, granules] of [[0, 2], [1, 2], [12, 2], [13, 3], [20, 3], [21, 4]]) {
    assertEquals(granulesFor(byteLength!), granules);
  }
  assertEquals(granulesFor(0xffff_fff4), 0x1fff_ffff);
});

Deno.test("Allocator.malloc() has granulesFor() written out, and takes blocks of that size", () => {
  const slice = { byteOffset: 0, byteLength: 2 ** 20 };
  const allocator = Allocator.create(new SharedArrayBuffer(slice.byteLength), [slice], 0);
  for (let byteLength = 0; byteLength <= 1000; byteLength++) {
    const address = allocator.malloc(byteLength);
    const granules = roundedGranules(granulesFor(byteLength));
    const usable = granules * GRANULE_BYTES - HEADER_BYTES;
    assertEquals(allocator.mallocUsableSize(address), usable, `${byteLength} bytes`);
    allocator.free(address);
  }
});
