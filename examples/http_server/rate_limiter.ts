/**
 * How many requests a client may make: token buckets, each on the shard that is its client's home.
 *
 * @module
 */
import {
  containerOf,
  defineService,
  type ServiceDefinition,
  shardCount,
  thisShard,
} from "@tidepool/core";

/** What each client may do. */
export interface Limit {
  /** Requests at once, after a pause. */
  readonly burst: number;
  /** Requests a second, in the long run. */
  readonly perSecond: number;
}

/** What a client may still do. */
interface Bucket {
  tokens: number;
  /** When it was filled up last, in milliseconds of this shard's clock. */
  filledAt: number;
}

/** Clients are not looked through for ones to forget before there are so many. */
const FEW_CLIENTS = 1024;

/** The buckets of the clients whose home is here. No other shard touches them, so none is locked. */
export class RateLimiter {
  readonly #limit: Limit;
  readonly #buckets = new Map<string, Bucket>();
  #sweepAt = FEW_CLIENTS;

  constructor(limit: Limit) {
    this.#limit = limit;
  }

  /**
   * Lets a client in, or says how many seconds it has to wait. Asks the client's home shard, which
   * may be this one.
   */
  async take(client: string): Promise<number> {
    const home = homeOf(client);
    if (home === thisShard()) return this.takeHere(client);
    return await containerOf<RateLimiter>(this).invokeOn(home, "takeHere", client);
  }

  /** The same, on the client's home shard. */
  takeHere(client: string): number {
    const { burst, perSecond } = this.#limit;
    const now = performance.now();
    const bucket = this.#buckets.get(client) ?? { tokens: burst, filledAt: now };
    this.#fill(bucket, now);
    if (bucket.tokens < 1) return (1 - bucket.tokens) / perSecond;
    bucket.tokens--;
    this.#buckets.set(client, bucket);
    if (this.#buckets.size >= this.#sweepAt) this.#sweep(now);
    return 0;
  }

  #fill(bucket: Bucket, now: number): void {
    const { burst, perSecond } = this.#limit;
    bucket.tokens = Math.min(burst, bucket.tokens + (now - bucket.filledAt) / 1000 * perSecond);
    bucket.filledAt = now;
  }

  /** Forgets clients whose bucket is full again: they are as good as new. */
  #sweep(now: number): void {
    for (const [client, bucket] of this.#buckets) {
      this.#fill(bucket, now);
      if (bucket.tokens === this.#limit.burst) this.#buckets.delete(client);
    }
    this.#sweepAt = Math.max(FEW_CLIENTS, 2 * this.#buckets.size);
  }
}

/** The shard that a client's bucket is on: a hash of its name (FNV-1a), the same on every shard. */
function homeOf(client: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < client.length; i++) {
    hash = Math.imul(hash ^ client.charCodeAt(i), 0x01000193);
  }
  return (hash >>> 0) % shardCount();
}

export const rateLimiter: ServiceDefinition<[Limit], RateLimiter> = defineService(
  import.meta.url,
  "rateLimiter",
  RateLimiter,
);
