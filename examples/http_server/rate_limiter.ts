/**
 * How many requests a client may make: token buckets, each on the shard that its client belongs to.
 *
 * @module
 */
import { f64, struct, text } from "@tidepool/core/allocator";
import { partitionedMap } from "@tidepool/core/structures";

/** What each client may do. */
export interface Limit {
  /** Requests at once, after a pause. */
  readonly burst: number;
  /** Requests a second, in the long run. */
  readonly perSecond: number;
}

/** What a client may still do. */
const Bucket = struct("Bucket", {
  tokens: f64,
  /** When it was filled up last, in milliseconds of its shard's clock. */
  filledAt: f64,
  /** Seconds until the client may come again, if it was not let in the last time. */
  wait: f64,
});

/** What is in a bucket now. */
function tokensIn(bucket: { tokens: number; filledAt: number }, limit: Limit): number {
  const seconds = (performance.now() - bucket.filledAt) / 1000;
  return Math.min(limit.burst, bucket.tokens + seconds * limit.perSecond);
}

/** The buckets of all clients, who begin with full ones. */
export const buckets = partitionedMap(import.meta.url, "buckets", {
  key: text(),
  value: Bucket,
  updates: {
    /** Lets a client in, or says how long it has to wait. */
    take(bucket, limit: Limit) {
      const tokens = bucket === undefined ? limit.burst : tokensIn(bucket, limit);
      const wait = tokens < 1 ? (1 - tokens) / limit.perSecond : 0;
      return { tokens: wait > 0 ? tokens : tokens - 1, filledAt: performance.now(), wait };
    },
    /** Forgets a client whose bucket is full again: it is as good as new. */
    forget: (bucket, limit: Limit) =>
      bucket === undefined || tokensIn(bucket, limit) === limit.burst ? undefined : bucket,
  },
});

export type Buckets = Awaited<ReturnType<typeof buckets.start>>;
