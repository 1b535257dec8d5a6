/**
 * The flags of meta commands: one character each, some with a token behind it. What they do to an
 * item, they do in the order in which they were given. So those that do anything become a _program_
 * in the request, which the home shard of the key runs: see `Store`.
 *
 * @module
 */

import { decodeKey } from "./base64_key.ts";
import { readSigned32, readUnsigned32, readUnsigned64 } from "./number_text.ts";
import * as request from "./request.ts";
import type { RequestView } from "./request.ts";
import type { TextLine } from "./text_line.ts";

/** The most words of a meta command, that of the command and the key included. */
const MOST_WORDS = 19;
/** The longest word of an opaque, O included. */
const LONGEST_OPAQUE = 32;
const BAD_FORMAT = "CLIENT_ERROR bad command line format";
const BAD_TOKEN = "CLIENT_ERROR bad token in command line format";
/** Which word of the line the key is. */
const KEY = 1;

/** The flags of one command. */
export class MetaFlags {
  /** What is wrong with them: the last of several faults, but a flag that is not known is the end. */
  error: string | undefined;
  /** q: no answer where it says nothing new. */
  quiet = false;
  /** v: the value is wanted. */
  wantsValue = false;
  /** The key, if it came in base64: flag b. */
  key: Uint8Array | undefined;
  /** M: how to store, or to count. */
  mode = "";
  /** C: whether a version is wanted. */
  hasVersion = false;
  /** O: whether an opaque is longer than it may be, which is found only when it is to be sent. */
  hasLongOpaque = false;
  /** The words of the flags, in order. */
  readonly words: string[] = [];
  readonly #line: TextLine;
  readonly #bytes: Uint8Array;
  readonly #request: RequestView;
  readonly #now: number;
  /** Bits of the program so far. */
  #programBits = 0;

  /** Reads the flags of `line` from the word `first` on, and writes into the request what they ask. */
  constructor(line: TextLine, first: number, bytes: Uint8Array, view: RequestView, now: number) {
    this.#line = line;
    this.#bytes = bytes;
    this.#request = view;
    this.#now = now;
    view.options = 0;
    view.program = 0;
    view.cas = 0;
    view.expiry = 0;
    view.flags = 0;
    view.delta = 1n;
    view.initial = 0n;
    const seen = new Set<string>();
    for (let i = first; i < line.count; i++) {
      const word = line.word(i);
      const flag = word[0]!;
      if (seen.has(flag) || flag > "~") {
        this.error = "CLIENT_ERROR duplicate flag";
        return;
      }
      seen.add(flag);
      this.words.push(word);
      if (!this.#read(word, line.starts[i]! + 1, line.ends[i]!)) {
        this.error = "CLIENT_ERROR invalid flag";
        return;
      }
    }
  }

  /** Whether there are more words than a meta command may have. */
  static areTooMany(line: TextLine): boolean {
    return line.count > MOST_WORDS;
  }

  /** Takes one flag; false if there is no such. */
  #read(word: string, start: number, end: number): boolean {
    const view = this.#request;
    switch (word[0]) {
      case "N":
        this.#addStep(request.STEP_VIVIFY);
        view.options |= request.VIVIFY | request.COUNT_LATE;
        view.vivifyExpiry = this.#expiry(start, end);
        break;
      case "T":
        this.#addStep(request.STEP_TOUCH);
        view.options |= request.TOUCH | request.COUNT_LATE;
        view.expiry = this.#expiry(start, end);
        break;
      case "R":
        this.#addStep(request.STEP_RECACHE);
        view.options |= request.COUNT_LATE;
        view.recacheTime = this.#expiry(start, end);
        break;
      case "t":
        this.#addStep(request.STEP_TTL);
        break;
      case "O":
        if (word.length <= LONGEST_OPAQUE) break;
        this.#addStep(request.STEP_STOP);
        this.hasLongOpaque = true;
        break;
      case "l":
      case "h":
        view.options |= request.COUNT_LATE;
        break;
      case "F": {
        const flags = readUnsigned32(this.#bytes, start, end);
        if (Number.isNaN(flags)) this.error ??= BAD_FORMAT;
        else view.flags = flags;
        break;
      }
      case "C": {
        const cas = readUnsigned64(this.#bytes, start, end);
        if (cas === undefined) this.error = BAD_TOKEN;
        else view.cas = request.versionOf(cas);
        this.hasVersion = true;
        break;
      }
      case "J":
        view.initial = this.#number(start, end, "initial");
        break;
      case "D":
        view.delta = this.#number(start, end, "delta");
        break;
      case "M":
        if (word.length === 2) this.mode = word[1]!;
        else this.error = "CLIENT_ERROR incorrect length for M token";
        break;
      case "b":
        this.key = decodeKey(this.#bytes, this.#line.starts[KEY]!, this.#line.ends[KEY]!);
        if (this.key === undefined) this.error = "CLIENT_ERROR error decoding key";
        view.options |= request.KEY_IN_BASE64;
        break;
      case "u":
        view.options |= request.NO_BUMP;
        break;
      case "I":
        view.options |= request.INVALIDATE;
        break;
      case "q":
        this.quiet = true;
        break;
      case "v":
        this.wantsValue = true;
        break;
      case "P":
      case "L":
      case "k":
      case "s":
      case "c":
      case "f":
        break;
      default:
        return false;
    }
    return true;
  }

  /** Every flag comes once, so a program has five steps at most, and fits its 32 bits. */
  #addStep(step: number): void {
    this.#request.program |= step << this.#programBits;
    this.#programBits += request.STEP_BITS;
  }

  #expiry(start: number, end: number): number {
    const duration = readSigned32(this.#bytes, start, end);
    if (!Number.isNaN(duration)) return request.expiryOf(duration, this.#now);
    this.error = BAD_TOKEN;
    return 0;
  }

  #number(start: number, end: number, name: string): bigint {
    const number = readUnsigned64(this.#bytes, start, end);
    if (number === undefined) this.error = `CLIENT_ERROR invalid numeric ${name} value`;
    return number ?? 0n;
  }
}
