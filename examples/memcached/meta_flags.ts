/**
 * The flags of meta commands: one character each, some with a token behind it.
 *
 * @module
 */

import { readSigned32, readUnsigned32, readUnsigned64 } from "./number_text.ts";
import * as request from "./request.ts";
import type { RequestView } from "./request.ts";
import type { TextLine } from "./text_line.ts";

/** The most words of a meta command, that of the command and the key included. */
const MOST_WORDS = 19;
/** The longest word of an opaque, O included. */
const LONGEST_OPAQUE = 32;
const BAD_TOKEN = "CLIENT_ERROR bad token in command line format";

/** The flags of one command. */
export class MetaFlags {
  /** What is wrong with them. */
  error: string | undefined;
  /** q: no answer where it says nothing new. */
  quiet = false;
  /** v: the value is wanted. */
  wantsValue = false;
  /** b: the key came in base64. */
  keyIsBase64 = false;
  /** M: how to store, or to count. */
  mode = "";
  /** The words of the flags, in order. */
  readonly words: string[] = [];

  /** Reads the flags of `line` from the word `first` on, and writes into the request what they ask. */
  constructor(line: TextLine, first: number, bytes: Uint8Array, view: RequestView, now: number) {
    view.options = 0;
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
      const start = line.starts[i]! + 1;
      if (!this.#read(word, bytes, start, line.ends[i]!, view, now)) return;
    }
  }

  /** Whether there are more words than a meta command may have. */
  static areTooMany(line: TextLine): boolean {
    return line.count > MOST_WORDS;
  }

  /** Whether an opaque is longer than it may be. */
  get hasLongOpaque(): boolean {
    return this.words.some((word) => word.startsWith("O") && word.length > LONGEST_OPAQUE);
  }

  /** Makes `C0` a version that no item has: for the storage, 0 stands for any. */
  requireVersion(view: RequestView): void {
    if (view.cas === 0 && this.words.some((word) => word.startsWith("C"))) view.cas = -1;
  }

  /** Takes one flag; false if it is none. */
  #read(
    word: string,
    bytes: Uint8Array,
    start: number,
    end: number,
    view: RequestView,
    now: number,
  ): boolean {
    switch (word[0]) {
      case "N":
        view.options |= request.VIVIFY;
        view.vivifyExpiry = this.#expiry(bytes, start, end, now);
        break;
      case "T":
        view.options |= request.TOUCH;
        view.expiry = this.#expiry(bytes, start, end, now);
        break;
      case "R":
        view.options |= request.RECACHE;
        view.recacheTime = this.#expiry(bytes, start, end, now);
        break;
      case "F": {
        const flags = readUnsigned32(bytes, start, end);
        if (Number.isNaN(flags)) this.error ??= "CLIENT_ERROR bad command line format";
        else view.flags = flags;
        break;
      }
      case "C": {
        const cas = readUnsigned64(bytes, start, end);
        if (cas === undefined) this.error ??= BAD_TOKEN;
        else view.cas = cas > BigInt(Number.MAX_SAFE_INTEGER) ? -1 : Number(cas);
        break;
      }
      case "J":
        view.initial = this.#number(bytes, start, end, "initial");
        break;
      case "D":
        view.delta = this.#number(bytes, start, end, "delta");
        break;
      case "M":
        if (word.length === 2) this.mode = word[1]!;
        else this.error ??= "CLIENT_ERROR incorrect length for M token";
        break;
      case "b":
        this.keyIsBase64 = true;
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
      case "O":
      case "P":
      case "L":
      case "k":
      case "s":
      case "t":
      case "c":
      case "f":
      case "l":
      case "h":
        break;
      default:
        this.error = "CLIENT_ERROR invalid flag";
        return false;
    }
    return true;
  }

  #expiry(bytes: Uint8Array, start: number, end: number, now: number): number {
    const duration = readSigned32(bytes, start, end);
    if (!Number.isNaN(duration)) return request.expiryOf(duration, now);
    this.error ??= BAD_TOKEN;
    return 0;
  }

  #number(bytes: Uint8Array, start: number, end: number, name: string): bigint {
    const number = readUnsigned64(bytes, start, end);
    if (number === undefined) this.error ??= `CLIENT_ERROR invalid numeric ${name} value`;
    return number ?? 0n;
  }
}
