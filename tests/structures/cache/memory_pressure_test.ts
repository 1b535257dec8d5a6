/** A cache in a slice that is full: it gives entries up, and all else goes on. */
import { BadAllocError, Runtime, type RuntimeOptions } from "@tidepool/core";
import { text } from "@tidepool/core/allocator";
import { sharedCache } from "@tidepool/core/structures";
import { assert, assertEquals, assertGreater, assertThrows } from "@std/assert";
import { cacheTasks, definitions } from "./cache_definitions.ts";

function start(options: RuntimeOptions = {}): Promise<Runtime> {
  return Runtime.start({ shards: 1, memory: "4MiB", hostMemory: "4MiB", ...options });
}

for (const debugHeap of [false, true]) {
  Deno.test(`a slice that a cache has filled stays good for messages, debug heap ${debugHeap}`, async () => {
    await using runtime = await start({ debugHeap });
    // Five times what the slice has.
    const address = await runtime.submitTo(0, cacheTasks.fillWithPages, 5_000, 4000);
    const reader = definitions.pages.reader(runtime, address);
    const full = reader.size;
    assertGreater(full, 400);
    assertEquals(reader.get("page 4999")?.length, 4000);
    for (const byteLength of [100, 10_000, 300_000]) {
      const bytes = new Uint8Array(byteLength).fill(byteLength & 255);
      for (let i = 0; i < 20; i++) {
        assertEquals(await runtime.submitTo(0, cacheTasks.echo, bytes), bytes);
      }
    }
    // In a row, though there were only pages.
    assert(await runtime.submitTo(0, cacheTasks.hold, 1_000_000));
    const { entries, evictions, bytes } = reader.statistics();
    assertEquals(entries, await runtime.submitTo(0, cacheTasks.pagesLeft));
    assertEquals(entries + evictions, 5_000);
    assert(entries > 0 && bytes > 0);
    runtime.checkHeap(0);
    await runtime.submitTo(0, cacheTasks.dropPages);
  });
}

Deno.test("a cache gives way to what the program allocates, and takes what that frees", async () => {
  await using runtime = await start();
  const { allocator } = runtime["endpoint"];
  using pages = definitions.pages.make(runtime);
  const page = "p".repeat(1000);
  const fill = () => {
    for (let i = 0; i < 5000; i++) pages.set(`page ${i}`, page);
    return pages.size;
  };
  const full = fill();
  const held: number[] = [];
  for (let i = 0; i < 300; i++) held.push(allocator.malloc(5000));
  assertEquals(held.filter((address) => address === 0), []);
  const squeezed = pages.size;
  assert(squeezed > 0 && squeezed < full * 0.7, `${full} ${squeezed}`);
  for (const address of held) allocator.free(address);
  assertGreater(fill(), full * 0.9);
  allocator.checkHeap();
});

Deno.test("two caches of a slice share it", async () => {
  await using runtime = await start();
  using first = definitions.pages.make(runtime);
  using second = definitions.pages.make(runtime);
  const page = "p".repeat(1000);
  for (let i = 0; i < 5000; i++) first.set(`page ${i}`, page);
  const alone = first.size;
  for (let i = 0; i < 5000; i++) {
    first.set(`page ${i}`, page);
    second.set(`page ${i}`, page);
  }
  for (const { size } of [first, second]) assert(size > alone / 5, `${size} of ${alone}`);
});

Deno.test("an entry that no slice can hold is refused, and one that takes others' room is not", async () => {
  await using runtime = await start();
  using pages = definitions.pages.make(runtime);
  for (let i = 0; i < 5000; i++) pages.set(`page ${i}`, "p".repeat(1000));
  const before = pages.size;
  assertThrows(() => pages.set("all", "x".repeat(2 ** 23)), BadAllocError, "Pages");
  assertEquals([pages.size, pages.has("all")], [before, false]);
  pages.set("half", "x".repeat(1_000_000));
  assertEquals(pages.get("half")?.length, 1_000_000);
  runtime["endpoint"].allocator.checkHeap();
});

Deno.test("onEvict frees what entries point to, inside an allocation that would fail", async () => {
  await using runtime = await start();
  const { allocator } = runtime["endpoint"];
  const before = allocator.liveBlocks;
  const Blocks = sharedCache("Blocks", {
    key: text(),
    value: text(),
    onEvict: (_key, address) => allocator.free(Number(address)),
  });
  const blocks = Blocks.make(runtime);
  let failed = 0;
  for (let i = 0; i < 5000; i++) {
    const address = allocator.malloc(3000);
    if (address === 0) failed++;
    else blocks.set(`block ${i}`, String(address));
  }
  // The cache counts its own bytes alone, so that memory may be short for a moment; never for long.
  assert(blocks.size > 100 && failed < 50, `${failed} of 5000 failed`);
  blocks[Symbol.dispose]();
  assertEquals(allocator.liveBlocks, before);
  allocator.checkHeap();
});
