/** Bells and waits for a word, on one thread: see shard/ring/wait_strategy.ts. */
import { assert, assertEquals } from "@std/assert";
import { setImmediate } from "node:timers";
import {
  announce,
  Doorbells,
  eventLoopTurn,
  waitUntilAtLeast,
} from "../../../shard/ring/wait_strategy.ts";

/** PARKED words of two endpoints, neither where its number would say. */
const PARKED = [3, 1];

function twoEndpoints(): { words: Int32Array; sleeper: Doorbells; peer: Doorbells } {
  const words = new Int32Array(new SharedArrayBuffer(16));
  const [sleeper, peer] = [0, 1].map((endpoint) => new Doorbells(words, PARKED, endpoint)) as [
    Doorbells,
    Doorbells,
  ];
  return { words, sleeper, peer };
}

Deno.test("Doorbells.ring() wakes who sleeps, once, and nobody else", async () => {
  const { words, sleeper, peer } = twoEndpoints();
  assertEquals([peer.ring(0), peer.looksAsleep(0), [...words]], [false, false, [0, 0, 0, 0]]);
  sleeper.announceSleep();
  assertEquals([peer.looksAsleep(0), peer.looksAsleep(1), [...words]], [true, false, [0, 0, 0, 1]]);
  const asleep = sleeper.sleep();
  assert(asleep !== undefined);
  assertEquals(sleeper.ring(1), false);
  assertEquals([peer.ring(0), peer.ring(0), peer.looksAsleep(0)], [true, false, false]);
  assertEquals(await kept(asleep), "ok");
});

Deno.test("Doorbells.ringSelf() ends the own sleep", async () => {
  const { sleeper, peer } = twoEndpoints();
  sleeper.announceSleep();
  const asleep = sleeper.sleep();
  assertEquals([peer.ringSelf(), sleeper.ringSelf()], [false, true]);
  assertEquals(await kept(asleep), "ok");
});

Deno.test("Doorbells.sleep() is over before it begins if the bell has rung, or the sleep was taken back", () => {
  const { sleeper, peer } = twoEndpoints();
  sleeper.announceSleep();
  assertEquals(peer.ring(0), true);
  assertEquals(sleeper.sleep(), undefined);
  sleeper.announceSleep();
  sleeper.cancelSleep();
  assertEquals([peer.looksAsleep(0), peer.ring(0), sleeper.sleep()], [false, false, undefined]);
});

/** Waits for a promise that does not keep the event loop going by itself. */
async function kept<T>(promise: Promise<T> | undefined): Promise<T | undefined> {
  const living = setInterval(() => {}, 1000);
  try {
    return await promise;
  } finally {
    clearInterval(living);
  }
}

/** Whether a promise is settled once the event loop has turned. */
async function isSettled(promise: Promise<void>): Promise<boolean> {
  let settled = false;
  promise.then(() => settled = true);
  await new Promise((resolve) => setImmediate(resolve));
  return settled;
}

Deno.test("waitUntilAtLeast() ends once the word has reached the value, also where that wraps", async () => {
  const MOST = 2 ** 31 - 1;
  for (const [start, value] of [[0, 2], [MOST, -MOST], [MOST - 1, -MOST - 1]] as const) {
    const words = new Int32Array(new SharedArrayBuffer(8));
    words[1] = start;
    const { signal } = new AbortController();
    const waits = [1, 2].map(() => waitUntilAtLeast(words, 1, value, signal));
    announce(words, 1, value - 1);
    assertEquals(await isSettled(waits[0]!), false, `${start}`);
    announce(words, 1, value);
    assertEquals(words[1], value);
    await kept(Promise.all(waits));
    await waitUntilAtLeast(words, 1, value, signal); // it has been reached already
    await waitUntilAtLeast(words, 1, value - 1, signal);
  }
});

Deno.test("waitUntilAtLeast() ends when its signal aborts, before or after it began", async () => {
  const words = new Int32Array(new SharedArrayBuffer(4));
  const abort = new AbortController();
  const waiting = waitUntilAtLeast(words, 0, 1, abort.signal);
  assertEquals(await isSettled(waiting), false);
  abort.abort();
  await kept(waiting);
  await waitUntilAtLeast(words, 0, 1, abort.signal);
  announce(words, 0, 1); // or the engine would keep the wait
});

Deno.test("eventLoopTurn() lets timers run, before and after it has taken to immediates", async () => {
  using _alive = keepAlive();
  for (const turnsBefore of [0, 7_000]) {
    for (let turn = 0; turn < turnsBefore; turn++) await eventLoopTurn();
    let hasRun = false;
    setTimeout(() => hasRun = true, 1);
    for (let turn = 0; turn < 100_000 && !hasRun; turn++) await eventLoopTurn();
    assert(hasRun, `no timer ran after ${turnsBefore} turns`);
  }
});

Deno.test("eventLoopTurn() is over behind all microtasks, however many", async () => {
  using _alive = keepAlive();
  await eventLoopTurn(); // the test runner's own
  const order: string[] = [];
  const turn = eventLoopTurn().then(() => order.push("turn"));
  for (let i = 0; i < 1000; i++) await undefined;
  order.push("microtasks");
  await turn;
  assertEquals(order, ["microtasks", "turn"]);
});

/** A turn does not keep the event loop going. */
function keepAlive(): Disposable {
  const timer = setInterval(() => {}, 1000);
  return { [Symbol.dispose]: () => clearInterval(timer) };
}
