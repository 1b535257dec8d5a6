/**
 * Sessions of a site, each on the shard that its id belongs to. A shard that dies takes its sessions with
 * it, and comes back with an empty store; the others keep theirs.
 *
 * @module
 */
import { defineService, type ServiceDefinition } from "@tidepool/core";

/** The sessions of one shard. No other touches them, so none is locked. */
export class SessionStore {
  readonly #sessions = new Map<string, { values: Map<string, string>; endsAt: number }>();
  readonly #sweeper = setInterval(() => this.count(), 1000);

  constructor(readonly lifetimeSeconds: number) {}

  get(id: string, name: string): string | undefined {
    return this.#find(id)?.values.get(name);
  }

  /** Begins the session if there is none, and its lifetime in any case. */
  set(id: string, name: string, value: string): boolean {
    const session = this.#find(id) ?? { values: new Map<string, string>(), endsAt: Infinity };
    session.values.set(name, value);
    this.#sessions.set(id, session);
    return this.expire(id, this.lifetimeSeconds);
  }

  /** Returns whether there was such a value. */
  delete(id: string, name: string): boolean {
    return this.#find(id)?.values.delete(name) ?? false;
  }

  /** Lets the session end in so many seconds. Returns whether there is one. */
  expire(id: string, seconds: number): boolean {
    const session = this.#find(id);
    if (session !== undefined) session.endsAt = performance.now() + seconds * 1000;
    return session !== undefined;
  }

  /** How many sessions there are; forgets those that have ended. */
  count(): number {
    for (const id of this.#sessions.keys()) this.#find(id);
    return this.#sessions.size;
  }

  #find(id: string) {
    const session = this.#sessions.get(id);
    if (session === undefined || session.endsAt > performance.now()) return session;
    this.#sessions.delete(id);
  }

  stop(): void {
    clearInterval(this.#sweeper);
  }
}

export const sessionStore: ServiceDefinition<[number], SessionStore> = defineService(
  import.meta.url,
  "sessionStore",
  SessionStore,
);
