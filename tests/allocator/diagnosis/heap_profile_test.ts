/**
 * The sampled heap profile. The first tests are those of Seastar's `alloc_test.cc` under their own
 * names; theirs compare with `count · rate`, which is what a weight of `max(size, rate)` gives.
 */
import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { Session } from "node:inspector/promises";
import { Allocator } from "../../../allocator/mod.ts";
import { HeapProfile, type HeapProfileOptions } from "../../../allocator/diagnosis/mod.ts";
import { withRandom } from "../../harness/seeded_random.ts";

function make(options: HeapProfileOptions, sliceBytes = 1 << 24) {
  const segment = new SharedArrayBuffer(sliceBytes);
  const allocator = Allocator.create(segment, [{ byteOffset: 0, byteLength: sliceBytes }], 0);
  return { allocator, profile: new HeapProfile(allocator, options) };
}

/** Two places that allocate. */
function here(allocator: Allocator, byteLength: number): number {
  return allocator.malloc(byteLength);
}
function there(allocator: Allocator, byteLength: number): number {
  return allocator.malloc(byteLength);
}

/** Allocates at two places until the estimates are close, and checks them. */
function testTwoSites(byteLength: number, sampleBytes: number, count: number, sliceBytes: number) {
  withRandom((random) => {
    const { allocator, profile } = make(
      { sampleBytes, random: () => random.next() / 2 ** 32 },
      sliceBytes,
    );
    const blocks: number[] = [];
    for (let i = 0; i < count; i++) {
      blocks.push(here(allocator, byteLength));
      for (let twice = 0; twice < 2; twice++) blocks.push(there(allocator, byteLength));
    }
    assert(!blocks.includes(0));
    const sites = profile.sites();
    assertEquals(sites.map((site) => site.stack[0]?.functionName), ["there", "here"]);
    // Six standard deviations of a sum of samples: a good profile fails once in 10^9 runs.
    for (const [index, expected] of [2 * count, count].entries()) {
      const { bytes, blocks, samples } = sites[index]!;
      const chance = 1 - Math.exp(-byteLength / sampleBytes);
      const deviation = 6 * Math.sqrt(expected * (1 - chance) / chance) + 1;
      assert(Math.abs(blocks - expected) <= deviation + samples, `${blocks} of ${expected} blocks`);
      const wrong = Math.abs(bytes / byteLength - expected);
      assert(wrong <= deviation + samples / byteLength, `${bytes} bytes of ${expected} blocks`);
    }
    assertEquals(profile.sampledBlocks, sites[0]!.samples + sites[1]!.samples);
    for (const address of blocks) allocator.free(address);
    assertEquals(profile.sites(), []);
    assertEquals(profile.sampledBlocks, 0);
  });
}

Deno.test("test_sampled_profile_collection_small: two sites, told apart and estimated, then empty", () => {
  testTwoSites(10, 1000, 20_000, 1 << 22);
});

Deno.test("test_sampled_profile_collection_large: blocks larger than the interval are all sampled", () => {
  testTwoSites(100_000, 1000, 20, 1 << 24);
  testTwoSites(100_000, 65_536, 200, 1 << 27);
});

/** Allocates from one of 3^7 places. */
function place(allocator: Allocator, path: number, depth = 7): number {
  if (depth === 0) return allocator.malloc(16);
  const rest = Math.floor(path / 3);
  if (path % 3 === 0) return place(allocator, rest, depth - 1);
  if (path % 3 === 1) return place(allocator, rest, depth - 1);
  return place(allocator, rest, depth - 1);
}

/** Allocates once from each place. */
function places(allocator: Allocator, from: number, to: number): number[] {
  const blocks: number[] = [];
  for (let path = from; path < to; path++) blocks.push(place(allocator, path));
  return blocks;
}

Deno.test("test_sampled_profile_collection_max_sites: 1,000 sites are kept, further ones dropped", () => {
  const { allocator, profile } = make({ sampleBytes: 1 });
  const blocks: number[] = [];
  // A site that is known takes samples still; one call here makes both rounds the same sites.
  for (const [to, sampled] of [[1010, 1000], [2, 1002]]) {
    blocks.push(...places(allocator, 0, to!));
    assertEquals(profile.sites().length, 1000);
    assertEquals([profile.sampledBlocks, profile.droppedSamples], [sampled, 10]);
  }
  for (const address of blocks) allocator.free(address);
  assertEquals([profile.sites(), profile.sampledBlocks], [[], 0]);
  // What had no room has it now.
  places(allocator, 1009, 1010);
  assertEquals([profile.sites().length, profile.droppedSamples], [1, 10]);
});

Deno.test("HeapProfile keeps as many sites as maxSites says", () => {
  const { allocator, profile } = make({ sampleBytes: 1, maxSites: 3 });
  places(allocator, 0, 10);
  assertEquals([profile.sites().length, profile.droppedSamples], [3, 7]);
});

Deno.test("test_change_sample_rate: what is freed takes away what it added, whatever the rate is", () => {
  withRandom((random) => {
    const { allocator, profile } = make({
      sampleBytes: 100,
      random: () => random.next() / 2 ** 32,
    });
    const blocks: number[] = [];
    for (const sampleBytes of [100, 1000, 1, 5000, 0, 10, 100_000, 3]) {
      profile.sampleBytes = sampleBytes;
      assertEquals(profile.sampleBytes, sampleBytes);
      for (let i = 0; i < 300; i++) blocks.push(here(allocator, random.between(0, 200)));
      random.shuffle(blocks);
      for (const address of blocks.splice(0, 200)) allocator.free(address);
      for (const { bytes, blocks, samples } of profile.sites()) {
        assert(bytes >= 0 && blocks >= samples && samples > 0);
      }
    }
    for (const address of blocks) allocator.free(address);
    assertEquals([profile.sites(), profile.sampledBlocks], [[], 0]);
  });
});

Deno.test("HeapProfile.sampleBytes of 0 takes no samples, and keeps those there are", () => {
  const { allocator, profile } = make({ sampleBytes: 1 });
  const address = here(allocator, 100);
  profile.sampleBytes = 0;
  for (let i = 0; i < 1000; i++) here(allocator, 1000);
  assertEquals(profile.sampledBlocks, 1);
  allocator.free(address);
  assertEquals(profile.sampledBlocks, 0);
  profile.sampleBytes = 1;
  here(allocator, 100);
  assertEquals(profile.sampledBlocks, 1);
});

Deno.test("HeapProfile forgets blocks that another slice's owner freed, once they are drained", () => {
  const segment = new SharedArrayBuffer(131072);
  const slices = [0, 65536].map((byteOffset) => ({ byteOffset, byteLength: 65536 }));
  const first = Allocator.create(segment, slices, 0);
  const second = Allocator.create(segment, slices, 1);
  const profile = new HeapProfile(first, { sampleBytes: 1 });
  second.free(here(first, 100));
  second.flushRemoteFrees();
  assertEquals(profile.sampledBlocks, 1);
  first.drainRemoteFrees();
  assertEquals(profile.sampledBlocks, 0);
});

Deno.test("HeapProfile follows a block through realloc", () => {
  const { allocator, profile } = make({ sampleBytes: 1 });
  let address = here(allocator, 100);
  assertEquals(profile.sites()[0]?.bytes, 100);
  address = allocator.realloc(address, 300); // in place
  assertEquals(profile.sites().map((site) => site.bytes), [300]);
  here(allocator, 1);
  address = allocator.realloc(address, 3000); // elsewhere
  assertEquals(profile.sites().map((site) => site.bytes), [3000, 1]);
  allocator.free(address);
  assertEquals(profile.sampledBlocks, 1);
});

Deno.test("HeapProfile counts a block of no bytes as a block", () => {
  const { allocator, profile } = make({ sampleBytes: 1 });
  allocator.malloc(0);
  assertEquals([profile.sites()[0]?.samples, profile.sites()[0]?.bytes], [1, 0]);
});

Deno.test("HeapProfile does not sample what was allocated before it, nor what is after it", () => {
  const { allocator, profile } = make({ sampleBytes: 1 });
  profile[Symbol.dispose]();
  profile[Symbol.dispose]();
  const address = here(allocator, 100);
  const later = new HeapProfile(allocator, { sampleBytes: 1 });
  allocator.free(address);
  assertEquals([profile.sampledBlocks, later.sampledBlocks], [0, 0]);
});

Deno.test("HeapProfile refuses options that are none", () => {
  for (const sampleBytes of [-1, 1.5, NaN, Infinity]) {
    assertThrows(
      () => make({ sampleBytes }),
      RangeError,
      `Cannot profile with ${sampleBytes} bytes for each sample: expected a whole number, 0 or more`,
    );
  }
  assertThrows(() => make({ maxSites: -1 }), RangeError, "Cannot profile with -1 sites kept");
  assertThrows(
    () => make({ sampleBytes: "1" as unknown as number }),
    TypeError,
    "Cannot profile with 1 bytes for each sample: expected a number",
  );
});

Deno.test("HeapProfile.toV8HeapProfile() joins stacks into V8's tree, and loses no bytes", () => {
  const { allocator, profile } = make({ sampleBytes: 1 });
  places(allocator, 0, 30);
  here(allocator, 1000);
  const { head, samples } = JSON.parse(JSON.stringify(profile.toV8HeapProfile()));
  const sizes = new Map<number, number>();
  const visit = (node: typeof head, depth: number): void => {
    assertEquals(Object.keys(node), ["callFrame", "selfSize", "id", "children"]);
    assertEquals(Object.keys(node.callFrame), [
      "functionName",
      "scriptId",
      "url",
      "lineNumber",
      "columnNumber",
    ]);
    assert(!sizes.has(node.id), "ids are unique");
    assert(Number.isInteger(node.id) && node.id >= 1);
    assert(depth === 0 ? node.callFrame.lineNumber === -1 : node.callFrame.lineNumber >= -1);
    sizes.set(node.id, node.selfSize);
    for (const child of node.children) visit(child, depth + 1);
  };
  visit(head, 0);
  assertEquals(head.callFrame.functionName, "(root)");
  const total = [...sizes.values()].reduce((sum, size) => sum + size, 0);
  assertEquals(total, 30 * 16 + 1000);
  // Sites share the outer calls.
  const calls = profile.sites().reduce((sum, site) => sum + site.stack.length, 0);
  assert(sizes.size < calls * 0.7, `${sizes.size} nodes for ${calls} calls`);
  assertEquals(samples.length, 31);
  for (const { size, nodeId } of samples) assertEquals(size, sizes.get(nodeId));
});

/** The kind of every field that a profile has anywhere, by its path. */
function fieldsOf(value: unknown, path = "", found = new Map<string, string>()) {
  found.set(path, Array.isArray(value) ? "array" : typeof value);
  if (Array.isArray(value)) {
    for (const item of value) fieldsOf(item, `${path}[]`, found);
  } else if (typeof value === "object" && value !== null) {
    for (const [key, field] of Object.entries(value)) {
      // A node has nodes: one path for all of them, however deep.
      fieldsOf(field, `${path}.${key}`.replace(/(\.node)*(\.children\[\])+/, ".node"), found);
    }
  }
  return found;
}

Deno.test("HeapProfile.toV8HeapProfile() has the fields of a profile that V8 takes, of the same kinds", async () => {
  const session = new Session();
  session.connect();
  await session.post("HeapProfiler.startSampling", { samplingInterval: 1024 });
  const kept = Array.from({ length: 10_000 }, (_, i) => ({ i }));
  const { profile: ofV8 } = await session.post("HeapProfiler.stopSampling");
  session.disconnect();
  assertEquals(kept.length, 10_000);

  const { allocator, profile } = make({ sampleBytes: 1 });
  places(allocator, 0, 3);
  const ours = fieldsOf(JSON.parse(JSON.stringify(profile.toV8HeapProfile())));
  assertEquals(Object.fromEntries(ours), Object.fromEntries(fieldsOf(ofV8)));
});

Deno.test("HeapProfile.toV8HeapProfile() counts lines and columns from 0, as V8 does", () => {
  const { allocator, profile } = make({ sampleBytes: 1 });
  here(allocator, 10);
  const [site] = profile.sites();
  let node = profile.toV8HeapProfile().head;
  while (node.children.length > 0) node = node.children[0]!;
  assertEquals(node.callFrame.functionName, "here");
  assertEquals(node.callFrame.url, import.meta.url);
  assertEquals(node.callFrame.lineNumber, site!.stack[0]!.lineNumber - 1);
  assertEquals(node.callFrame.columnNumber, site!.stack[0]!.columnNumber - 1);
  assertNotEquals(node.callFrame.lineNumber, -1);
});
