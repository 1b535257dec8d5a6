/**
 * The keys that maps are compared with.
 *
 * @module
 */

/** A prime: its multiples come in an order of their own. */
const STEP = 7919;
const LIMIT = 1_000_003;

/** So many keys, like "user:7919". */
export function keysOf(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `user:${(index * STEP) % LIMIT}`);
}

/** The numbers below `count` in an order without a pattern, the same one each time. */
export function randomOrder(count: number): Uint32Array<ArrayBuffer> {
  const order = Uint32Array.from({ length: count }, (_, index) => index);
  let state = 12345;
  for (let i = count - 1; i > 0; i--) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    const j = state % (i + 1);
    const other = order[j]!;
    order[j] = order[i]!;
    order[i] = other;
  }
  return order;
}
