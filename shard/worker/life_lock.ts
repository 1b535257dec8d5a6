/**
 * How the host learns that a thread has ended, however it went.
 *
 * The bell: a worker that calls `self.close()` or `Deno.exit()` raises no event in the thread that made
 * it; but a Web Lock that it holds is taken away from it, and goes to whoever waits. That a lock is free
 * proves nothing, though: any code of the process can steal it, and when Deno frees it is Deno's affair.
 *
 * The proof: the thread has waiters on a word of shared memory, its pulse. They belong to its V8 isolate,
 * and go when that is disposed of, after which no JavaScript can run in it. Nobody can take one away but by
 * waking it, which tells the number of waiters woken: 0 from a thread that has ended, 1 from one that
 * has not, be it asleep, busy, stuck, or told to end.
 *
 * @module
 */

/** The Web Locks API, which Deno 2.9 has and its types leave out. */
interface LockManager {
  request(name: string, whenHeld: () => unknown): Promise<unknown>;
  request(
    name: string,
    options: { readonly signal: AbortSignal },
    whenHeld: () => unknown,
  ): Promise<unknown>;
}

const locks = (navigator as unknown as { readonly locks: LockManager }).locks;

/** What a shard dies of when other code has taken its lock. */
export const LOCK_STOLEN =
  "its life lock was stolen, by navigator.locks.request() with steal: true";

/**
 * A thread is asked at once when its lock is free, and then after 1, 2, 4 ms and so on, since Deno frees
 * the lock some time before it disposes of the isolate (measured: 2 ms, 60 with a large heap).
 * The last pause; with those before it two seconds.
 */
const LAST_PAUSE_MS = 1024;

/** How often a thread is asked at most. Each answer uses up one of its waiters. */
const MAX_QUESTIONS = Math.log2(LAST_PAUSE_MS) + 2;

/**
 * Takes the lock, for life; resolves to the thread's pulse when this thread holds it. Should the lock
 * be stolen later, there is an unhandled rejection: the thread cannot be watched any more.
 */
export async function holdLifeLock(name: string): Promise<SharedArrayBuffer> {
  const pulse = new Int32Array(new SharedArrayBuffer(4));
  for (let waiter = 0; waiter < MAX_QUESTIONS; waiter++) Atomics.waitAsync(pulse, 0, 0);
  const held = Promise.withResolvers<void>();
  locks.request(name, () => {
    held.resolve();
    return new Promise(() => {});
  }).catch((error) => {
    throw new Error(LOCK_STOLEN, { cause: error });
  });
  await held.promise;
  return pulse.buffer;
}

/**
 * Waits until the thread that holds the lock has ended, or `signal` ends the wait; resolves to whether the
 * thread has ended. So false says that it goes on, and that the signal has aborted or its lock was stolen. It
 * keeps the process alive meanwhile. A thread's answers are enough for one such wait.
 */
export async function hasEnded(
  name: string,
  pulse: SharedArrayBuffer,
  signal: AbortSignal,
): Promise<boolean> {
  try {
    await locks.request(name, { signal }, () => {});
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  const word = new Int32Array(pulse);
  for (let pauseMs = 1; Atomics.notify(word, 0, 1) > 0; pauseMs *= 2) {
    if (signal.aborted || pauseMs > LAST_PAUSE_MS) return false;
    await pause(pauseMs, signal);
  }
  return true;
}

/** Resolves after `ms`, or when `signal` aborts. Not by `setTimeout()`, which takes 10 ms at its first use. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  const timer = AbortSignal.timeout(ms);
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = () => resolve();
  timer.addEventListener("abort", end);
  signal.addEventListener("abort", end);
  await promise;
  timer.removeEventListener("abort", end); // one that is listened to keeps the process alive
  signal.removeEventListener("abort", end);
}
