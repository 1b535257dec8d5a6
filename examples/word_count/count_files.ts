/**
 * The host's part: deals the files out, watches, and adds up what the shards have counted.
 *
 * @module
 */
import { Runtime } from "@tidepool/core";
import { addCounts, type WordCounts } from "./count_words.ts";
import { Progress, wordCounter } from "./word_counter.ts";

/** How often `onProgress` is told. */
const PROGRESS_MILLISECONDS = 50;

/** A file and its length. */
export interface SizedFile {
  readonly path: string;
  readonly byteLength: number;
}

/**
 * Counts the words of all files, on `shards` shards at once.
 *
 * @param files The files.
 * @param shards How many shards.
 * @param onProgress Told how many bytes are done, now and then and at the end.
 */
export async function countFiles(
  files: readonly SizedFile[],
  shards: number,
  onProgress: (bytes: number) => void = () => {},
): Promise<WordCounts> {
  await using runtime = await Runtime.start({ shards, memory: shards * 2 ** 24 });
  await using counters = await runtime.startSharded(wordCounter);

  await using pointers = new AsyncDisposableStack();
  const progress = (await counters.map("progress")).map((pointer) => pointers.use(pointer));
  const report = () => onProgress(progress.reduce((sum, p) => sum + p.view(Progress).bytes, 0));
  const timer = setInterval(report, PROGRESS_MILLISECONDS);
  try {
    // The largest first, so that every shard gets some of them.
    const sorted = files.toSorted((a, b) => b.byteLength - a.byteLength);
    const paths = sorted.map(({ path }) => path);
    return await counters.mapReduce("count", [paths], new Map(), addCounts);
  } finally {
    clearInterval(timer);
    report();
  }
}
