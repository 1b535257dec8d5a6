/**
 * The classic text protocol: memcached's protocol.txt, with the texts of errors of version 1.6
 * (proto_text.c).
 *
 * @module
 */

import type { Connection } from "./connection.ts";
import { Item, MAX_ITEM_BYTES, MAX_KEY_BYTES } from "./item.ts";
import { itemBytes } from "./item.ts";
import { MetaCommands } from "./meta_commands.ts";
import { readSigned32, readUnsigned32, readUnsigned64 } from "./number_text.ts";
import { ascii } from "./output.ts";
import * as request from "./request.ts";
import type { KeyBytes } from "./router.ts";
import { hashOf } from "./key_hash.ts";
import { textStats } from "./stats.ts";
import { storeFromSocket } from "./store_from_socket.ts";
import type { LentItem } from "./store_tasks.ts";
import { TextLine } from "./text_line.ts";
import { VERSION } from "./version.ts";

const CRLF = ascii("\r\n");
const END = ascii("END\r\n");
const VALUE = ascii("VALUE ");
const OK = ascii("OK\r\n");
const ERROR = ascii("ERROR\r\n");
const STORED = ascii("STORED\r\n");
const NOT_STORED = ascii("NOT_STORED\r\n");
const EXISTS = ascii("EXISTS\r\n");
const NOT_FOUND = ascii("NOT_FOUND\r\n");
const DELETED = ascii("DELETED\r\n");
const TOUCHED = ascii("TOUCHED\r\n");
const BAD_FORMAT = ascii("CLIENT_ERROR bad command line format\r\n");
const BAD_CHUNK = ascii("CLIENT_ERROR bad data chunk\r\n");
const BAD_EXPTIME = ascii("CLIENT_ERROR invalid exptime argument\r\n");
const BAD_DELTA = ascii("CLIENT_ERROR invalid numeric delta argument\r\n");
const BAD_DELETE = ascii(
  "CLIENT_ERROR bad command line format.  Usage: delete <key> [noreply]\r\n",
);
const NOT_NUMERIC = ascii(
  "CLIENT_ERROR cannot increment or decrement non-numeric value\r\n",
);
const TOO_LARGE = ascii("SERVER_ERROR object too large for cache\r\n");
const NO_MEMORY = ascii("SERVER_ERROR out of memory storing object\r\n");
const NO_SHARD = ascii("SERVER_ERROR the shard of this key is being restarted\r\n");

const SPACE = 32;
const CR = 13;
const LF = 10;
/** A line that has not ended after so many bytes is a `get` of many keys, or no line. */
const LONG_LINE_BYTES = 2048;
/** Keys that are got at once: bounds what a command can hold of other shards. */
const KEYS_AT_ONCE = 64;
/** The largest length of a value that is a number at all: larger ones are a bad command line. */
const LARGEST_LENGTH = 2 ** 31 - 3;

/** "get" and "set" as `TextLine.code()` has them. */
const CODE_GET = 0x676574;
const CODE_SET = 0x736574;

/** Modes of the storage commands. */
const MODES: ReadonlyMap<string, number> = new Map([
  ["set", request.MODE_SET],
  ["add", request.MODE_ADD],
  ["replace", request.MODE_REPLACE],
  ["append", request.MODE_APPEND],
  ["prepend", request.MODE_PREPEND],
  ["cas", request.MODE_CAS],
]);

/** The text protocol of one connection. */
export class TextProtocol {
  readonly #connection: Connection;
  readonly #line: TextLine;
  readonly #meta: MetaCommands;
  /** Whether the client wants no answer to the current command. */
  #noreply = false;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#line = new TextLine(connection.bytes);
    this.#meta = new MetaCommands(connection, this.#line);
  }

  /** Runs the next command; false if its line or its value has not all come. */
  next(): boolean | Promise<boolean> {
    const connection = this.#connection;
    const line = this.#line;
    if (!line.read(connection.begin, connection.end)) {
      if (this.#isNoLine()) connection.closing = true;
      return false;
    }
    this.#noreply = false;
    const words = line.count;
    // The two commands that nearly all others are, told without a string.
    const code = line.code();
    if (code === CODE_GET && words >= 2) return this.#get(false, 1);
    if (code === CODE_SET && (words === 5 || words === 6)) {
      return this.#store(request.MODE_SET, words === 6);
    }
    const name = line.word(0);
    switch (name) {
      case "get":
      case "gets":
        return words < 2 ? this.#answer(ERROR) : this.#get(name === "gets", 1);
      case "gat":
      case "gats":
        return words < 2 ? this.#answer(ERROR) : this.#getAndTouch(name === "gats");
      case "set":
      case "add":
      case "replace":
      case "append":
      case "prepend":
        return words === 5 || words === 6
          ? this.#store(MODES.get(name)!, words === 6)
          : this.#answer(ERROR);
      case "cas":
        return words === 6 || words === 7
          ? this.#store(request.MODE_CAS, words === 7)
          : this.#answer(ERROR);
      case "delete":
        return words >= 2 && words <= 4 ? this.#delete() : this.#answer(ERROR);
      case "incr":
      case "decr":
        return words === 3 || words === 4 ? this.#arithmetic(name === "decr") : this.#answer(ERROR);
      case "touch":
        return words === 3 || words === 4 ? this.#touch() : this.#answer(ERROR);
      case "mg":
      case "ms":
      case "md":
      case "ma":
      case "me":
        return this.#meta.run(name);
      case "mn":
        return this.#answer(MN);
      default:
        return this.#runRare(name, words);
    }
  }

  /** Whether what has come can't be the beginning of a line. */
  #isNoLine(): boolean {
    const { begin, end, bytes } = this.#connection;
    if (end - begin <= LONG_LINE_BYTES) return false;
    let at = begin;
    while (at < end && bytes[at] === SPACE) at++;
    if (at - begin > 100) return true;
    const start = String.fromCharCode(...bytes.subarray(at, at + 5));
    return !start.startsWith("get ") && start !== "gets ";
  }

  // ─── Retrieval ───────────────────────────────────────────────────────────────────────────────

  #getAndTouch(withCas: boolean): boolean | Promise<boolean> {
    const { bytes, router } = this.#connection;
    const line = this.#line;
    const duration = readSigned32(bytes, line.starts[1]!, line.ends[1]!);
    if (Number.isNaN(duration)) return this.#answer(BAD_EXPTIME);
    if (line.count < 3) return this.#answer(END);
    this.#connection.request.expiry = request.expiryOf(duration, router.store.now);
    return this.#get(withCas, 2, request.TOUCH);
  }

  #get(withCas: boolean, firstKey: number, options = 0): boolean | Promise<boolean> {
    const connection = this.#connection;
    const line = this.#line;
    const view = connection.request;
    view.options = options;
    if (line.count !== firstKey + 1) return this.#getMany(withCas, firstKey);
    const length = line.length(firstKey);
    if (length > MAX_KEY_BYTES) return this.#answer(BAD_FORMAT);
    connection.setKey(line.starts[firstKey]!, length);
    if (!connection.router.isLocal(view.hash)) return this.#getLent(withCas);
    const item = connection.router.store.get(view);
    if (item !== 0) {
      const valueLength = this.#writeHead(item, withCas);
      if (connection.isLong(valueLength)) return this.#sendLong(item, valueLength);
      this.#writeValue(item, valueLength);
    }
    return this.#answer(END);
  }

  async #sendLong(item: number, valueLength: number): Promise<boolean> {
    await this.#sendOwn(item, valueLength);
    return this.#answer(END);
  }

  #sendOwn(item: number, valueLength: number): Promise<void> {
    const start = this.#connection.valueStart(this.#connection.request.keyLength);
    return this.#connection.sendOwn(item, start, valueLength + 2);
  }

  async #getLent(withCas: boolean): Promise<boolean> {
    const connection = this.#connection;
    const view = connection.request;
    connection.offerAnswer();
    try {
      const found = await connection.router.get(view);
      if (found === true) this.#writeAnswer(withCas);
      else if (found !== null) {
        using lent = found;
        await this.#sendLent(lent, withCas);
      }
    } finally {
      connection.freeAnswer();
    }
    return this.#answer(END);
  }

  /** Writes the item whose value another shard has put where the request wanted it. */
  #writeAnswer(withCas: boolean): void {
    const { output, request: view } = this.#connection;
    output.write(VALUE);
    output.copy(view.keyAddress, view.keyLength);
    this.#writeFigures(view.resultFlags, view.resultLength, withCas ? view.resultCas : -1);
    output.copy(view.answerAddress, view.resultLength);
    output.write(CRLF);
  }

  /** Writes another shard's item, and sends it if it is long. */
  #sendLent(lent: LentItem, withCas: boolean): Promise<void> | undefined {
    const connection = this.#connection;
    const { address, keyLength } = lent.view(Item);
    const valueLength = this.#writeHead(address, withCas);
    if (!connection.isLong(valueLength)) {
      this.#writeValue(address, valueLength);
      return undefined;
    }
    return connection.sendLent(lent, connection.valueStart(keyLength), valueLength + 2);
  }

  /** The first line of an item's answer; returns the length of its value. */
  #writeHead(address: number, withCas: boolean): number {
    const { output } = this.#connection;
    const item = this.#connection.item.at(address);
    const { valueLength } = item;
    output.write(VALUE);
    output.copy(this.#connection.valueStart(0) + address, item.keyLength);
    this.#writeFigures(item.flags, valueLength, withCas ? item.cas : -1);
    return valueLength;
  }

  /** The end of that line; no version if it is -1. */
  #writeFigures(flags: number, valueLength: number, cas: number): void {
    const { output } = this.#connection;
    output.byte(SPACE);
    output.decimal(flags);
    output.byte(SPACE);
    output.decimal(valueLength);
    if (cas !== -1) {
      output.byte(SPACE);
      output.decimal(cas);
    }
    output.write(CRLF);
  }

  #writeValue(address: number, valueLength: number): void {
    const { output, item } = this.#connection;
    const { keyLength } = item.at(address);
    output.copy(address + this.#connection.valueStart(keyLength), valueLength + 2);
  }

  /** `get` of several keys, some dozens at a time. */
  async #getMany(withCas: boolean, firstKey: number): Promise<boolean> {
    const keys = this.#readKeys(firstKey);
    if (keys === undefined) return this.#answer(BAD_FORMAT);
    for (let at = 0; at < keys.length; at += KEYS_AT_ONCE) {
      await this.#getSome(keys.slice(at, at + KEYS_AT_ONCE), withCas);
    }
    return this.#answer(END);
  }

  /** All keys of the line; undefined if one is too long, and then none is looked for. */
  #readKeys(firstKey: number): KeyBytes[] | undefined {
    const { bytes } = this.#connection;
    const line = this.#line;
    const keys: KeyBytes[] = [];
    let first = firstKey;
    do {
      for (let i = first; i < line.count; i++) {
        const address = line.starts[i]!;
        const length = line.length(i);
        if (length > MAX_KEY_BYTES) return undefined;
        keys.push({ address, length, hash: hashOf(bytes, address, length) });
      }
      first = 0;
    } while (line.readMore());
    return keys;
  }

  async #getSome(keys: readonly KeyBytes[], withCas: boolean): Promise<void> {
    const connection = this.#connection;
    const { router, request: view } = connection;
    const items = await router.lentItems(view, keys);
    using held = new DisposableStack();
    for (const item of items) if (item) held.use(item);
    for (const [i, key] of keys.entries()) {
      if (connection.hasMuchToSend) await connection.flush();
      const lent = items[i];
      if (lent === null) continue;
      if (lent !== undefined) {
        await this.#sendLent(lent, withCas);
        continue;
      }
      connection.setKey(key.address, key.length);
      const item = router.store.get(view);
      if (item === 0) continue;
      const valueLength = this.#writeHead(item, withCas);
      if (connection.isLong(valueLength)) await this.#sendOwn(item, valueLength);
      else this.#writeValue(item, valueLength);
    }
  }

  // ─── Storage ─────────────────────────────────────────────────────────────────────────────────

  #store(mode: number, mayNotReply: boolean): boolean | Promise<boolean> {
    const connection = this.#connection;
    const { bytes, request: view, router } = connection;
    const line = this.#line;
    this.#noreply = mayNotReply && this.#lastWordIsNoreply();
    const keyLength = line.length(1);
    if (keyLength > MAX_KEY_BYTES) return this.#answer(BAD_FORMAT);
    const flags = readUnsigned32(bytes, line.starts[2]!, line.ends[2]!);
    const duration = readSigned32(bytes, line.starts[3]!, line.ends[3]!);
    const valueLength = readSigned32(bytes, line.starts[4]!, line.ends[4]!);
    const cas = mode === request.MODE_CAS
      ? readUnsigned64(bytes, line.starts[5]!, line.ends[5]!)
      : 0n;
    const isBad = Number.isNaN(flags + duration + valueLength) || cas === undefined ||
      valueLength < 0 || valueLength > LARGEST_LENGTH;
    if (isBad) return this.#answer(BAD_FORMAT);
    const whole = line.next - connection.begin + valueLength + 2;
    const isShort = connection.fits(whole);
    if (isShort && connection.end - connection.begin < whole) return false;
    connection.setKey(line.starts[1]!, keyLength);
    view.mode = mode;
    view.options = 0;
    view.cas = versionOf(cas);
    view.flags = flags;
    view.expiry = request.expiryOf(duration, router.store.now);
    view.valueAddress = line.next;
    view.valueLength = valueLength;
    if (!isShort) return this.#storeLong(line.next);
    if (!isLineEnd(bytes, line.next + valueLength)) {
      connection.begin += whole;
      return this.#reply(BAD_CHUNK);
    }
    const outcome = router.outcome("store", view);
    if (typeof outcome === "number") {
      connection.begin += whole;
      return this.#replyStored(outcome);
    }
    return this.#awaitStored(outcome, whole);
  }

  async #awaitStored(outcome: Promise<number>, whole: number): Promise<boolean> {
    const stored = await outcome; // the value stays in the buffer until it is copied
    this.#connection.begin += whole;
    return this.#replyStored(stored);
  }

  /** Stores a value that does not fit the buffer: it goes from the socket into its item. */
  async #storeLong(valueStart: number): Promise<boolean> {
    const connection = this.#connection;
    const { request: view, router } = connection;
    const { valueLength } = view;
    if (itemBytes(view.keyLength, valueLength) > MAX_ITEM_BYTES) {
      const outcome = await router.outcome("refuse", view);
      connection.begin = valueStart;
      this.#replyStored(outcome);
      await connection.flush();
      await connection.swallow(valueLength + 2);
      return true;
    }
    const outcome = await storeFromSocket(connection, valueStart, true);
    return outcome === undefined ? this.#reply(BAD_CHUNK) : this.#replyStored(outcome);
  }

  #replyStored(outcome: number): boolean {
    switch (outcome) {
      case request.DONE:
        return this.#reply(STORED);
      case request.NOT_STORED:
        return this.#reply(NOT_STORED);
      case request.EXISTS:
        return this.#reply(EXISTS);
      case request.NOT_FOUND:
        return this.#reply(NOT_FOUND);
      case request.TOO_LARGE:
        return this.#reply(TOO_LARGE);
      case request.NO_SHARD:
        return this.#error(NO_SHARD);
      default:
        return this.#error(NO_MEMORY);
    }
  }

  // ─── Others ──────────────────────────────────────────────────────────────────────────────────

  #delete(): boolean | Promise<boolean> {
    const line = this.#line;
    if (line.count > 2) {
      const holdIsZero = line.word(2) === "0";
      this.#noreply = this.#lastWordIsNoreply();
      const isValid = line.count === 3 ? holdIsZero || this.#noreply : holdIsZero && this.#noreply;
      if (!isValid) return this.#answer(BAD_DELETE);
    }
    if (line.length(1) > MAX_KEY_BYTES) return this.#answer(BAD_FORMAT);
    const view = this.#connection.request;
    view.cas = 0;
    view.options = 0;
    return this.#run("remove", (outcome) => outcome === request.DONE ? DELETED : NOT_FOUND);
  }

  #touch(): boolean | Promise<boolean> {
    const { bytes, request: view, router } = this.#connection;
    const line = this.#line;
    this.#noreply = this.#lastWordIsNoreply();
    if (line.length(1) > MAX_KEY_BYTES) return this.#answer(BAD_FORMAT);
    const duration = readSigned32(bytes, line.starts[2]!, line.ends[2]!);
    if (Number.isNaN(duration)) return this.#answer(BAD_EXPTIME);
    view.expiry = request.expiryOf(duration, router.store.now);
    return this.#run("touch", (outcome) => outcome === request.DONE ? TOUCHED : NOT_FOUND);
  }

  #arithmetic(decrements: boolean): boolean | Promise<boolean> {
    const { bytes, request: view } = this.#connection;
    const line = this.#line;
    this.#noreply = this.#lastWordIsNoreply();
    if (line.length(1) > MAX_KEY_BYTES) return this.#answer(BAD_FORMAT);
    const delta = readUnsigned64(bytes, line.starts[2]!, line.ends[2]!);
    if (delta === undefined) return this.#answer(BAD_DELTA);
    view.delta = delta;
    view.cas = 0;
    view.options = decrements ? request.DECREMENT : 0;
    return this.#run("arithmetic", (outcome) => {
      if (outcome === request.DONE) return ascii(`${view.resultNumber}\r\n`);
      return outcome === request.NOT_NUMERIC ? NOT_NUMERIC : NOT_FOUND;
    });
  }

  /** Runs an operation on the key that is the second word, and answers with what `text` says. */
  #run(
    operation: "remove" | "touch" | "arithmetic",
    text: (outcome: number) => Uint8Array,
  ): boolean | Promise<boolean> {
    const connection = this.#connection;
    connection.setKey(this.#line.starts[1]!, this.#line.length(1));
    const finish = (outcome: number): boolean => {
      if (outcome === request.NO_SHARD) return this.#answer(NO_SHARD);
      if (outcome === request.NO_MEMORY) return this.#answer(OUT_OF_MEMORY);
      return this.#answer(text(outcome));
    };
    const outcome = connection.router.outcome(operation, connection.request);
    return typeof outcome === "number" ? finish(outcome) : outcome.then(finish);
  }

  #runRare(name: string, words: number): boolean | Promise<boolean> {
    const connection = this.#connection;
    switch (name) {
      case "version":
        return this.#answer(ascii(`VERSION ${VERSION}\r\n`));
      case "quit":
        connection.closing = true;
        return true;
      case "stats":
        return this.#stats();
      case "flush_all":
        return words <= 3 ? this.#flushAll() : this.#answer(ERROR);
      case "verbosity":
        return words >= 2 && words <= 3 ? this.#verbosity() : this.#answer(ERROR);
      case "shutdown":
        return this.#answer(ascii("ERROR: shutdown not enabled\r\n"));
      default:
        return this.#answer(ERROR);
    }
  }

  #flushAll(): boolean | Promise<boolean> {
    const { bytes } = this.#connection;
    const line = this.#line;
    this.#noreply = this.#lastWordIsNoreply();
    let delay = 0;
    if (line.count !== (this.#noreply ? 2 : 1)) {
      delay = readSigned32(bytes, line.starts[1]!, line.ends[1]!);
      if (Number.isNaN(delay)) return this.#answer(BAD_EXPTIME);
    }
    return this.#connection.router.flushAll(delay).then(() => this.#answer(OK));
  }

  #verbosity(): boolean {
    const { bytes } = this.#connection;
    const line = this.#line;
    this.#noreply = this.#lastWordIsNoreply();
    const level = readUnsigned32(bytes, line.starts[1]!, line.ends[1]!);
    return this.#answer(Number.isNaN(level) ? BAD_FORMAT : OK);
  }

  async #stats(): Promise<boolean> {
    const { output, server } = this.#connection;
    const line = this.#line;
    const words = Array.from({ length: line.count - 1 }, (_, i) => line.word(i + 1));
    output.text(await textStats(server, words));
    this.#connection.begin = line.next;
    return true;
  }

  #lastWordIsNoreply(): boolean {
    return this.#line.word(this.#line.count - 1) === "noreply";
  }

  /** Ends the command of the line with an answer, unless the client wants none. */
  #answer(text: Uint8Array): true {
    this.#connection.begin = this.#line.next;
    return this.#reply(text);
  }

  /** Answers a command that is behind already. */
  #reply(text: Uint8Array): true {
    if (!this.#noreply) this.#connection.output.write(text);
    return true;
  }

  /** The same, whether the client wants an answer or not. */
  #error(text: Uint8Array): true {
    this.#connection.output.write(text);
    return true;
  }
}

const MN = ascii("MN\r\n");
const OUT_OF_MEMORY = ascii("SERVER_ERROR out of memory\r\n");

/** A version as a request has it: those that no item can have are all the same. */
export function versionOf(cas: bigint): number {
  return cas > BigInt(Number.MAX_SAFE_INTEGER) ? -1 : Number(cas);
}

/** Whether CR LF is at `at`. */
export function isLineEnd(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === CR && bytes[at + 1] === LF;
}
