/**
 * Load for `compare memcached`: memcaslap for rates; a client of its own for latencies, and to fill.
 *
 * @module
 */

import { quantile } from "../comparison.ts";

const encoder = new TextEncoder();
const LF = 10;

/** Keys that memcaslap works on in turn, for each connection; it takes no smaller number. */
const WINDOW = "1k";

/** Runs memcaslap, nine `get` for each `set`; returns its operations a second. */
export async function memcaslapRate(
  port: number,
  connections: number,
  valueBytes: number,
  seconds: number,
): Promise<number> {
  let output: Deno.CommandOutput;
  try {
    output = await new Deno.Command("memcaslap", {
      args: [
        ...["-s", `127.0.0.1:${port}`, "-T", `${navigator.hardwareConcurrency}`],
        ...["-c", `${connections}`, "-X", `${valueBytes}`, "-w", WINDOW, "-t", `${seconds}s`],
      ],
    }).output();
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    throw new Error("memcaslap is not installed: apt-get install libmemcached-tools");
  }
  const text = new TextDecoder().decode(output.stdout);
  const misses = Number(/^get_misses: (\d+)/m.exec(text)?.[1]);
  if (misses !== 0) throw new Error(`memcaslap missed values: get_misses is ${misses}`);
  return Number(/TPS: (\d+)/.exec(text)?.[1]);
}

/** Quantiles of the times of single `get`s, in microseconds. */
export interface Latencies {
  readonly p50: number;
  readonly p99: number;
}

/** Keeps one `get` under way on every connection, of keys that are there, and times each. */
export async function measureLatencies(
  port: number,
  connections: number,
  valueBytes: number,
  milliseconds: number,
): Promise<Latencies> {
  const keys = Array.from({ length: 1000 }, (_, i) => `latency-${i}`);
  await store(port, keys, valueBytes);
  const answerBytes = (key: string) =>
    `VALUE ${key} 0 ${valueBytes}\r\n`.length + valueBytes + "\r\nEND\r\n".length;
  const times: number[] = [];
  const deadline = performance.now() + milliseconds;
  const run = async (connection: number): Promise<void> => {
    using socket = await connect(port);
    const buffer = new Uint8Array(valueBytes + 1000);
    for (let i = connection; performance.now() < deadline; i++) {
      const key = keys[i * 7 % keys.length]!;
      const command = encoder.encode(`get ${key}\r\n`);
      const begin = performance.now();
      await send(socket, command);
      await receive(socket, buffer.subarray(0, answerBytes(key)));
      times.push((performance.now() - begin) * 1000);
    }
  };
  await Promise.all(Array.from({ length: connections }, (_, i) => run(i)));
  const ascending = Float64Array.from(times).sort();
  return { p50: quantile(ascending, 0.5), p99: quantile(ascending, 0.99) };
}

/** Stores values of other keys all the time until so many bytes of values have been sent. */
export async function fill(port: number, bytes: number, valueBytes: number): Promise<void> {
  const batch = 64;
  let stored = 0;
  const run = async (connection: number): Promise<void> => {
    while (stored < bytes) {
      const first = stored / valueBytes;
      stored += batch * valueBytes;
      const keys = Array.from({ length: batch }, (_, i) => `fill-${connection}-${first + i}`);
      await store(port, keys, valueBytes, sockets[connection]!);
    }
  };
  const sockets = await Promise.all([connect(port), connect(port), connect(port), connect(port)]);
  try {
    await Promise.all(sockets.map((_, connection) => run(connection)));
  } finally {
    for (const socket of sockets) socket.close();
  }
}

/** Stores a value under each key, in one batch. */
async function store(
  port: number,
  keys: readonly string[],
  valueBytes: number,
  reused?: Deno.TcpConn,
): Promise<void> {
  const value = "v".repeat(valueBytes);
  const commands = keys.map((key) => `set ${key} 0 0 ${valueBytes}\r\n${value}\r\n`).join("");
  const socket = reused ?? await connect(port);
  const answers = new Uint8Array("STORED\r\n".length * keys.length);
  await Promise.all([send(socket, encoder.encode(commands)), receive(socket, answers)]);
  if (reused === undefined) socket.close();
}

async function connect(port: number): Promise<Deno.TcpConn> {
  const socket = await Deno.connect({ hostname: "127.0.0.1", port });
  socket.setNoDelay(true);
  return socket;
}

async function send(socket: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let sent = 0; sent < bytes.length;) sent += await socket.write(bytes.subarray(sent));
}

/** Reads an answer, which is as long as `bytes` and ends with a line. */
async function receive(socket: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let received = 0; received < bytes.length;) {
    const read = await socket.read(bytes.subarray(received));
    if (read === null) throw new Error("The server has closed the connection");
    received += read;
  }
  if (bytes.at(-1) !== LF) {
    const text = new TextDecoder().decode(bytes.subarray(0, 100));
    throw new Error(`The server answers ${JSON.stringify(text)}, which is not as long as expected`);
  }
}
