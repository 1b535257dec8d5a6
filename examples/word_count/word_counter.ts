/**
 * The service that counts: every shard takes its share of the files.
 *
 * @module
 */
import {
  defineService,
  f64,
  type ForeignPtr,
  localAllocator,
  makeForeign,
  type ServiceDefinition,
  shardCount,
  SharedPtr,
  struct,
  type StructType,
  thisShard,
  type ViewOf,
} from "@tidepool/core";
import { countWords, type WordCounts } from "./count_words.ts";

/** How far a shard is. It lies in the shard's slice, where every other thread can read it. */
export const Progress: StructType<{ readonly bytes: typeof f64 }> = struct("Progress", {
  bytes: f64,
});

/** Counts the words of one shard's share of the files. */
export class WordCounter {
  readonly #progress = new SharedPtr(Progress.make(localAllocator()));

  /** A pointer to this shard's progress: its fields are read with no message. */
  progress(): ForeignPtr<ViewOf<typeof Progress>, "shared"> {
    return makeForeign(this.#progress.clone());
  }

  /** Counts the words of every n-th file, for n shards. */
  async count(paths: readonly string[]): Promise<WordCounts> {
    const progress = this.#progress.get()!;
    const counts: WordCounts = new Map();
    for (let index = thisShard(); index < paths.length; index += shardCount()) {
      await countWords(paths[index]!, counts, (byteLength) => progress.bytes += byteLength);
    }
    return counts;
  }

  [Symbol.dispose](): void {
    this.#progress[Symbol.dispose]();
  }
}

export const wordCounter: ServiceDefinition<[], WordCounter> = defineService(
  import.meta.url,
  "wordCounter",
  WordCounter,
);
