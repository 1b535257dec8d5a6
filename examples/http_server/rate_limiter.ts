/**
 * How many requests a client may make: token buckets, each on the shard that its client belongs to.
 *
 * @module
 */
import { defineService, type ServiceDefinition } from "@tidepool/core";

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

/** The buckets of the clients that belong to this shard. No other touches them, so none is locked. */
export class RateLimiter {
  readonly #limit: Limit;
  readonly #buckets = new Map<string, Bucket>();
  #sweepAt = FEW_CLIENTS;

  constructor(limit: Limit) {
    this.#limit = limit;
  }

  /** Lets a client in, or says how many seconds it has to wait. Called on the client's shard. */
  take(client: string): number {
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

export const rateLimiter: ServiceDefinition<[Limit], RateLimiter> = defineService(
  import.meta.url,
  "rateLimiter",
  RateLimiter,
);
