/**
 * A debug heap whose blocks real threads free while its owner allocates, frees the neighbours and
 * checks the whole heap: it takes nothing that another thread does rightly for misuse. The threads are
 * those of `remote_free_stress_test.ts`.
 */
import { assertEquals } from "@std/assert";
import { Allocator } from "../../../allocator/mod.ts";
import {
  FULL,
  PAGE_BYTES,
  PAGE_WORDS,
  STATE_WORD,
  STOP,
} from "../malloc/remote_free_stress_page.ts";
import type { StressWork } from "../malloc/remote_free_stress_worker.ts";

const FREERS = 2;
const PAGES = 100;
const HEAP_BYTES = 256 << 10;

/** What a freeing thread says at its end. */
interface StressResult {
  readonly freed: number;
  readonly wrong: number;
}

Deno.test("a debug heap finds nothing while other threads free its blocks", async () => {
  const start = FREERS * PAGE_BYTES;
  const slices = [{ byteOffset: start, byteLength: HEAP_BYTES }];
  for (let i = 0; i < FREERS; i++) {
    slices.push({ byteOffset: start + HEAP_BYTES + i * 4096, byteLength: 4096 });
  }
  const segment = new SharedArrayBuffer(start + HEAP_BYTES + FREERS * 4096);
  const debugHeap = { quarantineBytes: 8192, stacks: false };
  const owner = Allocator.create(segment, slices, 0, { debugHeap });
  const url = new URL("../malloc/remote_free_stress_worker.ts", import.meta.url);
  const workers = Array.from({ length: FREERS }, () => new Worker(url, { type: "module" }));
  const results = workers.map((worker, i) => {
    const { promise, resolve, reject } = Promise.withResolvers<StressResult>();
    worker.onmessage = (event: MessageEvent<StressResult>) => resolve(event.data);
    worker.onerror = (event) => reject(new Error(event.message));
    worker.postMessage({ segment, slices, index: i + 1 } satisfies StressWork);
    return promise;
  });
  const pages = workers.map((_, i) => new Int32Array(segment, i * PAGE_BYTES, PAGE_WORDS));
  /** The owner's own blocks, which lie between those that the others free. */
  const own: number[] = [];
  const work = () => {
    for (const address of own.splice(0, own.length / 2)) owner.free(address);
    owner.checkHeap();
  };
  const emptied = async (page: Int32Array) => {
    const empty = Atomics.waitAsync(page, STATE_WORD, FULL);
    // While the page is being emptied: that is what the test is about.
    work();
    if (empty.async) await Promise.race([empty.value, ...results]);
  };
  for (let i = 0; i < PAGES; i++) {
    const page = pages[i % FREERS]!;
    await emptied(page);
    for (let word = STATE_WORD + 1; word < PAGE_WORDS; word++) {
      const address = owner.malloc(12 + (word % 5) * 8);
      if (address === 0) throw new Error("no room: remote frees do not come home");
      if (word % 3 === 0) own.push(owner.malloc(word % 20));
      owner.bytes(address, 12).fill(address >>> 3);
      page[word] = address;
    }
    Atomics.store(page, STATE_WORD, FULL);
    Atomics.notify(page, STATE_WORD);
    work();
  }
  for (const page of pages) {
    await emptied(page);
    Atomics.store(page, STATE_WORD, STOP);
    Atomics.notify(page, STATE_WORD);
  }
  const found = await Promise.all(results);
  for (const worker of workers) worker.terminate();

  for (const address of own) owner.free(address);
  owner.drainRemoteFrees();
  owner.checkHeap();
  assertEquals(owner.debugHeap?.leaks(), []);
  assertEquals(owner.statistics().liveBlocks, 0);
  assertEquals(found.map((result) => result.wrong), [0, 0]);
  assertEquals(found.reduce((sum, { freed }) => sum + freed, 0), PAGES * (PAGE_WORDS - 1));
});
