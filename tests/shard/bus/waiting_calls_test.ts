/**
 * Calls that wait for credit or for memory, and what becomes of them when what they wait for, or they
 * themselves, end in an unusual way. Nothing may be lost, and nothing may wait for ever.
 */
import { MessageMemoryError, Runtime, ShardCrashedError } from "@tidepool/core";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { waitingCallTasks } from "./waiting_calls_tasks.ts";

/** One call under way to a shard at a time. */
const ONE_CALL = { shards: 2, memory: "16MiB", ringSlots: 2 } as const;
/** A host's slice in which a block of BALLAST has room once. */
const SMALL_HOST = { shards: 2, memory: "16MiB", hostMemory: "256KiB" } as const;
const BALLAST = new Uint8Array(160 * 1024);

Deno.test("a call given up while it waits does not take the introduction of its task with it", async () => {
  await using runtime = await Runtime.start(ONE_CALL);
  const passing = runtime.submitTo(0, waitingCallTasks.pass, "first");
  const { signal, abort } = abortable();
  const givenUp = runtime.submitTo(0, waitingCallTasks.other.with({ signal }));
  const next = runtime.submitTo(0, waitingCallTasks.other, new Uint8Array(3));
  abort();
  await assertRejects(() => givenUp, DOMException, "given up");
  await runtime.submitTo(1, waitingCallTasks.openOn, 0, "first");
  await passing;
  assertEquals(await next, 3);
  assertEquals(await runtime.submitTo(0, waitingCallTasks.other, new Uint8Array(4)), 4);
});

Deno.test("a call refused for memory does not take the introduction of its task with it", async () => {
  await using runtime = await Runtime.start(SMALL_HOST);
  const { totalBytes } = runtime["endpoint"].allocator.statistics();
  const text = (length: number) => "x".repeat(length);
  const { byteLength } = await assertRejects(
    () => runtime.submitTo(0, waitingCallTasks.other, text(totalBytes)),
    MessageMemoryError,
  );
  const passing = runtime.submitTo(0, waitingCallTasks.pass, "memory");
  // As many bytes as the slice has, and none for the header of the block.
  const tooLarge = text(2 * totalBytes - byteLength);
  const refused = runtime.submitTo(0, waitingCallTasks.other, tooLarge);
  await runtime.submitTo(1, waitingCallTasks.openOn, 0, "memory");
  await passing;
  await assertRejects(() => refused, MessageMemoryError, "no block that large");
  assertEquals(await runtime.submitTo(0, waitingCallTasks.other, new Uint8Array(5)), 5);
});

Deno.test("a call that waits for memory goes when the shard dies whose calls had it", async () => {
  await using runtime = await Runtime.start({ ...SMALL_HOST, onCrash: "keep" });
  const dying = runtime.submitTo(0, waitingCallTasks.pass, "never", BALLAST);
  const waiting = runtime.submitTo(1, waitingCallTasks.length, BALLAST);
  assertEquals(runtime.busStatistics(runtime.shardCount).callsWaiting, 1);
  await assertRejects(() => runtime.submitTo(0, waitingCallTasks.die), ShardCrashedError);
  await assertRejects(() => dying, ShardCrashedError);
  assertEquals(await waiting, BALLAST.length);
});

Deno.test("calls behind one that waits for memory go when that is given up", async () => {
  await using runtime = await Runtime.start(SMALL_HOST);
  const passing = runtime.submitTo(0, waitingCallTasks.pass, "large", BALLAST);
  const { signal, abort } = abortable();
  const large = runtime.submitTo(0, waitingCallTasks.length.with({ signal }), BALLAST);
  const small = runtime.submitTo(0, waitingCallTasks.length, new Uint8Array(100));
  assertEquals(runtime.busStatistics(runtime.shardCount).callsWaiting, 2);
  abort();
  await assertRejects(() => large, DOMException, "given up");
  assertEquals(await small, 100); // while the first is still under way
  await runtime.submitTo(0, waitingCallTasks.open, "large");
  await passing;
});

for (const ringSlots of [2, 4, 64]) {
  Deno.test(`calls that end only when they are given up can all be given up, over rings of ${ringSlots} slots`, async () => {
    await using runtime = await Runtime.start({ ...ONE_CALL, ringSlots });
    const { signal, abort } = abortable();
    const calls = ringSlots * 2; // so that some wait
    const subscribe = waitingCallTasks.subscribe.with({ signal });
    const outcomes = Promise.allSettled(
      Array.from({ length: calls }, () => runtime.submitTo(0, subscribe)),
    );
    const last = runtime.submitTo(0, waitingCallTasks.length); // behind them all
    const credit = Math.max(ringSlots / 2 - 1, 1);
    let entered = 0;
    while (entered < credit) entered = await runtime.submitTo(1, waitingCallTasks.askEntered, 0);
    abort();
    for (const { status } of await outcomes) assertEquals(status, "rejected");
    assertEquals(await runtime.submitTo(1, waitingCallTasks.askWhenAborted, 0, credit), credit);
    assertEquals(await last, 0);
    assertEquals(entered, credit); // or the test did not fill the ring
    assert(runtime.busStatistics(runtime.shardCount).callsDelayed > calls - credit);
  });
}

function abortable(): { readonly signal: AbortSignal; abort(): void } {
  const controller = new AbortController();
  return {
    signal: controller.signal,
    abort: () => controller.abort(new DOMException("given up", "AbortError")),
  };
}
