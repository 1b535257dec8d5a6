/**
 * Free memory of a debug heap that reads 0, as it was given back to the system, and not what freed
 * memory is filled with. It stays so until it is handed out again.
 *
 * @module
 */
import { findOther, FREED_WORD, type Overwritten } from "./debug_fill.ts";

/** Words, from one to before another. */
interface Range {
  readonly from: number;
  readonly to: number;
}

/** Ranges of words that read 0, in order. */
export class ZeroedMemory {
  #ranges: Range[] = [];

  /** Words that were given back, and read 0. */
  add(from: number, to: number): void {
    if (from >= to) return;
    this.remove(from, to);
    const at = this.#ranges.findIndex((range) => range.from >= to);
    this.#ranges.splice(at === -1 ? this.#ranges.length : at, 0, { from, to });
  }

  /** Words that are handed out, or written by the heap: they are filled again. */
  remove(from: number, to: number): void {
    if (this.#ranges.length === 0) return;
    this.#ranges = this.#ranges.flatMap((range) => {
      if (range.to <= from || range.from >= to) return [range];
      return [{ from: range.from, to: from }, { from: to, to: range.to }].filter(isRange);
    });
  }

  /** The first byte from word `from` to before word `to` that is not as it was left. */
  find(words: Int32Array, from: number, to: number): Overwritten | undefined {
    let start = from;
    for (const range of this.#ranges) {
      if (range.to <= start) continue;
      if (range.from >= to) break;
      const overwritten = findOther(words, start, range.from, FREED_WORD) ??
        findOther(words, Math.max(start, range.from), Math.min(range.to, to), 0);
      if (overwritten !== undefined) return overwritten;
      start = range.to;
    }
    return findOther(words, start, to, FREED_WORD);
  }
}

function isRange({ from, to }: Range): boolean {
  return from < to;
}
