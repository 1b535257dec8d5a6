/**
 * A thread that frees blocks it does not own: waits until its page of addresses is full, checks what
 * each block holds, frees them all, and hands the page back. Loaded by remote_free_stress_test.ts.
 */
import { Allocator, type SliceSpan } from "../../../allocator/mod.ts";
import { FULL, PAGE_BYTES, PAGE_WORDS, STATE_WORD, STOP } from "./remote_free_stress_page.ts";

/** What the owner sends: the segment, where its slices lie, and which of them is this thread's. */
export interface StressWork {
  readonly segment: SharedArrayBuffer;
  readonly slices: readonly SliceSpan[];
  readonly index: number;
}

addEventListener("message", (event: MessageEvent<StressWork>) => {
  const { segment, slices, index } = event.data;
  const allocator = Allocator.create(segment, slices, index);
  const page = new Int32Array(segment, (index - 1) * PAGE_BYTES, PAGE_WORDS);
  let freed = 0;
  let wrong = 0;
  while (true) {
    Atomics.wait(page, STATE_WORD, 0);
    if (Atomics.load(page, STATE_WORD) === STOP) break;
    for (let word = STATE_WORD + 1; word < PAGE_WORDS; word++) {
      const address = page[word]!;
      const bytes = allocator.bytes(address, 12);
      if (bytes.some((byte) => byte !== (address >>> 3 & 0xff))) wrong++;
      bytes.fill(0);
      allocator.free(address);
      freed++;
    }
    Atomics.compareExchange(page, STATE_WORD, FULL, 0);
    Atomics.notify(page, STATE_WORD);
  }
  allocator.flushRemoteFrees();
  postMessage({ freed, wrong, sent: allocator.statistics().remoteFreesSent });
});
