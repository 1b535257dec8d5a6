/**
 * A line of the text protocol, cut into words where it lies, without a copy.
 *
 * @module
 */

/** Words that are told apart; a `get` of more goes on behind them. The same number as memcached's. */
const MOST_WORDS = 23;

const SPACE = 32;
const CR = 13;
const LF = 10;

/** The words of one line: reused from line to line. */
export class TextLine {
  /** How many words there are. */
  count = 0;
  /** Where the bytes behind the line begin. */
  next = 0;
  /** Where each word begins. */
  readonly starts: Float64Array = new Float64Array(MOST_WORDS);
  /** Where each word ends. */
  readonly ends: Float64Array = new Float64Array(MOST_WORDS);
  readonly #bytes: Uint8Array;
  /** The end of what is to be cut into words. */
  #end = 0;
  /** What is not cut into words yet. */
  #rest = 0;

  /** `bytes` are those that lines are found in. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Finds the line that begins at `begin`, and its words; false if it does not end before `end`. */
  read(begin: number, end: number): boolean {
    const bytes = this.#bytes;
    let lineEnd = begin;
    while (lineEnd < end && bytes[lineEnd] !== LF) lineEnd++;
    if (lineEnd === end) return false;
    this.next = lineEnd + 1;
    if (lineEnd - begin > 1 && bytes[lineEnd - 1] === CR) lineEnd--;
    this.#end = lineEnd;
    this.#rest = begin;
    this.readMore();
    return true;
  }

  /** The next words of the same line, in place of those before; false if there are none. */
  readMore(): boolean {
    const bytes = this.#bytes;
    const end = this.#end;
    let at = this.#rest;
    let count = 0;
    while (count < MOST_WORDS) {
      while (at < end && bytes[at] === SPACE) at++;
      // A NUL ends the line for memcached, whose lines are strings of C.
      if (at === end || bytes[at] === 0) break;
      this.starts[count] = at;
      while (at < end && bytes[at] !== SPACE && bytes[at] !== 0) at++;
      this.ends[count++] = at;
    }
    this.count = count;
    this.#rest = at;
    return count > 0;
  }

  /** The word of that index as text; the empty text if there is none. */
  word(index: number): string {
    if (index < 0 || index >= this.count) return "";
    let text = "";
    for (let at = this.starts[index]!; at < this.ends[index]!; at++) {
      text += String.fromCharCode(this.#bytes[at]!);
    }
    return text;
  }

  /** The bytes of a first word of three as one number, 0 for other words. */
  code(): number {
    if (this.count === 0 || this.length(0) !== 3) return 0;
    const at = this.starts[0]!;
    return this.#bytes[at]! << 16 | this.#bytes[at + 1]! << 8 | this.#bytes[at + 2]!;
  }

  /** Bytes of the word of that index. */
  length(index: number): number {
    return this.ends[index]! - this.starts[index]!;
  }
}
