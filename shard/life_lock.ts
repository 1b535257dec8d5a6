/**
 * How the host learns that a thread is gone, however it went. A worker that calls `self.close()` or
 * `Deno.exit()` raises no event in the thread that made it; but a Web Lock that it holds is taken
 * away from it, and goes to whoever waits. (Measured: within 3 ms, and for `terminate()` and an
 * uncaught error too.)
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

/** Takes the lock and never gives it back; resolves when this thread holds it. */
export function holdLifeLock(name: string): Promise<void> {
  const held = Promise.withResolvers<void>();
  locks.request(name, () => {
    held.resolve();
    return new Promise(() => {});
  }).catch(held.reject);
  return held.promise;
}

/**
 * Resolves when the thread that holds the lock is gone; rejects if `signal` ends the wait. It keeps
 * the process alive meanwhile.
 */
export async function lifeLockFreed(name: string, signal: AbortSignal): Promise<void> {
  await locks.request(name, { signal }, () => {});
}
