/**
 * The binary protocol (memcached's protocol_binary.h), deprecated and still what many clients speak.
 *
 * ```
 * byte  0  magic: 0x80 a request, 0x81 a response
 *       1  opcode
 *       2  length of the key
 *       4  length of the extras
 *       5  data type, 0
 *       6  of a response: status
 *       8  length of the body: extras, key and value together
 *      12  opaque: copied into the response
 *      16  cas: the version
 *      24  extras, key, value
 * ```
 *
 * @module
 */

import type { Connection } from "./connection.ts";
import { Item, itemBytes, MAX_ITEM_BYTES, MAX_KEY_BYTES } from "./item.ts";
import { ascii } from "./output.ts";
import * as request from "./request.ts";
import { readFigures } from "./stats.ts";
import { storeFromSocket } from "./store_from_socket.ts";
import { missingOr } from "./router.ts";
import type { ItemAnswer, LentItem } from "./store_tasks.ts";
import { VERSION } from "./version.ts";

const HEADER_BYTES = 24;
const REQUEST_MAGIC = 0x80;
const RESPONSE_MAGIC = 0x81;

const GET = 0x00;
const SET = 0x01;
const ADD = 0x02;
const REPLACE = 0x03;
const DELETE = 0x04;
const INCREMENT = 0x05;
const DECREMENT = 0x06;
const QUIT = 0x07;
const FLUSH = 0x08;
const NOOP = 0x0a;
const VERSION_CODE = 0x0b;
const GETK = 0x0c;
const APPEND = 0x0e;
const PREPEND = 0x0f;
const STAT = 0x10;
const TOUCH = 0x1c;
const GAT = 0x1d;
const GATK = 0x23;

/** What a quiet command is when it is not quiet. */
const LOUD: ReadonlyMap<number, number> = new Map([
  [0x09, GET],
  [0x0d, GETK],
  [0x11, SET],
  [0x12, ADD],
  [0x13, REPLACE],
  [0x14, DELETE],
  [0x15, INCREMENT],
  [0x16, DECREMENT],
  [0x17, QUIT],
  [0x18, FLUSH],
  [0x19, APPEND],
  [0x1a, PREPEND],
  [0x1e, GAT],
  [0x24, GATK],
]);

const STATUS_OK = 0x0000;
const STATUS_NOT_FOUND = 0x0001;
const STATUS_EXISTS = 0x0002;
const STATUS_TOO_LARGE = 0x0003;
const STATUS_INVALID = 0x0004;
const STATUS_NOT_STORED = 0x0005;
const STATUS_NOT_NUMERIC = 0x0006;
const STATUS_UNKNOWN = 0x0081;
const STATUS_NO_MEMORY = 0x0082;
const STATUS_BUSY = 0x0085;

const STATUS_TEXTS: ReadonlyMap<number, Uint8Array> = new Map([
  [STATUS_NOT_FOUND, ascii("Not found")],
  [STATUS_EXISTS, ascii("Data exists for key.")],
  [STATUS_TOO_LARGE, ascii("Too large.")],
  [STATUS_INVALID, ascii("Invalid arguments")],
  [STATUS_NOT_STORED, ascii("Not stored.")],
  [STATUS_NOT_NUMERIC, ascii("Non-numeric server-side value for incr or decr")],
  [STATUS_UNKNOWN, ascii("Unknown command")],
  [STATUS_NO_MEMORY, ascii("Out of memory")],
  [STATUS_BUSY, ascii("The shard of this key is being restarted")],
]);

const STATUS_OF: ReadonlyMap<number, number> = new Map([
  [request.NOT_STORED, STATUS_NOT_STORED],
  [request.EXISTS, STATUS_EXISTS],
  [request.NOT_FOUND, STATUS_NOT_FOUND],
  [request.TOO_LARGE, STATUS_TOO_LARGE],
  [request.NO_MEMORY, STATUS_NO_MEMORY],
  [request.NOT_NUMERIC, STATUS_NOT_NUMERIC],
  [request.NO_SHARD, STATUS_BUSY],
]);

/** In place of an expiry: an item that is missing is not to be made. */
const NEVER_MAKE = 0xffffffff;

/** The binary protocol of one connection. */
export class BinaryProtocol {
  readonly #connection: Connection;
  #opcode = 0;
  /** The opcode as it was sent, quiet or not. */
  #sentOpcode = 0;
  #isQuiet = false;
  #extrasLength = 0;
  #keyLength = 0;
  #bodyLength = 0;
  #opaque = 0;
  /** Where the extras begin. */
  #body = 0;

  constructor(connection: Connection) {
    this.#connection = connection;
  }

  /** Runs the next command; false if it has not all come. */
  next(): boolean | Promise<boolean> {
    const connection = this.#connection;
    const { begin, end, bytes } = connection;
    if (end - begin < HEADER_BYTES) return false;
    if (bytes[begin] !== REQUEST_MAGIC) {
      connection.closing = true;
      return false;
    }
    this.#readHeader(begin);
    const head = this.#extrasLength + this.#keyLength;
    if (head > this.#bodyLength) return this.#fail(STATUS_UNKNOWN);
    if (this.#keyLength > MAX_KEY_BYTES) return this.#fail(STATUS_INVALID);
    if (end - begin < HEADER_BYTES + head) return false;
    return this.#dispatch(this.#bodyLength - head);
  }

  #readHeader(at: number): void {
    const { bytes, request: view } = this.#connection;
    this.#sentOpcode = bytes[at + 1]!;
    const loud = LOUD.get(this.#sentOpcode);
    this.#isQuiet = loud !== undefined;
    this.#opcode = loud ?? this.#sentOpcode;
    this.#keyLength = bytes[at + 2]! * 256 + bytes[at + 3]!;
    this.#extrasLength = bytes[at + 4]!;
    this.#bodyLength = this.#unsigned(at + 8);
    this.#opaque = this.#unsigned(at + 12);
    const cas = this.#unsigned(at + 16) * 2 ** 32 + this.#unsigned(at + 20);
    view.cas = cas > Number.MAX_SAFE_INTEGER ? -1 : cas;
    view.options = 0;
    this.#body = at + HEADER_BYTES;
  }

  #dispatch(valueLength: number): boolean | Promise<boolean> {
    const extras = this.#extrasLength;
    const hasKey = this.#keyLength > 0;
    const isBare = extras === 0 && !hasKey && valueLength === 0;
    switch (this.#opcode) {
      case GET:
      case GETK:
        return extras === 0 && hasKey && valueLength === 0 ? this.#get() : this.#invalid();
      case TOUCH:
      case GAT:
      case GATK:
        return extras === 4 && hasKey ? this.#touch() : this.#invalid();
      case SET:
      case ADD:
      case REPLACE:
        return extras === 8 && hasKey ? this.#store(valueLength) : this.#invalid();
      case APPEND:
      case PREPEND:
        return extras === 0 && hasKey ? this.#store(valueLength) : this.#invalid();
      case DELETE:
        return extras === 0 && hasKey && valueLength === 0 ? this.#delete() : this.#invalid();
      case INCREMENT:
      case DECREMENT:
        return extras === 20 && hasKey && valueLength === 0 ? this.#count() : this.#invalid();
      case FLUSH:
        return (extras === 0 || extras === 4) && !hasKey && valueLength === 0
          ? this.#flush()
          : this.#invalid();
      case NOOP:
        return isBare ? this.#done() : this.#invalid();
      case VERSION_CODE:
        return isBare ? this.#version() : this.#invalid();
      case STAT:
        return extras === 0 ? this.#stats() : this.#invalid();
      case QUIT:
        if (!isBare) return this.#invalid();
        this.#connection.closing = true;
        return this.#done();
      default:
        return this.#unknown();
    }
  }

  // ─── Commands ────────────────────────────────────────────────────────────────────────────────

  #get(): boolean | Promise<boolean> {
    const { router, request: view } = this.#connection;
    this.#setKey();
    if (!router.isLocal(view.hash)) return this.#getLent();
    const item = router.store.get(view);
    if (item === 0) return this.#missing();
    const valueLength = this.#writeItem(item);
    if (valueLength < 0) return this.#sendOwn(item, -valueLength);
    return this.#end();
  }

  async #sendOwn(item: number, valueLength: number): Promise<boolean> {
    const connection = this.#connection;
    this.#end();
    await connection.sendOwn(item, connection.valueStart(this.#keyLength), valueLength);
    return true;
  }

  async #getLent(): Promise<boolean> {
    const connection = this.#connection;
    const view = connection.request;
    connection.offerAnswer();
    let found: ItemAnswer;
    try {
      found = await connection.router.get(view);
    } catch (error) {
      found = missingOr(error);
    }
    if (found === null) return this.#missing();
    if (found === true) {
      const { resultFlags, resultLength, resultCas } = view;
      const sent = this.#writeItemHead(resultFlags, resultLength, resultCas, view.keyAddress);
      connection.output.copy(view.resultAddress, sent);
      return this.#end();
    }
    using lent = found;
    await this.#sendLent(lent);
    return true;
  }

  async #sendLent(lent: LentItem): Promise<void> {
    const connection = this.#connection;
    const { address, keyLength } = lent.view(Item);
    const valueLength = this.#writeItem(address);
    this.#end();
    if (valueLength >= 0) return;
    await connection.sendLent(lent, connection.valueStart(keyLength), -valueLength);
  }

  /** Writes the answer but for a long value; returns its length then, negated, and 0 otherwise. */
  #writeItem(address: number): number {
    const connection = this.#connection;
    const { keyLength, valueLength, flags, cas } = connection.item.at(address);
    const key = address + connection.valueStart(0);
    const sent = this.#writeItemHead(flags, valueLength, cas, key);
    if (connection.isLong(sent)) return -sent;
    connection.output.copy(key + keyLength, sent);
    return 0;
  }

  /** Writes the answer but for the value; returns how much of that is to follow. */
  #writeItemHead(flags: number, valueLength: number, cas: number, key: number): number {
    const { output } = this.#connection;
    const sentKey = this.#opcode === GETK || this.#opcode === GATK ? this.#keyLength : 0;
    const sentValue = this.#opcode === TOUCH ? 0 : valueLength;
    this.#writeHeader(STATUS_OK, 4, sentKey, sentValue, cas);
    output.unsigned(flags, 4);
    output.copy(key, sentKey);
    return sentValue;
  }

  #missing(): boolean {
    const { output } = this.#connection;
    if (this.#isQuiet) return this.#end();
    if (this.#opcode !== GETK && this.#opcode !== GATK) return this.#error(STATUS_NOT_FOUND);
    this.#writeHeader(STATUS_NOT_FOUND, 0, this.#keyLength, 0, 0);
    output.copy(this.#body + this.#extrasLength, this.#keyLength);
    return this.#end();
  }

  #touch(): boolean | Promise<boolean> {
    const { router, request: view } = this.#connection;
    view.options = request.TOUCH;
    view.expiry = request.expiryOf(this.#unsigned(this.#body), router.store.now);
    return this.#get();
  }

  #store(valueLength: number): boolean | Promise<boolean> {
    const connection = this.#connection;
    const { router, request: view } = connection;
    const whole = HEADER_BYTES + this.#bodyLength;
    const isShort = connection.fits(whole);
    if (isShort && connection.end - connection.begin < whole) return false;
    this.#setKey();
    const hasExtras = this.#extrasLength === 8;
    view.mode = this.#storeMode();
    view.flags = hasExtras ? this.#unsigned(this.#body) : 0;
    view.expiry = hasExtras
      ? request.expiryOf(this.#unsigned(this.#body + 4), router.store.now)
      : 0;
    view.valueLength = valueLength;
    const valueStart = this.#body + this.#extrasLength + this.#keyLength;
    if (!isShort) return this.#storeLong(valueStart, valueLength);
    view.valueAddress = valueStart;
    const outcome = router.outcome("store", view);
    return typeof outcome === "number"
      ? this.#endStore(outcome, whole)
      : outcome.then((stored) => this.#endStore(stored, whole));
  }

  #storeMode(): number {
    switch (this.#opcode) {
      case APPEND:
        return request.MODE_APPEND;
      case PREPEND:
        return request.MODE_PREPEND;
    }
    if (this.#connection.request.cas !== 0) return request.MODE_CAS;
    switch (this.#opcode) {
      case ADD:
        return request.MODE_ADD;
      case REPLACE:
        return request.MODE_REPLACE;
    }
    return request.MODE_SET;
  }

  async #storeLong(valueStart: number, valueLength: number): Promise<boolean> {
    const connection = this.#connection;
    const { request: view, router } = connection;
    if (itemBytes(this.#keyLength, valueLength) > MAX_ITEM_BYTES) {
      const outcome = await router.outcome("refuse", view);
      connection.begin = valueStart;
      this.#writeStored(outcome);
      await connection.flush();
      await connection.swallow(valueLength);
      return true;
    }
    return this.#writeStored(await storeFromSocket(connection, valueStart, false) ?? 0);
  }

  #endStore(outcome: number, whole: number): boolean {
    this.#connection.begin += whole;
    return this.#writeStored(outcome);
  }

  #writeStored(outcome: number): boolean {
    let status = STATUS_OF.get(outcome) ?? STATUS_OK;
    if (outcome === request.NOT_STORED) {
      if (this.#opcode === ADD) status = STATUS_EXISTS;
      else if (this.#opcode === REPLACE) status = STATUS_NOT_FOUND;
    }
    if (status !== STATUS_OK) this.#writeError(status);
    else if (!this.#isQuiet) {
      this.#writeHeader(STATUS_OK, 0, 0, 0, this.#connection.request.resultCas);
    }
    return true;
  }

  #delete(): boolean | Promise<boolean> {
    this.#setKey();
    const { router, request: view } = this.#connection;
    const outcome = router.outcome("remove", view);
    const finish = (removed: number): boolean =>
      removed === request.DONE ? this.#done() : this.#error(STATUS_OF.get(removed)!);
    return typeof outcome === "number" ? finish(outcome) : outcome.then(finish);
  }

  #count(): boolean | Promise<boolean> {
    const { router, request: view } = this.#connection;
    this.#setKey();
    view.delta = this.#unsigned64(this.#body);
    view.initial = this.#unsigned64(this.#body + 8);
    const duration = this.#unsigned(this.#body + 16);
    view.vivifyExpiry = request.expiryOf(duration, router.store.now);
    view.options = (this.#opcode === DECREMENT ? request.DECREMENT : 0) |
      (duration === NEVER_MAKE ? 0 : request.VIVIFY);
    const outcome = router.outcome("arithmetic", view);
    const finish = (counted: number): boolean => {
      if (counted !== request.DONE) return this.#error(STATUS_OF.get(counted)!);
      if (this.#isQuiet) return this.#end();
      const { output } = this.#connection;
      const number = view.resultNumber;
      this.#writeHeader(STATUS_OK, 0, 0, 8, view.resultCas);
      output.unsigned(Number(number >> 32n), 4);
      output.unsigned(Number(number & 0xffffffffn), 4);
      return this.#end();
    };
    return typeof outcome === "number" ? finish(outcome) : outcome.then(finish);
  }

  async #flush(): Promise<boolean> {
    const delay = this.#extrasLength === 4 ? this.#unsigned(this.#body) : 0;
    await this.#connection.router.flushAll(delay);
    return this.#done();
  }

  #version(): boolean {
    this.#writeHeader(STATUS_OK, 0, 0, VERSION.length, 0);
    this.#connection.output.text(VERSION);
    return this.#end();
  }

  async #stats(): Promise<boolean> {
    const { bytes, output, server } = this.#connection;
    const key = bytes.subarray(this.#body, this.#body + this.#keyLength);
    const figures = await readFigures(server, String.fromCharCode(...key));
    if (figures === undefined) return this.#error(STATUS_NOT_FOUND);
    for (const [name, value] of [...figures, ["", ""] as const]) {
      this.#writeHeader(STATUS_OK, 0, name.length, value.length, 0);
      output.text(name + value);
    }
    return this.#end();
  }

  /** A command that there is none of: what came with it is passed over. */
  async #unknown(): Promise<boolean> {
    const connection = this.#connection;
    this.#writeError(STATUS_UNKNOWN);
    connection.begin += HEADER_BYTES;
    await connection.flush();
    await connection.swallow(this.#bodyLength);
    return true;
  }

  // ─── Answers ─────────────────────────────────────────────────────────────────────────────────

  #setKey(): void {
    this.#connection.setKey(this.#body + this.#extrasLength, this.#keyLength);
  }

  /** Ends the command, with an answer that says no more than that unless it is quiet. */
  #done(): boolean {
    if (!this.#isQuiet) this.#writeHeader(STATUS_OK, 0, 0, 0, 0);
    return this.#end();
  }

  /** Ends the command with an error, which is never left out. */
  #error(status: number): boolean {
    this.#writeError(status);
    return this.#end();
  }

  /** The lengths do not fit the command: the client can't be trusted with any more. */
  #invalid(): boolean {
    return this.#fail(STATUS_INVALID);
  }

  #fail(status: number): boolean {
    this.#writeError(status);
    this.#connection.closing = true;
    return true;
  }

  #end(): true {
    this.#connection.begin = this.#body + this.#bodyLength;
    return true;
  }

  #writeError(status: number): void {
    const text = STATUS_TEXTS.get(status)!;
    this.#writeHeader(status, 0, 0, text.length, 0);
    this.#connection.output.write(text);
  }

  #writeHeader(
    status: number,
    extrasLength: number,
    keyLength: number,
    valueLength: number,
    cas: number,
  ): void {
    const { output } = this.#connection;
    output.byte(RESPONSE_MAGIC);
    output.byte(this.#sentOpcode);
    output.unsigned(keyLength, 2);
    output.byte(extrasLength);
    output.byte(0);
    output.unsigned(status, 2);
    output.unsigned(extrasLength + keyLength + valueLength, 4);
    output.unsigned(this.#opaque, 4);
    output.unsigned(Math.floor(cas / 2 ** 32), 4);
    output.unsigned(cas >>> 0, 4);
  }

  #unsigned(at: number): number {
    const { bytes } = this.#connection;
    const high = bytes[at]! * 2 ** 24;
    return high + (bytes[at + 1]! << 16 | bytes[at + 2]! << 8 | bytes[at + 3]!);
  }

  #unsigned64(at: number): bigint {
    return BigInt(this.#unsigned(at)) << 32n | BigInt(this.#unsigned(at + 4));
  }
}
