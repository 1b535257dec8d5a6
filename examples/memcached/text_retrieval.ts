/**
 * The commands of the text protocol that read values: get, gets, gat, gats.
 *
 * @module
 */

import type { Connection } from "./connection.ts";
import { Item, MAX_KEY_BYTES } from "./item.ts";
import { hashOf } from "./key_hash.ts";
import { readSigned32 } from "./number_text.ts";
import { ascii } from "./output.ts";
import * as request from "./request.ts";
import { type KeyBytes, missingOr } from "./router.ts";
import type { ItemAnswer, LentItem } from "./store_tasks.ts";
import type { TextLine } from "./text_line.ts";
import { BAD_EXPTIME, BAD_FORMAT, END } from "./text_answers.ts";

const CRLF = ascii("\r\n");
const VALUE = ascii("VALUE ");

const SPACE = 32;
/** Keys that are got at once: bounds what a command can hold of other shards. */
const KEYS_AT_ONCE = 64;

/** The reading commands of one connection. */
export class TextRetrieval {
  readonly #connection: Connection;
  readonly #line: TextLine;

  constructor(connection: Connection, line: TextLine) {
    this.#connection = connection;
    this.#line = line;
  }

  /** `gat` and `gats`: the second word is the expiry that the items get. */
  getAndTouch(withCas: boolean): boolean | Promise<boolean> {
    const { bytes, router } = this.#connection;
    const line = this.#line;
    const duration = readSigned32(bytes, line.starts[1]!, line.ends[1]!);
    if (Number.isNaN(duration)) return this.#answer(BAD_EXPTIME);
    if (line.count < 3) return this.#answer(END);
    this.#connection.request.expiry = request.expiryOf(duration, router.store.now);
    return this.get(withCas, 2, request.TOUCH);
  }

  /** `get` and `gets` of the keys from the word `firstKey` on. */
  get(withCas: boolean, firstKey: number, options = 0): boolean | Promise<boolean> {
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
    connection.server.prefixes?.countGet(view.keyAddress, length, item !== 0);
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
    let found: ItemAnswer;
    try {
      found = await connection.router.get(view);
    } catch (error) {
      found = missingOr(error);
    }
    connection.server.prefixes?.countGet(view.keyAddress, view.keyLength, found !== null);
    if (found === true) this.#writeAnswer(withCas);
    else if (found !== null) {
      using lent = found;
      await this.#sendLent(lent, withCas);
    }
    return this.#answer(END);
  }

  /** Writes the item whose value another shard has put where the request wanted it. */
  #writeAnswer(withCas: boolean): void {
    const { output, request: view } = this.#connection;
    output.write(VALUE);
    output.copy(view.keyAddress, view.keyLength);
    this.#writeFigures(view.resultFlags, view.resultLength, withCas ? view.resultCas : -1);
    output.copy(view.resultAddress, view.resultLength);
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
    const { router, server, request: view } = connection;
    const items = await router.lentItems(view, keys);
    using held = new DisposableStack();
    for (const item of items) if (item) held.use(item);
    for (const [i, key] of keys.entries()) {
      if (connection.hasMuchToSend) await connection.flush();
      const lent = items[i];
      if (lent !== undefined) {
        server.prefixes?.countGet(key.address, key.length, lent !== null);
        if (lent === null) continue;
        await this.#sendLent(lent, withCas);
        continue;
      }
      connection.setKey(key.address, key.length);
      const item = router.store.get(view);
      server.prefixes?.countGet(key.address, key.length, item !== 0);
      if (item === 0) continue;
      const valueLength = this.#writeHead(item, withCas);
      if (connection.isLong(valueLength)) await this.#sendOwn(item, valueLength);
      else this.#writeValue(item, valueLength);
    }
  }

  /** Ends the command of the line with an answer. */
  #answer(text: Uint8Array): true {
    this.#connection.begin = this.#line.next;
    this.#connection.output.write(text);
    return true;
  }
}
