/**
 * A run in which every answer is known beforehand, to the byte: connections with keys of their own, a
 * model of what is stored under them, and random commands sent in batches.
 *
 * @module
 */

import { SeededRandom } from "../../harness/seeded_random.ts";

/** How to run. */
export interface VerifiedRunOptions {
  readonly port: number;
  /** Commands in all. */
  readonly operations: number;
  readonly connections: number;
  readonly seed: number;
  /** Told after each batch how many commands are done. */
  readonly onProgress?: (operations: number) => void;
}

/** What came of it. */
export interface VerifiedRunResult {
  /** Commands whose answers were compared. */
  readonly operations: number;
  /** Values that were asked for, were stored, and came. */
  readonly valuesRead: number;
}

/** Commands sent together. */
const BATCH = 32;
const KEYS = 400;
/** Sizes of values, most of them short; the last are read and sent in other ways. */
const MOST_BYTES = [0, 10, 100, 100, 1000, 1000, 4000, 20_000];

interface Stored {
  readonly value: string;
  readonly flags: number;
}

/** One connection: what it has stored, and what it says next. */
class Script {
  readonly #random: SeededRandom;
  readonly #prefix: string;
  readonly #stored = new Map<string, Stored>();
  valuesRead = 0;
  #values = 0;

  constructor(seed: number, connection: number) {
    this.#random = new SeededRandom(seed + connection);
    this.#prefix = `c${connection}-`;
  }

  #key(): string {
    return this.#prefix + this.#random.below(KEYS);
  }

  /** Every value is another, and says whose it is all along. */
  #value(key: string): string {
    const length = this.#random.below(MOST_BYTES[this.#random.below(MOST_BYTES.length)]! + 1);
    const word = `${key}.${++this.#values},`;
    return word.repeat(Math.ceil(length / word.length)).slice(0, length);
  }

  /** A command and its answer. */
  next(): [command: string, answer: string] {
    const key = this.#key();
    const stored = this.#stored.get(key);
    switch (this.#random.below(12)) {
      case 0:
      case 1:
      case 2:
        return this.#store("set", key, true);
      case 3:
        return this.#store("add", key, stored === undefined);
      case 4:
        return this.#store("replace", key, stored !== undefined);
      case 5:
        return this.#join(key, stored);
      case 6:
        this.#stored.delete(key);
        return [`delete ${key}\r\n`, stored === undefined ? "NOT_FOUND\r\n" : "DELETED\r\n"];
      case 7:
        return [`touch ${key} 0\r\n`, stored === undefined ? "NOT_FOUND\r\n" : "TOUCHED\r\n"];
      case 8:
        return this.#count();
      case 9:
        return this.#get(Array.from({ length: this.#random.between(2, 12) }, () => this.#key()));
      default:
        return this.#get([key]);
    }
  }

  #store(name: string, key: string, works: boolean): [string, string] {
    const flags = this.#random.below(1000);
    const value = this.#value(key);
    if (works) this.#stored.set(key, { value, flags });
    return [
      `${name} ${key} ${flags} 0 ${value.length}\r\n${value}\r\n`,
      works ? "STORED\r\n" : "NOT_STORED\r\n",
    ];
  }

  #join(key: string, stored: Stored | undefined): [string, string] {
    const appends = this.#random.below(2) === 0;
    const value = this.#value(key).slice(0, 50);
    if (stored !== undefined) {
      const joined = appends ? stored.value + value : value + stored.value;
      this.#stored.set(key, { value: joined, flags: stored.flags });
    }
    return [
      `${appends ? "append" : "prepend"} ${key} 7 0 ${value.length}\r\n${value}\r\n`,
      stored === undefined ? "NOT_STORED\r\n" : "STORED\r\n",
    ];
  }

  #count(): [string, string] {
    const key = `${this.#prefix}n${this.#random.below(10)}`;
    const stored = this.#stored.get(key);
    if (stored === undefined) {
      this.#stored.set(key, { value: "100000", flags: 0 });
      return [`set ${key} 0 0 6\r\n100000\r\n`, "STORED\r\n"];
    }
    const delta = this.#random.between(1, 1000);
    const number = Number(stored.value) + delta;
    this.#stored.set(key, { value: `${number}`, flags: 0 });
    return [`incr ${key} ${delta}\r\n`, `${number}\r\n`];
  }

  #get(keys: readonly string[]): [string, string] {
    let answer = "";
    for (const key of keys) {
      const stored = this.#stored.get(key);
      if (stored === undefined) continue;
      this.valuesRead++;
      answer += `VALUE ${key} ${stored.flags} ${stored.value.length}\r\n${stored.value}\r\n`;
    }
    return [`get ${keys.join(" ")}\r\n`, `${answer}END\r\n`];
  }
}

/** Runs; rejects at the first answer that differs. */
export async function verifiedRun(options: VerifiedRunOptions): Promise<VerifiedRunResult> {
  const { port, connections, seed, onProgress } = options;
  const each = Math.ceil(options.operations / connections);
  let operations = 0;
  const run = async (connection: number): Promise<number> => {
    const script = new Script(seed, connection);
    using socket = await Deno.connect({ hostname: "127.0.0.1", port });
    socket.setNoDelay(true);
    for (let done = 0; done < each;) {
      const count = Math.min(BATCH, each - done);
      const pairs = Array.from({ length: count }, () => script.next());
      await exchange(socket, pairs);
      done += count;
      operations += count;
      onProgress?.(operations);
    }
    return script.valuesRead;
  };
  const read = await Promise.all(Array.from({ length: connections }, (_, i) => run(i)));
  return { operations, valuesRead: read.reduce((sum, values) => sum + values, 0) };
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Sends commands and compares what comes back. */
async function exchange(
  socket: Deno.TcpConn,
  pairs: readonly (readonly [command: string, answer: string])[],
): Promise<void> {
  const expected = encoder.encode(pairs.map(([, answer]) => answer).join(""));
  await Promise.all([
    send(socket, encoder.encode(pairs.map(([command]) => command).join(""))),
    compare(socket, pairs, expected),
  ]);
}

async function send(socket: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let sent = 0; sent < bytes.length;) sent += await socket.write(bytes.subarray(sent));
}

/** Compares each piece as it comes: a wrong answer may be shorter, and what is awaited never come. */
async function compare(
  socket: Deno.TcpConn,
  pairs: readonly (readonly [command: string, answer: string])[],
  expected: Uint8Array,
): Promise<void> {
  const received = new Uint8Array(expected.length);
  for (let end = 0; end < expected.length;) {
    const begin = end;
    const read = await socket.read(received.subarray(end));
    if (read === null) throw new Error("A verified run was cut off: the server has closed");
    end += read;
    for (let at = begin; at < end; at++) {
      if (received[at] !== expected[at]) throw difference(pairs, expected, received, at);
    }
  }
}

/** Says which command was answered wrongly, and how. */
function difference(
  pairs: readonly (readonly [command: string, answer: string])[],
  expected: Uint8Array,
  received: Uint8Array,
  at: number,
): Error {
  let end = 0;
  const pair = pairs.find(([, answer]) => (end += answer.length) > at)!;
  const excerpt = (bytes: Uint8Array) =>
    JSON.stringify(decoder.decode(bytes.subarray(Math.max(0, at - 40), at + 60)));
  return new Error(
    `A wrong answer to ${JSON.stringify(pair[0].slice(0, 80))}: ` +
      `expected ${excerpt(expected)}, received ${excerpt(received)}`,
  );
}
