/**
 * Whether a thread that is said to have ended writes nothing any more, for every way to end and with real
 * threads: its slice is given to its successor. What this can't show is that Deno never runs a thread's
 * JavaScript after it has disposed of the isolate; V8 cannot.
 */
import { assert, assertEquals } from "@std/assert";
import { hasEnded, LOCK_STOLEN } from "../../../shard/worker/life_lock.ts";
import { type SeededRandom, withRandom } from "../../harness/seeded_random.ts";
import { workerThreads } from "../../harness/worker_threads.ts";
import {
  BEGUN,
  type BusyOrder,
  COUNT,
  MEMORY_PAGES,
  STOP,
  THREAD_ENDINGS,
  type ThreadEnding,
  type Work,
  WORKS,
} from "./busy_thread.ts";

/** More than the cores: so threads lose their core at any point. */
const AT_ONCE = 4;

interface LockManager {
  request(name: string, options: unknown, whenHeld: () => unknown): Promise<unknown>;
}
const { locks } = navigator as unknown as { readonly locks: LockManager };

/** A thread that is busy until it is told to stop. */
class BusyThread {
  readonly name = `busy ${crypto.randomUUID()}`;
  readonly memory: WebAssembly.Memory = new WebAssembly.Memory({
    initial: MEMORY_PAGES,
    maximum: MEMORY_PAGES,
    shared: true,
  });
  readonly #words = new Int32Array(this.memory.buffer);
  readonly #worker: Worker;
  readonly #pulse: Promise<SharedArrayBuffer>;
  /** Resolves to what the thread has failed with. */
  readonly failure: Promise<string>;

  constructor() {
    const pulse = Promise.withResolvers<SharedArrayBuffer>();
    const failure = Promise.withResolvers<string>();
    this.#pulse = pulse.promise;
    this.failure = failure.promise;
    const url = new URL("./busy_thread.ts", import.meta.url);
    this.#worker = new Worker(url, { type: "module", name: this.name });
    this.#worker.onmessage = ({ data }: MessageEvent<SharedArrayBuffer | string>) => {
      if (typeof data === "string") failure.resolve(data);
      else pulse.resolve(data);
    };
  }

  /** Sets it to work, and resolves when it has begun to end; where that is the host's part, before. */
  async begin(work: Work, ending: ThreadEnding): Promise<void> {
    await this.#pulse;
    this.#worker.postMessage({ memory: this.memory, work, ending } satisfies BusyOrder);
    while (Atomics.load(this.#words, BEGUN) === 0) await nextTurn();
  }

  get count(): number {
    return Atomics.load(this.#words, COUNT);
  }

  /** Resolves when it has been seen to write. */
  async writes(): Promise<void> {
    for (const { count } = this; this.count === count;) await nextTurn();
  }

  terminate(): void {
    this.#worker.terminate();
  }

  stop(): void {
    Atomics.store(this.#words, STOP, 1);
    Atomics.notify(this.#words, STOP);
  }

  async hasEnded(signal: AbortSignal): Promise<boolean> {
    return await hasEnded(this.name, await this.#pulse, signal);
  }

  /** All that it has written. */
  written(): Int32Array {
    return this.#words.slice();
  }
}

function nextTurn(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  setTimeout(resolve);
  return promise;
}

/** Lets one thread end; resolves to it, and what it had written when it was said to have ended. */
async function outcome(
  work: Work,
  ending: ThreadEnding,
  turns: number,
): Promise<{ readonly thread: BusyThread; readonly written: Int32Array }> {
  const thread = new BusyThread();
  await thread.begin(work, ending);
  const ended = thread.hasEnded(new AbortController().signal);
  if (ending === "terminate()") {
    thread.terminate();
    await thread.writes(); // it does not heed that before its turn is over
  }
  for (let turn = 0; turn < turns; turn++) await nextTurn();
  thread.stop();
  assert(await ended, `${work}, ${ending}`);
  const written = thread.written();
  thread.terminate();
  return { thread, written };
}

/** Does all, a few at a time. */
async function inBatches<Item, Result>(
  items: readonly Item[],
  doOne: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const queue = items.values();
  const results: Result[] = [];
  const workThrough = async () => {
    for (const item of queue) results.push(await doOne(item));
  };
  await Promise.all(Array.from({ length: AT_ONCE }, workThrough));
  return results;
}

for (const ending of THREAD_ENDINGS) {
  Deno.test(`hasEnded() is true of a busy thread when it writes no more: ${ending}`, async () => {
    await withRandom(async (random: SeededRandom) => {
      const outcomes = await inBatches(
        random.shuffle([...WORKS]),
        (work) => outcome(work, ending, random.below(20)),
      );
      // While the later ones ended, the first had all the time to go on.
      for (const { thread, written } of outcomes) assertEquals(thread.written(), written);
    });
  });
}

/** Takes the lock from whoever holds it, and gives it back unless it is to be kept. */
function steal(name: string, untilWhen: Promise<void> = Promise.resolve()): Promise<void> {
  const taken = Promise.withResolvers<void>();
  locks.request(name, { steal: true }, () => {
    taken.resolve();
    return untilWhen;
  }).catch(taken.reject);
  return taken.promise;
}

Deno.test("hasEnded() waits for the end of a thread whose lock was stolen", async () => {
  const thread = new BusyThread();
  await thread.begin("plain stores", "terminate()");
  const ended = thread.hasEnded(new AbortController().signal);
  await steal(thread.name);
  await locks.request(thread.name, {}, () => {}); // so it was free
  await thread.writes();
  thread.terminate();
  await thread.writes();
  assertEquals(await Promise.race([ended, nextTurn()]), undefined);
  thread.stop();
  assertEquals(await ended, true);
  const written = thread.written();
  await workerThreads.ended(0);
  assertEquals(thread.written(), written);
});

Deno.test("hasEnded() is false of a thread that goes on after its lock was stolen", async () => {
  const thread = new BusyThread();
  await thread.begin("plain stores", "terminate()");
  const ended = thread.hasEnded(new AbortController().signal);
  await steal(thread.name);
  assertEquals(await ended, false);
  await thread.writes();
  thread.stop();
  assertEquals(await thread.failure, `Error: ${LOCK_STOLEN}`); // it says so itself, once it can
  thread.terminate();
});

Deno.test("hasEnded() is false when its signal aborts, of a thread that has not ended", async () => {
  const thread = new BusyThread();
  await thread.begin("plain stores", "terminate()");
  assertEquals(await thread.hasEnded(AbortSignal.abort()), false);
  thread.terminate();
  thread.stop();
  assertEquals(await thread.hasEnded(new AbortController().signal), true);
});

Deno.test({
  name: "hasEnded() is true when its signal aborts, of a thread whose lock was stolen for good",
  ignore: !workerThreads.canBeCounted, // nothing else would tell when to abort
  async fn() {
    const thread = new BusyThread();
    const kept = Promise.withResolvers<void>();
    await thread.begin("plain stores", "terminate()");
    const end = new AbortController();
    const ended = thread.hasEnded(end.signal);
    await steal(thread.name, kept.promise);
    thread.terminate();
    thread.stop();
    await workerThreads.ended(0);
    end.abort();
    assertEquals(await ended, true);
    kept.resolve();
  },
});
