/**
 * Remote frees with real threads: one owner that allocates, two that free what it made, in a slice so
 * small that the owner lives on what comes home. Covers what the model cannot: real memory order, and
 * amounts. What it cannot show is that no interleaving fails; that is the model's part.
 */
import { assertEquals } from "@std/assert";
import { Allocator } from "../../../allocator/mod.ts";
import { FULL, PAGE_BYTES, PAGE_WORDS, STATE_WORD, STOP } from "./remote_free_stress_page.ts";
import type { StressWork } from "./remote_free_stress_worker.ts";

const FREERS = 2;
const PAGES = 400;
const HEAP_BYTES = 96 << 10;

interface StressResult {
  readonly freed: number;
  readonly wrong: number;
  readonly sent: number;
}

/** Waits until the freeing thread has emptied the page, or rejects if a thread failed. */
async function emptied(page: Int32Array, results: readonly Promise<StressResult>[]): Promise<void> {
  // In a loop: the thread stores and then notifies, so its notify may meet the wait for the next page.
  while (Atomics.load(page, STATE_WORD) === FULL) {
    const empty = Atomics.waitAsync(page, STATE_WORD, FULL);
    if (empty.async) await Promise.race([empty.value, ...results]);
  }
}

Deno.test("Allocator gets every block back that two other threads free at once", async () => {
  const start = FREERS * PAGE_BYTES;
  const slices = [{ byteOffset: start, byteLength: HEAP_BYTES }];
  for (let i = 0; i < FREERS; i++) {
    slices.push({ byteOffset: start + HEAP_BYTES + i * 4096, byteLength: 4096 });
  }
  const segment = new SharedArrayBuffer(start + HEAP_BYTES + FREERS * 4096);
  const owner = Allocator.create(segment, slices, 0);
  const url = new URL("./remote_free_stress_worker.ts", import.meta.url);
  const workers = Array.from({ length: FREERS }, () => new Worker(url, { type: "module" }));
  const results = workers.map((worker, i) => {
    const { promise, resolve, reject } = Promise.withResolvers<StressResult>();
    worker.onmessage = (event: MessageEvent<StressResult>) => resolve(event.data);
    worker.onerror = (event) => reject(new Error(event.message));
    worker.postMessage({ segment, slices, index: i + 1 } satisfies StressWork);
    return promise;
  });

  const pages = workers.map((_, i) => new Int32Array(segment, i * PAGE_BYTES, PAGE_WORDS));
  let handed = 0;
  for (let i = 0; i < PAGES; i++) {
    const page = pages[i % FREERS]!;
    await emptied(page, results);
    for (let word = STATE_WORD + 1; word < PAGE_WORDS; word++) {
      const address = owner.malloc(12 + (word % 5) * 8);
      if (address === 0) {
        throw new Error(`no room for block ${handed}: remote frees do not come home`);
      }
      owner.bytes(address, 12).fill(address >>> 3);
      page[word] = address;
      handed++;
    }
    Atomics.store(page, STATE_WORD, FULL);
    Atomics.notify(page, STATE_WORD);
    if (i % 64 === 0) owner.checkHeap();
  }
  for (const page of pages) {
    await emptied(page, results);
    Atomics.store(page, STATE_WORD, STOP);
    Atomics.notify(page, STATE_WORD);
  }
  const found = await Promise.all(results);
  for (const worker of workers) worker.terminate();

  owner.drainRemoteFrees();
  owner.checkHeap();
  const { liveBlocks, usedBytes, remoteFreesReceived } = owner.statistics();
  assertEquals([liveBlocks, usedBytes, remoteFreesReceived], [0, 0, handed]);
  assertEquals(found.map((result) => result.wrong), [0, 0]);
  assertEquals(found.reduce((sum, result) => sum + result.freed, 0), handed);
  assertEquals(found.reduce((sum, result) => sum + result.sent, 0), handed);
});
