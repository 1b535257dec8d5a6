/**
 * Loads that are under way, one for each key, however many wait for it.
 *
 * @module
 */

/** One load; forgotten when another is in its place, or none. */
interface Load {
  readonly promise: Promise<unknown>;
}

/** The loads of one cache. */
export class Loads<Key> {
  readonly #byKey = new Map<unknown, Load>();

  /** The load of a key that is under way, if there is one. */
  of(key: Key): Promise<unknown> | undefined {
    return this.#byKey.size === 0 ? undefined : this.#byKey.get(identityOf(key))?.promise;
  }

  /**
   * Begins to load a key.
   *
   * @param keep Is given the value when it has come, if the load was not forgotten meanwhile. What it throws,
   * the promise is rejected with, as with what `load` throws.
   */
  begin(
    key: Key,
    load: (key: Key) => unknown,
    keep: (key: Key, value: unknown) => void,
  ): Promise<unknown> {
    // Bytes may change while the load goes on.
    const kept = key instanceof Uint8Array ? key.slice() as Key : key;
    const identity = identityOf(key);
    const isForgotten = () => this.#byKey.get(identity) !== loading;
    const run = async () => {
      // So that nothing happens before it is in the map: what loads may ask for the same key.
      await null;
      try {
        const value = await load(kept);
        if (!isForgotten()) keep(kept, value);
        return value;
      } finally {
        if (!isForgotten()) this.#byKey.delete(identity);
      }
    };
    const loading: Load = { promise: run() };
    this.#byKey.set(identity, loading);
    return loading.promise;
  }

  /** Who waits gets the value that is being loaded; but it is not kept, and who comes now loads anew. */
  forget(key: Key): void {
    if (this.#byKey.size > 0) this.#byKey.delete(identityOf(key));
  }

  /** The same for all keys. */
  forgetAll(): void {
    this.#byKey.clear();
  }
}

/** What a `Map` can tell keys apart by. */
function identityOf(key: unknown): unknown {
  return key instanceof Uint8Array ? key.join() : key;
}
