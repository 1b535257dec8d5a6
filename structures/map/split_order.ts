/**
 * The order of a split-ordered list (Shalev and Shavit, "Split-Ordered Lists: Lock-Free Extensible Hash
 * Tables", J. ACM 53(3), 2006): by the hash with its bits reversed. All that a bucket holds then stands
 * together, and when the bucket is split in two by one more bit of the hash, each half still does: only a
 * slot comes between them. Buckets are split one at a time, in turn (Litwin, "Linear Hashing", 1980).
 *
 * An order is a signed number, so that a plain comparison is right. Those of nodes are odd, those of slots
 * even: a slot stands before all nodes of its bucket.
 *
 * @module
 */

/** Of the smallest reversed hash, so that signed numbers compare as unsigned ones would. */
const BIAS = 0x80000000 | 0;

/** The order of a node of that hash. Its highest bit is not used. */
export function orderOfHash(hash: number): number {
  return (reverse(hash) ^ BIAS) | 1;
}

/** The order of the slot of a bucket. */
export function orderOfBucket(bucket: number): number {
  return reverse(bucket) ^ BIAS;
}

/** The hash, but for its highest bit, of an order. */
export function hashOfOrder(order: number): number {
  return reverse(order ^ BIAS);
}

/** The bucket of a hash, if there are so many buckets. */
export function bucketOf(hash: number, buckets: number): number {
  const mask = buckets <= 1 ? 0 : -1 >>> Math.clz32(buckets - 1);
  const bucket = hash & mask;
  // Not split off yet: the bucket that it will be split from.
  return bucket < buckets ? bucket : bucket & (mask >>> 1);
}

/** The bucket that another is split from: without its highest bit. */
export function parentOf(bucket: number): number {
  return bucket & ~(0x80000000 >>> Math.clz32(bucket));
}

function reverse(bits: number): number {
  let x = bits;
  x = ((x >>> 1) & 0x55555555) | ((x & 0x55555555) << 1);
  x = ((x >>> 2) & 0x33333333) | ((x & 0x33333333) << 2);
  x = ((x >>> 4) & 0x0f0f0f0f) | ((x & 0x0f0f0f0f) << 4);
  x = ((x >>> 8) & 0x00ff00ff) | ((x & 0x00ff00ff) << 8);
  return (x >>> 16) | (x << 16);
}
