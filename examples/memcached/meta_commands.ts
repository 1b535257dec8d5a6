/**
 * The meta commands of the text protocol: mg, ms, md, ma and me of memcached's protocol.txt.
 *
 * @module
 */

import { decodeKey, encodeKey } from "./base64_key.ts";
import type { Connection } from "./connection.ts";
import * as layout from "./item.ts";
import { Item, MAX_KEY_BYTES, memcachedBytes } from "./item.ts";
import { classNumberOf } from "./lru.ts";
import { MetaFlags } from "./meta_flags.ts";
import { readSigned32 } from "./number_text.ts";
import * as request from "./request.ts";
import { storeFromSocket } from "./store_from_socket.ts";
import type { LentItem } from "./store_tasks.ts";
import type { TextLine } from "./text_line.ts";

const BAD_FORMAT = "CLIENT_ERROR bad command line format";
const BAD_FLAGS = "CLIENT_ERROR invalid or duplicate flag";
const LONG_FLAGS = "CLIENT_ERROR options flags too long";
const LONG_OPAQUE = "CLIENT_ERROR opaque token too long";
const NO_SHARD = "SERVER_ERROR the shard of this key is being restarted";
const LARGEST_LENGTH = 2 ** 31 - 3;

const CR = 13;
const LF = 10;

/** How to store, by the M flag. */
const STORE_MODES: ReadonlyMap<string, number> = new Map([
  ["", request.MODE_SET],
  ["S", request.MODE_SET],
  ["E", request.MODE_ADD],
  ["R", request.MODE_REPLACE],
  ["A", request.MODE_APPEND],
  ["P", request.MODE_PREPEND],
]);

/** What `ms` and `md` answer, by the outcome. */
const CODES: ReadonlyMap<number, string> = new Map([
  [request.DONE, "HD"],
  [request.NOT_STORED, "NS"],
  [request.EXISTS, "EX"],
  [request.NOT_FOUND, "NF"],
]);

/** The meta commands of one connection. */
export class MetaCommands {
  readonly #connection: Connection;
  readonly #line: TextLine;

  constructor(connection: Connection, line: TextLine) {
    this.#connection = connection;
    this.#line = line;
  }

  /** Runs the command of the line; false if its value has not all come. */
  run(name: "mg" | "ms" | "md" | "ma" | "me"): boolean | Promise<boolean> {
    if (name === "me") return this.#debug();
    const line = this.#line;
    if (line.count < 2) return this.#answer("ERROR");
    if (line.length(1) > MAX_KEY_BYTES) return this.#answer(BAD_FORMAT);
    if (name === "ms") return this.#set();
    if (MetaFlags.areTooMany(line)) {
      return this.#answer(name === "mg" ? "CLIENT_ERROR options flags are too long" : LONG_FLAGS);
    }
    const flags = this.#readFlags(2);
    if (flags.error !== undefined) return this.#answer(name === "mg" ? flags.error : BAD_FLAGS);
    this.#setKey(flags);
    if (name === "mg") return this.#get(flags);
    return name === "md" ? this.#delete(flags) : this.#arithmetic(flags);
  }

  #readFlags(first: number): MetaFlags {
    const { bytes, request: view, router } = this.#connection;
    return new MetaFlags(this.#line, first, bytes, view, router.store.now);
  }

  /** The key of the request is the second word, or what that stands for in base64. */
  #setKey(flags: MetaFlags): void {
    const connection = this.#connection;
    const line = this.#line;
    if (flags.key === undefined) connection.setKey(line.starts[1]!, line.length(1));
    else connection.setOwnKey(flags.key);
  }

  // ─── mg ──────────────────────────────────────────────────────────────────────────────────────

  #get(flags: MetaFlags): boolean | Promise<boolean> {
    const { router, request: view } = this.#connection;
    if (!router.isLocal(view.hash)) return this.#getLent(flags);
    const item = router.store.metaGet(view);
    if (flags.hasLongOpaque) return this.#answer(LONG_OPAQUE);
    if (item === 0) return this.#answerUnlessQuiet(flags, `EN${this.#echoes(flags)}`);
    const valueLength = this.#writeItem(flags, item);
    this.#connection.begin = this.#line.next;
    if (!flags.wantsValue) return true;
    return this.#writeValue(item, valueLength) ?? true;
  }

  async #getLent(flags: MetaFlags): Promise<boolean> {
    const connection = this.#connection;
    using lent = await connection.router.lentItem("metaGet", connection.request);
    if (flags.hasLongOpaque) return this.#answer(LONG_OPAQUE);
    if (lent === null) return this.#answerUnlessQuiet(flags, `EN${this.#echoes(flags)}`);
    const { address, keyLength } = lent.view(Item);
    const valueLength = this.#writeItem(flags, address);
    connection.begin = this.#line.next;
    if (flags.wantsValue) await this.#writeLentValue(lent, address, keyLength, valueLength);
    return true;
  }

  #writeValue(item: number, valueLength: number): Promise<true> | undefined {
    const connection = this.#connection;
    const start = connection.valueStart(connection.request.keyLength);
    if (connection.isLong(valueLength)) {
      return connection.sendOwn(item, start, valueLength + 2).then(() => true);
    }
    connection.output.copy(item + start, valueLength + 2);
    return undefined;
  }

  async #writeLentValue(
    lent: LentItem,
    address: number,
    keyLength: number,
    valueLength: number,
  ): Promise<void> {
    const connection = this.#connection;
    const start = connection.valueStart(keyLength);
    if (connection.isLong(valueLength)) await connection.sendLent(lent, start, valueLength + 2);
    else connection.output.copy(address + start, valueLength + 2);
  }

  /** The line of an item's answer; returns the length of its value. */
  #writeItem(flags: MetaFlags, address: number): number {
    const { output, router, request: view } = this.#connection;
    const item = Item.at(router.allocator, address);
    const { valueLength } = item;
    let text = flags.wantsValue ? `VA ${valueLength}` : "HD";
    for (const word of flags.words) {
      switch (word[0]) {
        case "s":
          text += ` s${valueLength}`;
          break;
        case "t":
          text += ` t${unsigned(view.resultTtl)}`;
          break;
        case "c":
          text += ` c${item.cas}`;
          break;
        case "f":
          text += ` f${item.flags}`;
          break;
        case "l":
          text += ` l${view.resultIdle}`;
          break;
        case "h":
          text += (view.resultState & layout.FETCHED) !== 0 ? " h1" : " h0";
          break;
        case "O":
          text += ` ${word}`;
          break;
        case "k":
          text += this.#keyFlag((item.state & layout.BINARY_KEY) !== 0);
          break;
      }
    }
    if ((view.resultState & request.OTHER_WON) !== 0) text += " Z";
    if ((view.resultState & layout.STALE) !== 0) text += " X";
    if ((view.resultState & layout.WON) !== 0) text += " W";
    output.text(`${text}\r\n`);
    return valueLength;
  }

  /** The key as a flag of the answer. */
  #keyFlag(inBase64: boolean): string {
    const { bytes, request: { keyAddress, keyLength } } = this.#connection;
    const key = bytes.subarray(keyAddress, keyAddress + keyLength);
    return inBase64 ? ` k${encodeKey(key)} b` : ` k${String.fromCharCode(...key)}`;
  }

  /** Flags that answers without an item have too. */
  #echoes(flags: MetaFlags): string {
    let text = "";
    for (const word of flags.words) {
      if (word[0] === "O") text += ` ${word}`;
      else if (word[0] === "k") text += this.#keyFlag(flags.key !== undefined);
    }
    return text;
  }

  /** An answer that a quiet command leaves out. */
  #answerUnlessQuiet(flags: MetaFlags, text: string): boolean {
    if (!flags.quiet) return this.#answer(text);
    this.#connection.begin = this.#line.next;
    return true;
  }

  // ─── ms ──────────────────────────────────────────────────────────────────────────────────────

  #set(): boolean | Promise<boolean> {
    const connection = this.#connection;
    const { bytes, request: view } = connection;
    const line = this.#line;
    if (line.count === 2) return this.#answer(BAD_FORMAT);
    if (MetaFlags.areTooMany(line)) return this.#answer(LONG_FLAGS);
    const valueLength = readSigned32(bytes, line.starts[2]!, line.ends[2]!);
    if (!(valueLength >= 0 && valueLength <= LARGEST_LENGTH)) return this.#answer(BAD_FORMAT);
    const flags = this.#readFlags(3);
    const mode = STORE_MODES.get(flags.mode);
    if (mode === undefined) flags.error ??= "CLIENT_ERROR invalid mode for ms M token";
    if (flags.hasLongOpaque) flags.error ??= LONG_OPAQUE;
    if (flags.error !== undefined) return this.#refuse(flags.error, valueLength);
    this.#setKey(flags);
    const checksVersion = flags.hasVersion &&
      (mode === request.MODE_SET || mode === request.MODE_REPLACE);
    view.mode = checksVersion ? request.MODE_CAS : mode!;
    view.valueAddress = line.next;
    view.valueLength = valueLength;
    if (connection.router.store.isTooLarge(view.keyLength, valueLength, view.flags)) {
      return this.#refuseTooLarge(valueLength);
    }
    const whole = line.next - connection.begin + valueLength + 2;
    if (!connection.fits(whole)) return this.#setLong(flags);
    if (connection.end - connection.begin < whole) return false;
    const valueEnd = line.next + valueLength;
    if (bytes[valueEnd] !== CR || bytes[valueEnd + 1] !== LF) {
      connection.begin += whole;
      return this.#reply("CLIENT_ERROR bad data chunk");
    }
    const outcome = connection.router.outcome("store", view);
    const finish = (stored: number): boolean => {
      connection.begin += whole;
      return this.#answerSet(flags, stored);
    };
    return typeof outcome === "number" ? finish(outcome) : outcome.then(finish);
  }

  async #setLong(flags: MetaFlags): Promise<boolean> {
    const connection = this.#connection;
    const { request: view } = connection;
    const { keyLength } = view;
    const key = connection.bytes.slice(view.keyAddress, view.keyAddress + keyLength);
    const outcome = await storeFromSocket(connection, this.#line.next, true);
    if (outcome === undefined) return this.#reply("CLIENT_ERROR bad data chunk");
    connection.setOwnKey(key); // the buffer has the value where the key was
    return this.#answerSet(flags, outcome);
  }

  /** A value that is too large takes the item with it that it was to change in whatever way. */
  async #refuseTooLarge(valueLength: number): Promise<boolean> {
    const { router, request: view } = this.#connection;
    view.mode = request.MODE_SET;
    const outcome = await router.outcome("refuse", view);
    return await this.#refuse(errorOf(outcome), valueLength);
  }

  /** Answers with an error, and passes over the value. */
  async #refuse(error: string, valueLength: number): Promise<boolean> {
    this.#answer(error);
    await this.#connection.flush();
    await this.#connection.swallow(valueLength + 2);
    return true;
  }

  #answerSet(flags: MetaFlags, outcome: number): boolean {
    const code = CODES.get(outcome);
    if (code === undefined) return this.#reply(errorOf(outcome));
    if (outcome === request.DONE && flags.quiet) return true;
    let text = code;
    for (const word of flags.words) {
      if (word[0] === "O") text += ` ${word}`;
      else if (word[0] === "k") text += this.#keyFlag(flags.key !== undefined);
      else if (word[0] === "c") text += ` c${this.#connection.request.resultCas}`;
    }
    return this.#reply(text);
  }

  // ─── md, ma, me ──────────────────────────────────────────────────────────────────────────────

  #delete(flags: MetaFlags): boolean | Promise<boolean> {
    const { router, request: view } = this.#connection;
    if (flags.hasLongOpaque) return this.#answer(LONG_OPAQUE);
    if (flags.hasVersion && view.cas === 0) view.cas = request.NO_VERSION;
    const finish = (outcome: number): boolean => {
      const code = CODES.get(outcome);
      if (code === undefined) return this.#answer(errorOf(outcome));
      const text = code + this.#echoes(flags);
      return outcome === request.DONE ? this.#answerUnlessQuiet(flags, text) : this.#answer(text);
    };
    const outcome = router.outcome("remove", view);
    return typeof outcome === "number" ? finish(outcome) : outcome.then(finish);
  }

  #arithmetic(flags: MetaFlags): boolean | Promise<boolean> {
    const { router, request: view } = this.#connection;
    if (flags.mode === "D" || flags.mode === "-") view.options |= request.DECREMENT;
    else if (!["", "I", "+"].includes(flags.mode)) {
      return this.#answer("CLIENT_ERROR invalid mode for ma M token");
    }
    const finish = (outcome: number): boolean => {
      const code = CODES.get(outcome);
      if (code === undefined) return this.#answer(errorOf(outcome));
      if (flags.hasLongOpaque) return this.#answer(LONG_OPAQUE); // the number has changed by now
      if (outcome === request.DONE) return this.#answerNumber(flags);
      return this.#answer(code + this.#echoes(flags));
    };
    const outcome = router.outcome("arithmetic", view);
    return typeof outcome === "number" ? finish(outcome) : outcome.then(finish);
  }

  #answerNumber(flags: MetaFlags): boolean {
    const { request: view } = this.#connection;
    const value = view.resultNumber.toString();
    let text = flags.wantsValue ? `VA ${value.length}` : "HD";
    for (const word of flags.words) {
      if (word[0] === "c") text += ` c${view.resultCas}`;
      else if (word[0] === "t") text += ` t${unsigned(view.resultTtl)}`;
      else if (word[0] === "O") text += ` ${word}`;
      else if (word[0] === "k") text += this.#keyFlag(flags.key !== undefined);
    }
    if (flags.wantsValue) text += `\r\n${value}`;
    // A number that was made is told in any case.
    return view.resultState === request.MADE
      ? this.#answer(text)
      : this.#answerUnlessQuiet(flags, text);
  }

  #debug(): boolean | Promise<boolean> {
    const connection = this.#connection;
    const { router, request: view } = connection;
    const line = this.#line;
    if (line.count < 2 || line.length(1) > MAX_KEY_BYTES) return this.#answer(BAD_FORMAT);
    connection.setKey(line.starts[1]!, line.length(1));
    if (line.word(2) === "b") {
      const key = decodeKey(connection.bytes, line.starts[1]!, line.ends[1]!);
      if (key === undefined) return this.#answer(BAD_FORMAT);
      connection.setOwnKey(key);
    }
    if (!router.isLocal(view.hash)) return this.#debugLent();
    const item = router.store.peek(view);
    return this.#answer(item === 0 ? "EN" : this.#description(item));
  }

  async #debugLent(): Promise<boolean> {
    const { router, request: view } = this.#connection;
    using lent = await router.lentItem("peek", view);
    return this.#answer(lent === null ? "EN" : this.#description(lent.view(Item).address));
  }

  #description(address: number): string {
    const { router, request: view } = this.#connection;
    const item = Item.at(router.allocator, address);
    const isBinary = (item.state & layout.BINARY_KEY) !== 0;
    const key = this.#keyFlag(isBinary).slice(2).split(" ")[0];
    const fetched = (view.resultState & layout.FETCHED) !== 0 ? "yes" : "no";
    const size = memcachedBytes(item.keyLength, item.valueLength, item.flags);
    return `ME ${key} exp=${view.resultTtl} la=${view.resultIdle} cas=${item.cas} ` +
      `fetch=${fetched} cls=${classNumberOf(item.sizeClass)} size=${size}`;
  }

  /** Ends the command of the line with an answer. */
  #answer(text: string): true {
    this.#connection.begin = this.#line.next;
    return this.#reply(text);
  }

  #reply(text: string): true {
    this.#connection.output.text(`${text}\r\n`);
    return true;
  }
}

function errorOf(outcome: number): string {
  switch (outcome) {
    case request.TOO_LARGE:
      return "SERVER_ERROR object too large for cache";
    case request.NOT_NUMERIC:
      return "CLIENT_ERROR cannot increment or decrement non-numeric value";
    case request.NO_SHARD:
      return NO_SHARD;
    default:
      return "SERVER_ERROR out of memory storing object";
  }
}

/** A time left as the protocol has it: -1 for none, else 32 bits without a sign. */
function unsigned(ttl: number): number {
  return ttl === -1 ? -1 : ttl >>> 0;
}
