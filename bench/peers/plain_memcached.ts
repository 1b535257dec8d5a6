/**
 * What somebody would write in an afternoon: `get` and `set` of memcached's text protocol on one thread
 * of Deno, over a Map. Nothing is ever evicted.
 *
 * @module
 */

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const END = encoder.encode("END\r\n");
const STORED = encoder.encode("STORED\r\n");
const ERROR = encoder.encode("ERROR\r\n");
const LF = 10;

/** Answers to `get`, ready to be sent, by key. */
const answers = new Map<string, Uint8Array>();

async function serve(socket: Deno.TcpConn): Promise<void> {
  socket.setNoDelay(true);
  let buffer = new Uint8Array(16384);
  let end = 0;
  for (;;) {
    if (end === buffer.length) {
      const larger = new Uint8Array(buffer.length * 2);
      larger.set(buffer);
      buffer = larger;
    }
    const read = await socket.read(buffer.subarray(end));
    if (read === null) return socket.close();
    end += read;
    const responses: Uint8Array[] = [];
    const begin = runAll(buffer.subarray(0, end), responses);
    buffer.copyWithin(0, begin, end);
    end -= begin;
    if (responses.length > 0) await send(socket, joined(responses));
  }
}

/** Runs every command that has come whole; returns where the first that has not begins. */
function runAll(bytes: Uint8Array, responses: Uint8Array[]): number {
  let begin = 0;
  for (;;) {
    const lineEnd = bytes.indexOf(LF, begin);
    if (lineEnd === -1) return begin;
    const [name, key = "", flags, , length] = decoder.decode(bytes.subarray(begin, lineEnd - 1))
      .split(" ");
    let next = lineEnd + 1;
    if (name === "get") {
      const answer = answers.get(key);
      if (answer !== undefined) responses.push(answer);
      responses.push(END);
    } else if (name === "set") {
      next += Number(length) + 2;
      if (next > bytes.length) return begin;
      const head = encoder.encode(`VALUE ${key} ${flags} ${length}\r\n`);
      answers.set(key, joined([head, bytes.subarray(lineEnd + 1, next)]));
      responses.push(STORED);
    } else responses.push(ERROR);
    begin = next;
  }
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

async function send(socket: Deno.TcpConn, bytes: Uint8Array): Promise<void> {
  for (let sent = 0; sent < bytes.length;) sent += await socket.write(bytes.subarray(sent));
}

if (import.meta.main) {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: Number(Deno.args[0]) });
  for await (const socket of listener) serve(socket);
}
