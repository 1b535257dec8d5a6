/**
 * The classic text protocol: memcached's protocol.txt, with the texts of errors of version 1.6
 * (proto_text.c).
 *
 * @module
 */

import type { Connection } from "./connection.ts";
import { MAX_KEY_BYTES } from "./item.ts";
import { MetaCommands } from "./meta_commands.ts";
import { readSigned32, readUnsigned32, readUnsigned64 } from "./number_text.ts";
import { ascii } from "./output.ts";
import * as request from "./request.ts";
import { writeTextStats } from "./text_stats.ts";
import { storeFromSocket } from "./store_from_socket.ts";
import * as answers from "./text_answers.ts";
import { TextLine } from "./text_line.ts";
import { TextRetrieval } from "./text_retrieval.ts";
import { VERSION } from "./version.ts";

const SPACE = 32;
const CR = 13;
const LF = 10;
/** A line that has not ended after so many bytes is a `get` of many keys, or no line. */
const LONG_LINE_BYTES = 2048;
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
  readonly #retrieval: TextRetrieval;
  readonly #meta: MetaCommands;
  /** Whether the client wants no answer to the current command. */
  #noreply = false;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#line = new TextLine(connection.bytes);
    this.#retrieval = new TextRetrieval(connection, this.#line);
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
    if (code === CODE_GET && words >= 2) return this.#retrieval.get(false, 1);
    if (code === CODE_SET && (words === 5 || words === 6)) {
      return this.#store(request.MODE_SET, words === 6);
    }
    const name = line.word(0);
    switch (name) {
      case "get":
      case "gets":
      case "bget": // what memcached called it once
        return words < 2 ? this.#answer(answers.ERROR) : this.#retrieval.get(name === "gets", 1);
      case "gat":
      case "gats":
        return words < 2
          ? this.#answer(answers.ERROR)
          : this.#retrieval.getAndTouch(name === "gats");
      case "set":
      case "add":
      case "replace":
      case "append":
      case "prepend":
        return words === 5 || words === 6
          ? this.#store(MODES.get(name)!, words === 6)
          : this.#answer(answers.ERROR);
      case "cas":
        return words === 6 || words === 7
          ? this.#store(request.MODE_CAS, words === 7)
          : this.#answer(answers.ERROR);
      case "delete":
        return words >= 2 && words <= 4 ? this.#delete() : this.#answer(answers.ERROR);
      case "incr":
      case "decr":
        return words === 3 || words === 4
          ? this.#arithmetic(name === "decr")
          : this.#answer(answers.ERROR);
      case "touch":
        return words === 3 || words === 4 ? this.#touch() : this.#answer(answers.ERROR);
      case "mg":
      case "ms":
      case "md":
      case "ma":
      case "me":
        return this.#meta.run(name);
      case "mn":
        return this.#answer(answers.MN);
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

  // ─── Storage ─────────────────────────────────────────────────────────────────────────────────

  #store(mode: number, mayNotReply: boolean): boolean | Promise<boolean> {
    const connection = this.#connection;
    const { bytes, request: view, router } = connection;
    const line = this.#line;
    this.#noreply = mayNotReply && this.#lastWordIsNoreply();
    const keyLength = line.length(1);
    if (keyLength > MAX_KEY_BYTES) return this.#answerBadStore();
    const flags = readUnsigned32(bytes, line.starts[2]!, line.ends[2]!);
    const duration = readSigned32(bytes, line.starts[3]!, line.ends[3]!);
    const valueLength = readSigned32(bytes, line.starts[4]!, line.ends[4]!);
    const cas = mode === request.MODE_CAS
      ? readUnsigned64(bytes, line.starts[5]!, line.ends[5]!)
      : 0n;
    const isBad = Number.isNaN(flags + duration + valueLength) || cas === undefined ||
      valueLength < 0 || valueLength > LARGEST_LENGTH;
    if (isBad) return this.#answerBadStore();
    const isTooLarge = router.store.isTooLarge(keyLength, valueLength, flags);
    const whole = line.next - connection.begin + valueLength + 2;
    const isShort = connection.fits(whole);
    if (isShort && !isTooLarge && connection.end - connection.begin < whole) return false;
    connection.setKey(line.starts[1]!, keyLength);
    connection.server.prefixes?.countSet(view.keyAddress, keyLength);
    view.mode = mode;
    view.options = 0;
    view.cas = mode === request.MODE_CAS ? request.versionOf(cas) : 0;
    view.flags = flags;
    view.expiry = request.expiryOf(duration, router.store.now);
    view.valueAddress = line.next;
    view.valueLength = valueLength;
    if (isTooLarge) return this.#refuse(line.next);
    if (!isShort) return this.#storeLong(line.next);
    if (!isLineEnd(bytes, line.next + valueLength)) {
      connection.begin += whole;
      return this.#reply(answers.BAD_CHUNK);
    }
    const outcome = router.outcome("store", view);
    if (typeof outcome === "number") {
      connection.begin += whole;
      return this.#replyStored(outcome);
    }
    return this.#awaitStored(outcome, whole);
  }

  /** The last word may stand in the place of another, and still says that no answer is wanted. */
  #answerBadStore(): true {
    this.#noreply = this.#lastWordIsNoreply();
    return this.#answer(answers.BAD_FORMAT);
  }

  async #awaitStored(outcome: Promise<number>, whole: number): Promise<boolean> {
    const stored = await outcome; // the value stays in the buffer until it is copied
    this.#connection.begin += whole;
    return this.#replyStored(stored);
  }

  /** Stores a value that does not fit the buffer: it goes from the socket into its item. */
  async #storeLong(valueStart: number): Promise<boolean> {
    const outcome = await storeFromSocket(this.#connection, valueStart, true);
    return outcome === undefined ? this.#reply(answers.BAD_CHUNK) : this.#replyStored(outcome);
  }

  /** Refuses a value that is too large, and passes over it. */
  async #refuse(valueStart: number): Promise<boolean> {
    const connection = this.#connection;
    const { request: view, router } = connection;
    const outcome = await router.outcome("refuse", view);
    connection.begin = valueStart;
    this.#replyStored(outcome);
    await connection.flush();
    await connection.swallow(view.valueLength + 2);
    return true;
  }

  #replyStored(outcome: number): boolean {
    switch (outcome) {
      case request.DONE:
        return this.#reply(answers.STORED);
      case request.NOT_STORED:
        return this.#reply(answers.NOT_STORED);
      case request.EXISTS:
        return this.#reply(answers.EXISTS);
      case request.NOT_FOUND:
        return this.#reply(answers.NOT_FOUND);
      case request.TOO_LARGE:
        return this.#reply(answers.TOO_LARGE);
      case request.NO_SHARD:
        return this.#error(answers.NO_SHARD);
      default:
        return this.#error(answers.NO_MEMORY);
    }
  }

  // ─── Others ──────────────────────────────────────────────────────────────────────────────────

  #delete(): boolean | Promise<boolean> {
    const line = this.#line;
    if (line.count > 2) {
      const holdIsZero = line.word(2) === "0";
      this.#noreply = this.#lastWordIsNoreply();
      const isValid = line.count === 3 ? holdIsZero || this.#noreply : holdIsZero && this.#noreply;
      if (!isValid) return this.#answer(answers.BAD_DELETE);
    }
    if (line.length(1) > MAX_KEY_BYTES) return this.#answer(answers.BAD_FORMAT);
    const { request: view, server } = this.#connection;
    server.prefixes?.countDelete(line.starts[1]!, line.length(1));
    view.cas = 0;
    view.options = 0;
    return this.#run(
      "remove",
      (outcome) => outcome === request.DONE ? answers.DELETED : answers.NOT_FOUND,
    );
  }

  #touch(): boolean | Promise<boolean> {
    const { bytes, request: view, router } = this.#connection;
    const line = this.#line;
    this.#noreply = this.#lastWordIsNoreply();
    if (line.length(1) > MAX_KEY_BYTES) return this.#answer(answers.BAD_FORMAT);
    const duration = readSigned32(bytes, line.starts[2]!, line.ends[2]!);
    if (Number.isNaN(duration)) return this.#answer(answers.BAD_EXPTIME);
    view.expiry = request.expiryOf(duration, router.store.now);
    return this.#run(
      "touch",
      (outcome) => outcome === request.DONE ? answers.TOUCHED : answers.NOT_FOUND,
    );
  }

  #arithmetic(decrements: boolean): boolean | Promise<boolean> {
    const { bytes, request: view } = this.#connection;
    const line = this.#line;
    this.#noreply = this.#lastWordIsNoreply();
    if (line.length(1) > MAX_KEY_BYTES) return this.#answer(answers.BAD_FORMAT);
    const delta = readUnsigned64(bytes, line.starts[2]!, line.ends[2]!);
    if (delta === undefined) return this.#answer(answers.BAD_DELTA);
    view.delta = delta;
    view.cas = 0;
    view.options = decrements ? request.DECREMENT : 0;
    view.program = 0;
    return this.#run("arithmetic", (outcome) => {
      if (outcome === request.DONE) return ascii(`${view.resultNumber}\r\n`);
      return outcome === request.NOT_NUMERIC ? answers.NOT_NUMERIC : answers.NOT_FOUND;
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
      if (outcome === request.NO_SHARD) return this.#answer(answers.NO_SHARD);
      if (outcome === request.NO_MEMORY) return this.#answer(answers.OUT_OF_MEMORY);
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
        return words <= 3 ? this.#flushAll() : this.#answer(answers.ERROR);
      case "verbosity":
        return words >= 2 && words <= 3 ? this.#verbosity() : this.#answer(answers.ERROR);
      case "shutdown":
        return this.#answer(ascii("ERROR: shutdown not enabled\r\n"));
      default:
        return this.#isHttp() ? this.#closeAtOnce() : this.#answer(answers.ERROR);
    }
  }

  /**
   * Whether the line begins a request of HTTP. What follows it may be what a web page had a browser
   * say: none of that must be taken for commands.
   */
  #isHttp(): boolean {
    const line = this.#line;
    const name = line.word(0);
    // Names of these kinds are memcached's own, and looked at no further.
    if (name.length < 2 || /^(?:[acdgist]|m.$)/s.test(name)) return false;
    return line.word(line.count - 1).startsWith("HTTP/");
  }

  #closeAtOnce(): true {
    this.#connection.begin = this.#line.next;
    return this.#connection.closing = true;
  }

  #flushAll(): boolean | Promise<boolean> {
    const { bytes } = this.#connection;
    const line = this.#line;
    this.#noreply = this.#lastWordIsNoreply();
    const { router, server } = this.#connection;
    router.store.items.counters.cmd_flush++;
    if (!server.options.flushEnabled) return this.#answer(answers.NO_FLUSH);
    let delay = 0;
    if (line.count !== (this.#noreply ? 2 : 1)) {
      delay = readSigned32(bytes, line.starts[1]!, line.ends[1]!);
      if (Number.isNaN(delay)) return this.#answer(answers.BAD_EXPTIME);
    }
    return router.flushAll(delay).then(() => this.#answer(answers.OK));
  }

  #verbosity(): boolean {
    const { bytes } = this.#connection;
    const line = this.#line;
    this.#noreply = this.#lastWordIsNoreply();
    const level = readUnsigned32(bytes, line.starts[1]!, line.ends[1]!);
    return this.#answer(Number.isNaN(level) ? answers.BAD_FORMAT : answers.OK);
  }

  async #stats(): Promise<boolean> {
    const line = this.#line;
    const words = Array.from({ length: line.count - 1 }, (_, i) => line.word(i + 1));
    await writeTextStats(this.#connection, words);
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

/** Whether CR LF is at `at`. */
export function isLineEnd(bytes: Uint8Array, at: number): boolean {
  return bytes[at] === CR && bytes[at + 1] === LF;
}
