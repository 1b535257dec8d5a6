/**
 * What each program of the comparison of log analytics prints.
 *
 * @module
 */
import { type LogSummary, percentile, topGroups } from "../../examples/log_analytics/log_counts.ts";

/** One line of JSON. */
export interface AnalyticsAnswer {
  /** The same for the same counts. */
  readonly digest: string;
  /** Megabytes a second, from the first block that was counted to the last; null if there was but one. */
  readonly streamingRate: number | null;
  /** Milliseconds for which nothing was done but counting, where that is known. */
  readonly countingMs: number | null;
}

/** How fast blocks come back counted. */
export class Streaming {
  #firstAt = 0;
  #firstBytes = 0;
  #lastAt = 0;
  #lastBytes = 0;

  /** So many bytes are counted now. */
  progress(bytes: number): void {
    this.#lastAt = performance.now();
    this.#lastBytes = bytes;
    if (this.#firstBytes > 0) return;
    this.#firstAt = this.#lastAt;
    this.#firstBytes = bytes;
  }

  /** Megabytes a second. */
  get rate(): number | null {
    const bytes = this.#lastBytes - this.#firstBytes;
    return bytes === 0 ? null : bytes / 1000 / (this.#lastAt - this.#firstAt);
  }
}

/** Names all that was counted: the groups, and times. */
export async function digestOf(log: LogSummary): Promise<string> {
  const groups = topGroups(log, ["path", "status", "hour"], Infinity)
    .map(([key, { requests, bytes }]) => `${key} ${requests} ${bytes}`).sort();
  const times = [0.5, 0.99, 1].map((share) => percentile(log, share));
  const text = JSON.stringify([log.lines, log.strangeLines, groups, times]);
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(digest).toHex();
}

/** What a program prints. */
export async function answerOf(
  log: LogSummary,
  streaming: Streaming,
  countingMs: number | null = null,
): Promise<string> {
  const answer: AnalyticsAnswer = {
    digest: await digestOf(log),
    streamingRate: streaming.rate,
    countingMs,
  };
  return JSON.stringify(answer);
}
