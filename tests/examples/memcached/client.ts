/**
 * A client that speaks bytes: tests say what is sent, to the byte, and see what comes back.
 *
 * @module
 */

import { Buffer } from "node:buffer";

const encoder = new TextEncoder();

/** Bytes of a text of which every character is one byte. */
export function bytesOf(text: string): Uint8Array {
  return Buffer.from(text, "latin1");
}

/** The text of which every character is one of the bytes. */
export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}

/** Whether a write failed because the server has closed the connection. */
export function isClosedByServer(error: unknown): boolean {
  return error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.ConnectionReset;
}

/** One connection to a server. */
export class Client implements Disposable {
  readonly #socket: Deno.TcpConn;
  readonly #buffer = new Uint8Array(65536);
  /** What has come and was not asked for yet. */
  #received = "";
  #ended = false;

  private constructor(socket: Deno.TcpConn) {
    this.#socket = socket;
    socket.setNoDelay(true);
  }

  /** This end, as the server names it. */
  get address(): string {
    const { hostname, port } = this.#socket.localAddr;
    return `${hostname}:${port}`;
  }

  /** Connects to a port of this machine. */
  static async connect(port: number): Promise<Client> {
    return new Client(await Deno.connect({ hostname: "127.0.0.1", port }));
  }

  /** Sends text, a byte for every character, or bytes. */
  async send(data: string | Uint8Array): Promise<void> {
    const bytes = typeof data === "string" ? bytesOf(data) : data;
    for (let sent = 0; sent < bytes.length;) {
      sent += await this.#socket.write(bytes.subarray(sent));
    }
  }

  /** What comes next, up to the end of `mark`; or all that came if the server closes before. */
  async until(mark: string): Promise<string> {
    let from = 0;
    for (;;) {
      const at = this.#received.indexOf(mark, from);
      if (at !== -1) return this.#take(at + mark.length);
      from = Math.max(0, this.#received.length - mark.length);
      if (!(await this.#read())) return this.#take(this.#received.length);
    }
  }

  /** The next `length` bytes. */
  async exactly(length: number): Promise<string> {
    while (this.#received.length < length && await this.#read());
    return this.#take(length);
  }

  /** All that comes until the server closes. */
  async rest(): Promise<string> {
    while (await this.#read());
    return this.#take(this.#received.length);
  }

  /** Sends a command and gives what comes back, up to the end of `mark`. */
  async ask(command: string, mark = "\r\n"): Promise<string> {
    await this.send(command);
    return await this.until(mark);
  }

  /** Says that nothing more will be sent. */
  closeWrite(): Promise<void> {
    return this.#socket.closeWrite();
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }

  #take(length: number): string {
    const taken = this.#received.slice(0, length);
    this.#received = this.#received.slice(length);
    return taken;
  }

  async #read(): Promise<boolean> {
    if (this.#ended) return false;
    try {
      const read = await this.#socket.read(this.#buffer);
      if (read === null) this.#ended = true;
      else this.#received += textOf(this.#buffer.subarray(0, read));
    } catch (error) {
      if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
      this.#ended = true; // the server closed without reading all
    }
    return !this.#ended;
  }
}

/** A request of the binary protocol. */
export interface BinaryRequest {
  readonly opcode: number;
  readonly key?: string;
  readonly extras?: readonly number[];
  readonly value?: string;
  readonly cas?: number;
  readonly opaque?: number;
}

/** The bytes of a request of the binary protocol, a character for each. */
export function binaryRequest(
  { opcode, key = "", extras = [], value = "", cas = 0, opaque = 0 }: BinaryRequest,
): string {
  const header = new DataView(new ArrayBuffer(24));
  header.setUint8(0, 0x80);
  header.setUint8(1, opcode);
  header.setUint16(2, key.length);
  header.setUint8(4, extras.length);
  header.setUint32(8, extras.length + key.length + value.length);
  header.setUint32(12, opaque);
  header.setBigUint64(16, BigInt(cas));
  return textOf(new Uint8Array(header.buffer)) + String.fromCharCode(...extras) + key + value;
}

/** A number as four bytes. */
export function fourBytes(number: number): number[] {
  return [number >>> 24, number >>> 16 & 255, number >>> 8 & 255, number & 255];
}

/** The bytes of UTF-8 text, as `Client.send()` takes them. */
export function utf8(text: string): string {
  return textOf(encoder.encode(text));
}
