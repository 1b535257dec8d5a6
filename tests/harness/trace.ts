/**
 * Allocation traces for tests: those of the replay example, traces written out in a test, and random
 * ones of several threads that free and resize each other's blocks.
 */
import { parseTrace, readTrace, type Trace } from "../../examples/replay/trace.ts";
import { SeededRandom } from "./seeded_random.ts";

/** The traces that live in the repository. */
export type BundledTrace = "git-pack" | "jq" | "lua" | "sqlite";

/** The path of a bundled trace. */
export function bundledTracePath(name: BundledTrace): string {
  return `${import.meta.dirname}/../../examples/replay/traces/${name}.trace.gz`;
}

/** Reads a bundled trace. */
export function bundledTrace(name: BundledTrace): Promise<Trace> {
  return readTrace(bundledTracePath(name));
}

/** The trace in `text`, cut into chunks of `chunkBytes`. */
export function traceOf(text: string, chunkBytes = 2 ** 16): Promise<Trace> {
  return parseTrace(chunksOf(new TextEncoder().encode(text), chunkBytes), "test");
}

/** How to make a random trace. */
export interface RandomTraceOptions {
  readonly seed: number;
  readonly threads: number;
  readonly operations: number;
  /** The largest block, in bytes. */
  readonly maxSize: number;
}

/**
 * A random trace in which any thread may free or resize any block, as its text. The same options give
 * the same trace.
 */
export function randomTrace(options: RandomTraceOptions): string {
  const { threads, operations, maxSize } = options;
  const random = new SeededRandom(options.seed);
  const live: number[] = [];
  const lines: string[] = [];
  let blocks = 0;
  while (lines.length < operations) {
    const thread = random.below(threads);
    const action = random.below(10);
    // Squaring makes most blocks small and a few large, as in programs.
    const size = Math.floor((random.below(1000) / 1000) ** 2 * maxSize);
    if (live.length === 0 || action < 5) {
      const block = blocks++;
      live.push(block);
      if (action === 0) lines.push(`c ${thread} ${block} ${size}`);
      else if (action === 1) lines.push(`m ${thread} ${block} ${size} ${8 << random.below(6)}`);
      else lines.push(`a ${thread} ${block} ${size}`);
      continue;
    }
    const index = random.below(live.length);
    const block = live[index]!;
    if (action < 7) {
      lines.push(`r ${thread} ${block} ${size}`);
    } else {
      lines.push(`f ${thread} ${block}`);
      live[index] = live[live.length - 1]!;
      live.pop();
    }
  }
  return `${lines.join("\n")}\n`;
}

async function* chunksOf(
  bytes: Uint8Array<ArrayBuffer>,
  chunkBytes: number,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.slice(at, at + chunkBytes);
}
