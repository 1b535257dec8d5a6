import { CallHandle } from "../../../shard/bus/mod.ts";
import { Deadlines, MAX_TIMER_MS } from "../../../shard/calls/deadlines.ts";
import { assert, assertEquals } from "@std/assert";
import { withRandom } from "../../harness/seeded_random.ts";

Deno.test("Deadlines end each call when its time is over and not before, and none that is over", () =>
  withRandom(async (random) => {
    const CALLS = 2_000;
    const awake = setInterval(() => {}, 1_000); // deadlines alone keep no program running
    const ends = new Map<CallHandle, number>();
    const ended: CallHandle[] = [];
    const last = Promise.withResolvers<void>();
    const end = (handle: CallHandle) => {
      assert(performance.now() >= ends.get(handle)!, "too early");
      assert(!handle.settled, "it was over");
      handle.settle();
      ended.push(handle);
      if (handle === latest) last.resolve();
    };
    const deadlines = new Deadlines((handles) => handles.forEach(end));
    const add = (timeoutMs: number): CallHandle => {
      const handle = new CallHandle();
      ends.set(handle, performance.now() + timeoutMs);
      deadlines.add(handle, timeoutMs);
      return handle;
    };
    for (let i = 0; i < CALLS; i++) {
      add(random.below(2) === 0 ? random.below(50) : random.below(50_000) / 1000);
      if (random.below(3) > 0) continue;
      const others = [...ends.keys()];
      others[random.below(others.length)]!.settle(); // it was answered, once or twice
    }
    const forever = [add(MAX_TIMER_MS), add(MAX_TIMER_MS - 1)];
    const latest = add(60);
    await last.promise;
    const due = [...ends.keys()].filter((handle) => !forever.includes(handle));
    assertEquals(due.filter(({ settled }) => !settled), []);
    assertEquals(
      ended.map(({ deadline }) => deadline),
      ended.map((h) => h.deadline).sort((a, b) => a - b),
    );
    for (const handle of forever) {
      assertEquals(handle.settled, false);
      handle.settle();
    }
    clearInterval(awake);
    deadlines.rest(); // or the sanitizer finds the timer
  }));

Deno.test("Deadlines keep one timer, and none once there is nothing to do", () => {
  const deadlines = new Deadlines(() => {});
  const { setTimeout: set, clearTimeout: clear } = globalThis;
  let timers = 0;
  let calls = 0;
  globalThis.setTimeout = ((...args: Parameters<typeof set>) => {
    timers++;
    calls++;
    return set(...args);
  }) as typeof set;
  globalThis.clearTimeout = (timer) => {
    if (timer !== undefined) timers--;
    clear(timer);
  };
  try {
    for (let i = 0; i < 1_000; i++) {
      const handle = new CallHandle();
      deadlines.add(handle, 60_000 + i);
      handle.settle();
    }
    assertEquals([timers, calls], [1, 1]);
    const handle = new CallHandle();
    deadlines.add(handle, 30_000); // sooner than the timer
    assertEquals([timers, calls], [1, 2]);
    deadlines.rest();
    assertEquals(timers, 1); // a call needs it
    handle.settle();
    deadlines.rest();
    assertEquals(timers, 0);
    const next = new CallHandle();
    deadlines.add(next, 30_000);
    assertEquals(timers, 1);
    next.settle();
    deadlines.rest();
    assertEquals(timers, 0);
  } finally {
    globalThis.setTimeout = set;
    globalThis.clearTimeout = clear;
  }
});

Deno.test("Deadlines end a call whose time is short while others have long, and one after the other", async () => {
  const awake = setInterval(() => {}, 1_000);
  let ended = Promise.withResolvers<CallHandle>();
  const deadlines = new Deadlines(([handle]) => ended.resolve(handle!));
  const long = new CallHandle();
  deadlines.add(long, 3_600_000);
  for (let round = 0; round < 3; round++) {
    const short = new CallHandle();
    deadlines.add(short, round);
    assertEquals(await ended.promise, short);
    ended = Promise.withResolvers();
    if (round === 1) long.settle(); // from then on each is alone
  }
  clearInterval(awake);
  deadlines.rest();
});
