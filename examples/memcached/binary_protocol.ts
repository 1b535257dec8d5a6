/**
 * The binary protocol, deprecated and still what many clients speak: see binary_format.ts.
 *
 * @module
 */

import * as format from "./binary_format.ts";
import type { Connection } from "./connection.ts";
import { Item, MAX_KEY_BYTES } from "./item.ts";
import * as request from "./request.ts";
import { readFigures } from "./stats.ts";
import { storeFromSocket } from "./store_from_socket.ts";
import { missingOr } from "./router.ts";
import type { ItemAnswer, LentItem } from "./store_tasks.ts";
import { VERSION } from "./version.ts";

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
    if (end - begin < format.HEADER_BYTES) return false;
    if (bytes[begin] !== format.REQUEST_MAGIC) {
      connection.closing = true;
      return false;
    }
    this.#readHeader(begin);
    const head = this.#extrasLength + this.#keyLength;
    if (end - begin < format.HEADER_BYTES + head) return false;
    if (head > this.#bodyLength) return this.#fail(format.STATUS_UNKNOWN);
    if (this.#keyLength > MAX_KEY_BYTES) return this.#fail(format.STATUS_INVALID);
    return this.#dispatch(this.#bodyLength - head);
  }

  #readHeader(at: number): void {
    const { bytes, request: view } = this.#connection;
    this.#sentOpcode = bytes[at + 1]!;
    const loud = format.LOUD.get(this.#sentOpcode);
    this.#isQuiet = loud !== undefined;
    this.#opcode = loud ?? this.#sentOpcode;
    this.#keyLength = bytes[at + 2]! * 256 + bytes[at + 3]!;
    this.#extrasLength = bytes[at + 4]!;
    this.#bodyLength = this.#unsigned(at + 8);
    this.#opaque = this.#unsigned(at + 12);
    const cas = this.#unsigned(at + 16) * 2 ** 32 + this.#unsigned(at + 20);
    view.cas = cas > Number.MAX_SAFE_INTEGER ? request.NO_VERSION : cas;
    view.options = 0;
    view.program = 0;
    this.#body = at + format.HEADER_BYTES;
  }

  #dispatch(valueLength: number): boolean | Promise<boolean> {
    const extras = this.#extrasLength;
    const hasKey = this.#keyLength > 0;
    const isBare = extras === 0 && !hasKey && valueLength === 0;
    switch (this.#opcode) {
      case format.GET:
      case format.GETK:
        return extras === 0 && hasKey && valueLength === 0 ? this.#get() : this.#invalid();
      case format.TOUCH:
      case format.GAT:
      case format.GATK:
        return extras === 4 && hasKey ? this.#touch() : this.#invalid();
      case format.SET:
      case format.ADD:
      case format.REPLACE:
        return extras === 8 && hasKey ? this.#store(valueLength) : this.#invalid();
      case format.APPEND:
      case format.PREPEND:
        return extras === 0 && hasKey ? this.#store(valueLength) : this.#invalid();
      case format.DELETE:
        return extras === 0 && hasKey && valueLength === 0 ? this.#delete() : this.#invalid();
      case format.INCREMENT:
      case format.DECREMENT:
        return extras === 20 && hasKey && valueLength === 0 ? this.#count() : this.#invalid();
      case format.FLUSH:
        return (extras === 0 || extras === 4) && !hasKey && valueLength === 0
          ? this.#flush()
          : this.#invalid();
      case format.NOOP:
        return isBare ? this.#done() : this.#invalid();
      case format.VERSION_CODE:
        return isBare ? this.#version() : this.#invalid();
      case format.STAT:
        return extras === 0 ? this.#stats() : this.#invalid();
      case format.QUIT:
        if (!isBare) return this.#invalid();
        this.#connection.closing = true;
        return this.#done();
      case format.SASL_LIST:
        return isBare ? this.#unknown() : this.#invalid();
      case format.SASL_AUTH:
      case format.SASL_STEP:
        return extras === 0 && hasKey ? this.#unknown() : this.#invalid();
      default:
        return this.#unknown();
    }
  }

  // ─── Commands ────────────────────────────────────────────────────────────────────────────────

  #get(): boolean | Promise<boolean> {
    const { router, server, request: view } = this.#connection;
    this.#setKey();
    if (!router.isLocal(view.hash)) return this.#getLent();
    const item = router.store.get(view);
    server.prefixes?.countGet(view.keyAddress, view.keyLength, item !== 0);
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
    connection.server.prefixes?.countGet(view.keyAddress, view.keyLength, found !== null);
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
    const sentKey = this.#opcode === format.GETK || this.#opcode === format.GATK
      ? this.#keyLength
      : 0;
    const sentValue = this.#opcode === format.TOUCH ? 0 : valueLength;
    this.#writeHeader(format.STATUS_OK, 4, sentKey, sentValue, cas);
    output.unsigned(flags, 4);
    output.copy(key, sentKey);
    return sentValue;
  }

  #missing(): boolean {
    const { output } = this.#connection;
    if (this.#isQuiet) return this.#end();
    if (this.#opcode !== format.GETK && this.#opcode !== format.GATK) {
      return this.#error(format.STATUS_NOT_FOUND);
    }
    this.#writeHeader(format.STATUS_NOT_FOUND, 0, this.#keyLength, 0, 0);
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
    const whole = format.HEADER_BYTES + this.#bodyLength;
    const isShort = connection.fits(whole);
    const hasExtras = this.#extrasLength === 8;
    view.flags = hasExtras ? this.#unsigned(this.#body) : 0;
    const isTooLarge = router.store.isTooLarge(this.#keyLength, valueLength, view.flags);
    if (isShort && !isTooLarge && connection.end - connection.begin < whole) return false;
    this.#setKey();
    connection.server.prefixes?.countSet(view.keyAddress, view.keyLength);
    view.mode = this.#storeMode();
    view.expiry = hasExtras
      ? request.expiryOf(this.#unsigned(this.#body + 4), router.store.now)
      : 0;
    view.valueLength = valueLength;
    const valueStart = this.#body + this.#extrasLength + this.#keyLength;
    if (isTooLarge) return this.#refuse(valueStart, valueLength);
    if (!isShort) return this.#storeLong(valueStart);
    view.valueAddress = valueStart;
    const outcome = router.outcome("store", view);
    return typeof outcome === "number"
      ? this.#endStore(outcome, whole)
      : outcome.then((stored) => this.#endStore(stored, whole));
  }

  #storeMode(): number {
    switch (this.#opcode) {
      case format.APPEND:
        return request.MODE_APPEND;
      case format.PREPEND:
        return request.MODE_PREPEND;
    }
    if (this.#connection.request.cas !== 0) return request.MODE_CAS;
    switch (this.#opcode) {
      case format.ADD:
        return request.MODE_ADD;
      case format.REPLACE:
        return request.MODE_REPLACE;
    }
    return request.MODE_SET;
  }

  async #storeLong(valueStart: number): Promise<boolean> {
    return this.#writeStored(await storeFromSocket(this.#connection, valueStart, false) ?? 0);
  }

  /** Refuses a value that is too large, and passes over it. */
  async #refuse(valueStart: number, valueLength: number): Promise<boolean> {
    const connection = this.#connection;
    // Whether a version was wanted or not: a set that failed leaves no old value behind.
    if (this.#opcode === format.SET) connection.request.mode = request.MODE_SET;
    const outcome = await connection.router.outcome("refuse", connection.request);
    connection.begin = valueStart;
    this.#writeStored(outcome);
    await connection.flush();
    await connection.swallow(valueLength);
    return true;
  }

  #endStore(outcome: number, whole: number): boolean {
    this.#connection.begin += whole;
    return this.#writeStored(outcome);
  }

  #writeStored(outcome: number): boolean {
    let status = format.STATUS_OF.get(outcome) ?? format.STATUS_OK;
    if (outcome === request.NOT_STORED) {
      if (this.#opcode === format.ADD) status = format.STATUS_EXISTS;
      else if (this.#opcode === format.REPLACE) status = format.STATUS_NOT_FOUND;
    }
    if (status !== format.STATUS_OK) this.#writeError(status);
    else if (!this.#isQuiet) {
      this.#writeHeader(format.STATUS_OK, 0, 0, 0, this.#connection.request.resultCas);
    }
    return true;
  }

  #delete(): boolean | Promise<boolean> {
    this.#setKey();
    const { router, server, request: view } = this.#connection;
    server.prefixes?.countDelete(view.keyAddress, view.keyLength);
    const outcome = router.outcome("remove", view);
    const finish = (removed: number): boolean =>
      removed === request.DONE ? this.#done() : this.#error(format.STATUS_OF.get(removed)!);
    return typeof outcome === "number" ? finish(outcome) : outcome.then(finish);
  }

  #count(): boolean | Promise<boolean> {
    const { router, request: view } = this.#connection;
    this.#setKey();
    view.delta = this.#unsigned64(this.#body);
    view.initial = this.#unsigned64(this.#body + 8);
    const duration = this.#unsigned(this.#body + 16);
    view.vivifyExpiry = request.expiryOf(duration, router.store.now);
    view.options = (this.#opcode === format.DECREMENT ? request.DECREMENT : 0) |
      (duration === NEVER_MAKE ? 0 : request.VIVIFY);
    const outcome = router.outcome("arithmetic", view);
    const finish = (counted: number): boolean => {
      if (counted !== request.DONE) return this.#error(format.STATUS_OF.get(counted)!);
      if (this.#isQuiet) return this.#end();
      const { output } = this.#connection;
      const number = view.resultNumber;
      this.#writeHeader(format.STATUS_OK, 0, 0, 8, view.resultCas);
      output.unsigned(Number(number >> 32n), 4);
      output.unsigned(Number(number & 0xffffffffn), 4);
      return this.#end();
    };
    return typeof outcome === "number" ? finish(outcome) : outcome.then(finish);
  }

  #flush(): boolean | Promise<boolean> {
    const { router, server } = this.#connection;
    if (!server.options.flushEnabled) return this.#error(format.STATUS_NOT_ALLOWED);
    router.store.items.counters.cmd_flush++;
    const delay = this.#extrasLength === 4 ? this.#unsigned(this.#body) : 0;
    return router.flushAll(delay).then(() => this.#done());
  }

  #version(): boolean {
    this.#writeHeader(format.STATUS_OK, 0, 0, VERSION.length, 0);
    this.#connection.output.text(VERSION);
    return this.#end();
  }

  async #stats(): Promise<boolean> {
    const { bytes, output, server } = this.#connection;
    const key = bytes.subarray(this.#body, this.#body + this.#keyLength);
    const figures = await readFigures(server, String.fromCharCode(...key));
    if (figures === undefined) return this.#error(format.STATUS_NOT_FOUND);
    for (const [name, value] of [...figures, ["", ""] as const]) {
      this.#writeHeader(format.STATUS_OK, 0, name.length, value.length, 0);
      output.text(name + value);
    }
    return this.#end();
  }

  /** A command that there is none of: what came with it is passed over. */
  async #unknown(): Promise<boolean> {
    const connection = this.#connection;
    this.#writeError(format.STATUS_UNKNOWN);
    connection.begin += format.HEADER_BYTES;
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
    if (!this.#isQuiet) this.#writeHeader(format.STATUS_OK, 0, 0, 0, 0);
    return this.#end();
  }

  /** Ends the command with an error, which is never left out. */
  #error(status: number): boolean {
    this.#writeError(status);
    return this.#end();
  }

  /** The lengths do not fit the command: the client can't be trusted with any more. */
  #invalid(): boolean {
    return this.#fail(format.STATUS_INVALID);
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
    const text = format.STATUS_TEXTS.get(status)!;
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
    output.byte(format.RESPONSE_MAGIC);
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
