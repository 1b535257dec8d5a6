/**
 * One connection: commands in, responses out, in order. Its memory is bounded: a buffer for what
 * comes in, one for what goes out, a request, and the value that is on its way. It reads on only when
 * what it had to say was taken, so a client that does not read is not read from.
 *
 * The buffers are blocks of the shard's slice. A socket fills the one, and the keys and values of
 * commands are used where they lie, by their addresses, on whichever shard they are at home.
 *
 * @module
 */

import { BinaryProtocol } from "./binary_protocol.ts";
import { HEADER_BYTES, Item, type ItemView, MAX_KEY_BYTES } from "./item.ts";
import { hashOf } from "./key_hash.ts";
import { isOutOfMemory, OutOfMemoryError } from "./out_of_memory.ts";
import { Output } from "./output.ts";
import { Request, type RequestView } from "./request.ts";
import { isShardGone, type Router } from "./router.ts";
import type { ShardServer } from "./shard_server.ts";
import type { LentItem } from "./store_tasks.ts";
import { TextProtocol } from "./text_protocol.ts";

/** What is read at first, and what an idle connection holds. */
const FIRST_BUFFER_BYTES = 2048;
/** What is read by who has much to say. Longer values are read straight into their items. */
export const BUFFER_BYTES = 16384;
/** The longest line: a `get` of many keys. */
const LONGEST_LINE_BYTES = 2 ** 20;
/** What goes out together. Longer values are sent by themselves. */
const FLUSH_BYTES = 16384;
/** Values of so many bytes are sent straight from the slice. */
const DIRECT_BYTES = 8192;

/** Values of other shards that are no longer are put into a block here, and not pointed to. */
const ANSWER_BYTES = 4096;
/** What is sent before a value at most: a key, a few numbers, and what is around them. */
const MOST_HEAD_BYTES = MAX_KEY_BYTES + 54;

const BINARY_MAGIC = 0x80;
const CR = 13;
const LF = 10;

/** Which protocol a connection speaks; "auto" goes by its first byte. */
export type ProtocolName = "auto" | "ascii" | "binary";

/** The part that differs between the protocols. */
interface Protocol {
  /** Runs the next command of the buffer; false if it has not all come yet. */
  next(): boolean | Promise<boolean>;
}

/** The connection was closed in the middle of something. */
class DisconnectedError extends Error {
  override readonly name = "DisconnectedError";
}

/** One connection of a shard. */
export class Connection {
  /** All bytes of the segment, by address. */
  readonly bytes: Uint8Array;
  /** What waits to be sent. */
  readonly output: Output;
  /** What it asks of the storage. */
  readonly request: RequestView;
  /** An item that is being sent: moved before every use. */
  readonly item: ItemView;
  /** Where requests go. */
  readonly router: Router;
  /** The shard's part of the server. */
  readonly server: ShardServer;
  /** Where the client is, as in "127.0.0.1:50000". */
  readonly remoteAddress: string;
  /** What was read and not used yet: addresses in the buffer. */
  begin: number;
  end: number;
  /** Set to close the connection when everything before is sent. */
  closing = false;
  /** When the last command was run, in milliseconds since 1970. */
  #lastCommandTime = Date.now();
  /** Whether it waits for the client to say something. */
  isWaiting = false;
  readonly #socket: Deno.TcpConn;
  readonly #protocolName: ProtocolName;
  #protocol: Protocol | undefined;
  #buffer: number;
  #capacity = FIRST_BUFFER_BYTES;
  /** The buffer. */
  #whole: Uint8Array;

  /** @throws {OutOfMemoryError} If the slice has no memory for another connection. */
  constructor(socket: Deno.TcpConn, server: ShardServer, protocol: ProtocolName) {
    const { router } = server;
    const { allocator } = router;
    const { hostname, port } = socket.remoteAddr;
    this.remoteAddress = `${hostname}:${port}`;
    this.server = server;
    this.router = router;
    this.bytes = server.bytes;
    this.output = new Output(server.outputBlocks);
    this.#socket = socket;
    this.#protocolName = protocol;
    this.#buffer = allocator.malloc(this.#capacity);
    const request = this.#buffer === 0
      ? 0
      : allocator.calloc(1, Request.byteLength + MAX_KEY_BYTES);
    if (request === 0) {
      allocator.free(this.#buffer);
      throw new OutOfMemoryError("serve another connection", FIRST_BUFFER_BYTES);
    }
    this.request = Request.at(allocator, request);
    this.item = Item.at(allocator, request);
    this.#whole = this.bytes.subarray(this.#buffer, this.#buffer + this.#capacity);
    this.begin = this.#buffer;
    this.end = this.#buffer;
  }

  /** Serves until either side closes, then frees everything. */
  async serve(): Promise<void> {
    try {
      await this.#serve();
    } catch (error) {
      // A response that lacks memory, or part of a value because its shard died, can't be completed.
      if (isOutOfMemory(error)) this.server.counters.responsesOutOfMemory++;
      else if (!isDisconnection(error) && !isShardGone(error)) throw error; // a mistake in here
    } finally {
      this.close();
      this.output.clear();
      this.router.allocator.free(this.#buffer);
      this.router.allocator.free(this.request.address);
    }
  }

  /** Closes the socket; `serve()` then ends by itself. */
  close(): void {
    try {
      this.#socket.close();
    } catch (error) {
      if (!(error instanceof Deno.errors.BadResource)) throw error; // it is closed already
    }
  }

  async #serve(): Promise<void> {
    for (;;) {
      let hasRun = false;
      while (this.begin < this.end && !this.closing) {
        const protocol = this.#protocol ??= this.#detect();
        const ran = protocol.next();
        if (!(typeof ran === "boolean" ? ran : await ran)) break;
        hasRun = true;
        if (this.hasMuchToSend) await this.flush();
      }
      if (hasRun) this.#lastCommandTime = Date.now();
      // What follows is flush() and #fill(), written out: each would cost another promise a command.
      const { length } = this.output;
      if (length > 0) {
        const sent = await this.#socket.write(this.output.view(0));
        if (sent < length) await this.#sendFrom(sent);
        else this.#sent();
      }
      if (this.closing) return;
      const room = this.#makeRoom();
      if (room === undefined) return;
      this.isWaiting = true;
      const read = await this.#socket.read(room);
      this.isWaiting = false;
      if (read === null) return;
      this.#took(read);
    }
  }

  /** For how long it has waited for a command, 0 while it is at work on one. */
  get idleMilliseconds(): number {
    return this.isWaiting ? Date.now() - this.#lastCommandTime : 0;
  }

  #detect(): Protocol {
    const isBinary = this.#protocolName === "binary" ||
      (this.#protocolName === "auto" && this.bytes[this.begin] === BINARY_MAGIC);
    return isBinary ? new BinaryProtocol(this) : new TextProtocol(this);
  }

  // ─── In ──────────────────────────────────────────────────────────────────────────────────────

  /** Whether the buffer can hold the next `byteLength` bytes at once. */
  fits(byteLength: number): boolean {
    return byteLength <= BUFFER_BYTES;
  }

  /** Reads more; false at the end of the stream, and if a line is longer than any may be. */
  async #fill(): Promise<boolean> {
    const room = this.#makeRoom();
    const read = room === undefined ? null : await this.#socket.read(room);
    if (read === null) return false;
    this.#took(read);
    return true;
  }

  #took(read: number): void {
    this.server.counters.bytesRead += read;
    this.end += read;
  }

  /**
   * Where to read to; undefined if the buffer is full. What is unused moves to its front. It grows if
   * it was full at the last read, and what it has grown for one long line is given back after that.
   */
  #makeRoom(): Uint8Array | undefined {
    const waiting = this.end - this.begin;
    const wasFull = this.end === this.#buffer + this.#capacity;
    if (this.begin !== this.#buffer) {
      if (waiting > 0) this.bytes.copyWithin(this.#buffer, this.begin, this.end);
      this.begin = this.#buffer;
      this.end = this.begin + waiting;
    }
    if (waiting === 0 && this.#capacity > BUFFER_BYTES) this.#resize(BUFFER_BYTES, 0);
    else if (wasFull && (this.#capacity < BUFFER_BYTES || waiting === this.#capacity)) {
      this.#grow(waiting);
    }
    if (waiting === 0) return this.#whole;
    return waiting === this.#capacity ? undefined : this.#whole.subarray(waiting);
  }

  #grow(waiting: number): void {
    if (this.#capacity >= LONGEST_LINE_BYTES) return;
    this.#resize(Math.max(BUFFER_BYTES, this.#capacity * 2), waiting);
  }

  #resize(capacity: number, waiting: number): void {
    const buffer = this.router.allocator.realloc(this.#buffer, capacity);
    if (buffer === 0) return; // then it goes on with what it has, or ends
    this.#buffer = buffer;
    this.#capacity = capacity;
    this.#whole = this.bytes.subarray(buffer, buffer + capacity);
    this.begin = buffer;
    this.end = buffer + waiting;
  }

  /** Waits until `byteLength` bytes are in the buffer, which they must fit. */
  async need(byteLength: number): Promise<void> {
    while (this.end - this.begin < byteLength) {
      if (!(await this.#fill())) throw new DisconnectedError("The client left in mid-command");
    }
  }

  /** Takes the next `byteLength` bytes to `address`: from the buffer, then straight from the socket. */
  async readInto(address: number, byteLength: number): Promise<void> {
    let taken = Math.min(this.end - this.begin, byteLength);
    this.bytes.copyWithin(address, this.begin, this.begin + taken);
    this.begin += taken;
    while (taken < byteLength) {
      const view = this.bytes.subarray(address + taken, address + byteLength);
      const read = await this.#socket.read(view);
      if (read === null) throw new DisconnectedError("The client left in mid-value");
      this.server.counters.bytesRead += read;
      taken += read;
    }
  }

  /**
   * The same by way of the buffer, into memory that may go when its shard dies: `place` says where it
   * is, and throws if it is nowhere. A shard starts again only when this one has taken notice, so
   * what `place` says holds until this turn ends.
   */
  async readPiecewise(place: () => number, byteLength: number): Promise<void> {
    for (let taken = 0; taken < byteLength;) {
      if (this.begin === this.end) await this.need(1);
      const piece = Math.min(this.end - this.begin, byteLength - taken);
      this.bytes.copyWithin(place() + taken, this.begin, this.begin + piece);
      this.begin += piece;
      taken += piece;
    }
  }

  /** Takes CR LF, if that is what comes next; two bytes are taken in any case. */
  async takeLineEnd(): Promise<boolean> {
    await this.need(2);
    const isLineEnd = this.bytes[this.begin] === CR && this.bytes[this.begin + 1] === LF;
    this.begin += 2;
    return isLineEnd;
  }

  /** Reads and forgets. */
  async swallow(byteLength: number): Promise<void> {
    let left = byteLength;
    for (;;) {
      const piece = Math.min(this.end - this.begin, left);
      this.begin += piece;
      left -= piece;
      if (left === 0) return;
      await this.need(1);
    }
  }

  /** Gives another shard a place to put a short value: the one that it is sent from. */
  offerAnswer(): void {
    const { request } = this;
    request.answerAddress = this.output.offer(MOST_HEAD_BYTES, ANSWER_BYTES + 7);
    request.answerBytes = request.answerAddress === 0 ? 0 : ANSWER_BYTES;
  }

  /** Names the key of the request: bytes of the buffer. */
  setKey(address: number, length: number): void {
    const { request } = this;
    request.keyAddress = address;
    request.keyLength = length;
    request.hash = hashOf(this.bytes, address, length);
  }

  /** Names the key of the request: bytes that are in no buffer, and are kept beside the request. */
  setOwnKey(key: Uint8Array): void {
    const address = this.request.address + Request.byteLength;
    this.bytes.set(key.subarray(0, MAX_KEY_BYTES), address);
    this.setKey(address, key.length);
  }

  // ─── Out ─────────────────────────────────────────────────────────────────────────────────────

  /** Sends what waits; resolves when the socket has taken all of it. */
  flush(): Promise<void> {
    return this.#sendFrom(0);
  }

  async #sendFrom(start: number): Promise<void> {
    const { output } = this;
    for (let sent = start; sent < output.length;) {
      sent += await this.#socket.write(output.view(sent));
    }
    this.#sent();
  }

  #sent(): void {
    this.server.counters.bytesWritten += this.output.length;
    this.output.clear();
  }

  /** Whether so much waits that it should be sent before there is more. */
  get hasMuchToSend(): boolean {
    return this.output.length >= FLUSH_BYTES;
  }

  /** Whether a value is so long that it is sent by itself. */
  isLong(valueLength: number): boolean {
    return valueLength >= DIRECT_BYTES;
  }

  /** Sends a part of an item of this shard, straight from its block. */
  async sendOwn(item: number, start: number, byteLength: number): Promise<void> {
    using held = this.router.store.lend(item);
    await this.flush();
    const first = held.get()!.address + start;
    for (let sent = 0; sent < byteLength;) {
      sent += await this.#socket.write(this.bytes.subarray(first + sent, first + byteLength));
    }
    this.server.counters.bytesWritten += byteLength;
  }

  /**
   * Sends a part of another shard's item, in pieces: should that shard die on the way, what it leaves
   * behind must not be sent in place of the value.
   */
  async sendLent(item: LentItem, start: number, byteLength: number): Promise<void> {
    for (let sent = 0; sent < byteLength;) {
      const piece = Math.min(FLUSH_BYTES, byteLength - sent);
      this.output.copy(item.view(Item).address + start + sent, piece);
      await this.flush();
      sent += piece;
    }
  }

  /** Where the value of an item begins, counted from its start. */
  valueStart(keyLength: number): number {
    return HEADER_BYTES + keyLength;
  }
}

/** Whether the client, or this side, has closed the connection. */
export function isDisconnection(error: unknown): boolean {
  return error instanceof DisconnectedError ||
    error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe ||
    error instanceof Deno.errors.ConnectionAborted || error instanceof Deno.errors.BadResource ||
    error instanceof Deno.errors.Interrupted || error instanceof Deno.errors.NotConnected ||
    error instanceof Deno.errors.TimedOut;
}
