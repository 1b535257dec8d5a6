/** What a call leaves that is over: nothing. */
import { Runtime, ServiceGroup } from "@tidepool/core";
import { assertEquals, assertRejects } from "@std/assert";
import { countListeners } from "../../harness/counted_listeners.ts";
import { busTasks } from "../bus/bus_tasks.ts";

/** Timers that run and listeners that wait for `signal`, as long as `run` goes on. */
async function watched(
  signal: AbortSignal,
  run: (left: () => { timers: number; listeners: number }) => Promise<void>,
): Promise<void> {
  const { setTimeout: set, clearTimeout: clear } = globalThis;
  const timers = new Set<unknown>();
  globalThis.setTimeout = ((callback: () => void, delayMs?: number) => {
    const timer = set(() => {
      timers.delete(timer);
      callback();
    }, delayMs);
    timers.add(timer);
    return timer;
  }) as typeof set;
  globalThis.clearTimeout = (timer) => {
    timers.delete(timer);
    clear(timer);
  };
  const listeners = countListeners(signal);
  try {
    await run(() => ({ timers: timers.size, listeners: listeners() }));
  } finally {
    globalThis.setTimeout = set;
    globalThis.clearTimeout = clear;
  }
}

Deno.test("calls that were answered leave one timer while others may come, no listener, and nothing at the end", async () => {
  const { signal } = new AbortController();
  await watched(signal, async (left) => {
    const runtime = await Runtime.start({ shards: 2, memory: "16MiB" });
    const before = left().timers;
    const group = new ServiceGroup({ maxInFlight: 3 });
    for (let round = 0; round < 50; round++) {
      const timeoutMs = 3_600_000 + round;
      const all = Array.from({ length: 20 }, (_, n) => {
        const options = n % 2 === 0 ? { signal, timeoutMs } : { signal, timeoutMs, group };
        return runtime.submitTo(1, busTasks.add.with(options), n, 1);
      });
      assertEquals(left().listeners, 1); // for all of them
      await Promise.all(all);
      assertEquals(left().listeners, 0);
      assertEquals(left().timers - before <= 1, true);
    }
    await runtime.stop();
    assertEquals(left(), { timers: 0, listeners: 0 });
  });
});

Deno.test("calls that are refused leave nothing either", async () => {
  const { signal } = new AbortController();
  await watched(signal, async (left) => {
    const runtime = await Runtime.start({ shards: 2, memory: "16MiB", onCrash: "keep" });
    const options = { signal, timeoutMs: 3_600_000 };
    const add = busTasks.add.with(options);
    const full = new ServiceGroup({ maxInFlight: 1, maxWaiting: 0 });
    full.tryAcquire();
    const refuse = async (call: () => Promise<unknown>) => {
      await assertRejects(call);
      assertEquals(left().listeners, 0);
    };
    await refuse(() => runtime.submitTo(1, busTasks.add.with({ ...options, group: full }), 1, 1));
    await refuse(() => runtime.submitTo(1, add, (() => 1) as unknown as number, 1));
    await runtime.submitTo(1, busTasks.crash, "throw").catch(() => {});
    await refuse(() => runtime.submitTo(1, add, 1, 1));
    await refuse(() => runtime.submitTo(1, busTasks.add.with({ ...options, noReply: true }), 1, 1));
    await runtime.stop();
    await refuse(() => runtime.submitTo(0, add, 1, 1));
    await refuse(() => runtime["endpoint"].submitTo(0, add, [1, 1])); // past the runtime's own look
    assertEquals(left(), { timers: 0, listeners: 0 });
  });
});

Deno.test("the time that finished calls would have had keeps no process running", async () => {
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-check",
      "--allow-read",
      new URL("./programs/finished_calls.ts", import.meta.url).href,
    ],
    stderr: "inherit",
    signal: AbortSignal.timeout(60_000), // only to fail instead of hanging
  }).output();
  assertEquals([code, new TextDecoder().decode(stdout)], [0, "3\n"]);
});
