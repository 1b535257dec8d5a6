/**
 * Sessions of a site, each on the shard that its id belongs to, where every shard can read it. A shard that
 * dies takes its sessions with it, and comes back with an empty store; the others keep theirs. Sessions that
 * were not used of late go when memory is short.
 *
 * @module
 */
import { defineService, type ServiceDefinition } from "@tidepool/core";
import { text } from "@tidepool/core/allocator";
import { codec, type SharedCache, sharedCache } from "@tidepool/core/structures";

type Session = Map<string, string>;

const session = codec<Session>({
  encode: (values) => new TextEncoder().encode(JSON.stringify([...values])),
  decode: (bytes) => new Map(JSON.parse(new TextDecoder().decode(bytes))),
});
export const sessions = sharedCache("Sessions", { key: text(), value: session });

/** The sessions of one shard. No other changes them, so none is locked. */
export class SessionStore {
  readonly #sessions: SharedCache<string, Session> = sessions.make();

  constructor(readonly lifetimeSeconds: number) {}

  /** Where they lie: `sessions.reader()` reads them there. */
  address(): number {
    return this.#sessions.address;
  }

  get(id: string, name: string): string | undefined {
    return this.#sessions.get(id)?.get(name);
  }

  /** Begins the session if there is none, and its lifetime in any case. */
  set(id: string, name: string, value: string): boolean {
    const values = this.#sessions.get(id) ?? new Map<string, string>();
    this.#sessions.set(id, values.set(name, value), { ttlMs: this.lifetimeSeconds * 1000 });
    return true;
  }

  /** Returns whether there was such a value. */
  delete(id: string, name: string): boolean {
    const values = this.#sessions.get(id);
    if (values === undefined || !values.delete(name)) return false;
    this.#sessions.set(id, values, { keepTtl: true });
    return true;
  }

  /** Lets the session end in so many seconds. Returns whether there is one. */
  expire(id: string, seconds: number): boolean {
    if (!(seconds > 0)) return this.#sessions.delete(id);
    const values = this.#sessions.get(id);
    if (values !== undefined) this.#sessions.set(id, values, { ttlMs: seconds * 1000 });
    return values !== undefined;
  }

  /** How many sessions there are; forgets those that have ended. */
  count(): number {
    this.#sessions.purgeStale();
    return this.#sessions.size;
  }

  stop(): void {
    this.#sessions[Symbol.dispose]();
  }
}

export const sessionStore: ServiceDefinition<[number], SessionStore> = defineService(
  import.meta.url,
  "sessionStore",
  SessionStore,
);
