/**
 * Synthetic allocation programs, after the patterns that allocator benchmarks agree on: random
 * replacement (the larson benchmark of mimalloc-bench), last-in-first-out and first-in-first-out
 * bursts (glibc's own bench-malloc-simple), and pairs beside many live blocks, which shows an
 * allocator whose free or malloc walks its blocks. All are drawn from one fixed seed.
 *
 * @module
 */
import { MALLOC, type Program, ProgramBuilder } from "./program.ts";

/** The pattern that `rate_vs_thing_10k_live` is about. */
export const PAIRS_BESIDE_10K_LIVE = "pairs beside 10,000 live blocks";

const SEED = 0x71de9001;

/**
 * Builds every pattern.
 *
 * @param share The part of the usual number of timed operations, 1 for a real run.
 */
export function makePatterns(share: number): Program[] {
  const count = (usual: number): number => Math.max(1, Math.round(usual * share));
  return [
    pairs(PAIRS_BESIDE_10K_LIVE, 15_000, count(5_000)),
    replacement("churn, 2,000 live, 16 to 1,024 bytes", 2_000, 16, 1_024, count(20_000)),
    replacement("larson-like, 5,000 live, 8 to 1,000 bytes", 5_000, 8, 1_000, count(20_000)),
    bursts("LIFO bursts of 1,000", 1_000, count(20), "last first"),
    bursts("FIFO bursts of 1,000", 1_000, count(20), "first first"),
  ];
}

/** Mallocs `prepared` blocks, frees every third, then times malloc and free of one more block. */
function pairs(name: string, prepared: number, count: number): Program {
  const draw = seededDraw(SEED);
  const builder = new ProgramBuilder(name);
  for (let block = 0; block < prepared; block++) builder.allocate(MALLOC, block, draw(16, 1_024));
  for (let block = 0; block < prepared; block += 3) builder.free(block);
  builder.startTiming();
  for (let pair = 0; pair < count; pair++) {
    builder.allocate(MALLOC, prepared, draw(16, 1_024));
    builder.free(prepared);
  }
  return builder.finish();
}

/** Fills `slots`, then frees a random one and mallocs another in its place, `count` times. */
function replacement(
  name: string,
  slots: number,
  smallest: number,
  largest: number,
  count: number,
): Program {
  const draw = seededDraw(SEED);
  const builder = new ProgramBuilder(name);
  for (let block = 0; block < slots; block++) {
    builder.allocate(MALLOC, block, draw(smallest, largest));
  }
  builder.startTiming();
  for (let turn = 0; turn < count; turn++) {
    const block = draw(0, slots - 1);
    builder.free(block);
    builder.allocate(MALLOC, block, draw(smallest, largest));
  }
  return builder.finish();
}

/** Mallocs a burst of blocks and frees them all, `count` times. */
function bursts(
  name: string,
  blocks: number,
  count: number,
  order: "last first" | "first first",
): Program {
  const draw = seededDraw(SEED);
  const builder = new ProgramBuilder(name);
  for (let burst = 0; burst < count; burst++) {
    for (let block = 0; block < blocks; block++) builder.allocate(MALLOC, block, draw(16, 256));
    for (let turn = 0; turn < blocks; turn++) {
      builder.free(order === "last first" ? blocks - 1 - turn : turn);
    }
  }
  return builder.finish();
}

/**
 * Integers from `low` to `high`, both included: the 32-bit xorshift generator of Marsaglia (2003),
 * triple 13, 17, 5. The remainder's bias is harmless at ranges this small.
 */
export function seededDraw(seed: number): (low: number, high: number) => number {
  let state = seed;
  return (low, high) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return low + (state >>> 0) % (high - low + 1);
  };
}
