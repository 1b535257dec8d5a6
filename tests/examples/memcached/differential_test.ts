/**
 * Every script below goes to the server and to a real memcached 1.6.18, and both must answer the same,
 * byte for byte. With one shard versions (cas) are the same too; with several, each shard counts its
 * own, and they are left out.
 *
 * Not compared is what memcached gets wrong: a `get` with a key that is too long drops answers to
 * commands before it, and an unknown binary command with a key is swallowed together with the
 * beginning of the next.
 */

import { assertEquals } from "@std/assert";
import { Server } from "../../../examples/memcached/server.ts";
import { type BinaryRequest, binaryRequest, Client, fourBytes } from "./client.ts";
import { RealMemcached, testWith } from "./real_memcached.ts";
import { TEXT_SCRIPTS, TOO_LONG_KEY, VERSION_SCRIPTS } from "./text_scripts.ts";

const NOOP = binaryRequest({ opcode: 0x0a, opaque: 0x7fffffff });
const NOOP_ANSWER = "\x81\x0a" + "\0".repeat(10) + "\x7f\xff\xff\xff" + "\0".repeat(8);

const EXTRAS = [...fourBytes(5), ...fourBytes(0)];
const COUNT = (delta: number, initial: number, expiry: number): number[] => [
  ...fourBytes(0),
  ...fourBytes(delta),
  ...fourBytes(0),
  ...fourBytes(initial),
  ...fourBytes(expiry),
];

/** Scripts of the binary protocol. */
const BINARY_SCRIPTS: Readonly<Record<string, readonly BinaryRequest[]>> = {
  "set and get": [
    { opcode: 0x00, key: "a" },
    { opcode: 0x01, key: "a", extras: EXTRAS, value: "hello", opaque: 7 },
    { opcode: 0x00, key: "a" },
    { opcode: 0x0c, key: "a" },
    { opcode: 0x0c, key: "b" },
    { opcode: 0x09, key: "a" },
    { opcode: 0x09, key: "b" },
    { opcode: 0x0d, key: "a" },
    { opcode: 0x0d, key: "b" },
  ],
  "add, replace, append, prepend": [
    { opcode: 0x03, key: "a", extras: EXTRAS, value: "x" },
    { opcode: 0x0e, key: "a", value: "x" },
    { opcode: 0x02, key: "a", extras: EXTRAS, value: "m" },
    { opcode: 0x02, key: "a", extras: EXTRAS, value: "n" },
    { opcode: 0x0e, key: "a", value: ">" },
    { opcode: 0x0f, key: "a", value: "<" },
    { opcode: 0x00, key: "a" },
    { opcode: 0x12, key: "a", extras: EXTRAS, value: "n" },
    { opcode: 0x13, key: "b", extras: EXTRAS, value: "n" },
    { opcode: 0x11, key: "a", extras: EXTRAS, value: "n" },
  ],
  "counting": [
    { opcode: 0x05, key: "n", extras: COUNT(1, 10, 0xffffffff) },
    { opcode: 0x05, key: "n", extras: COUNT(1, 10, 0) },
    { opcode: 0x05, key: "n", extras: COUNT(5, 10, 0) },
    { opcode: 0x06, key: "n", extras: COUNT(100, 10, 0) },
    { opcode: 0x15, key: "n", extras: COUNT(100, 10, 0) },
    { opcode: 0x00, key: "n" },
    { opcode: 0x01, key: "n", extras: EXTRAS, value: "x" },
    { opcode: 0x05, key: "n", extras: COUNT(5, 10, 0) },
  ],
  "a number of an empty value": [
    { opcode: 0x01, key: "n", extras: EXTRAS },
    { opcode: 0x05, key: "n", extras: COUNT(1, 10, 0), cas: 99 },
    { opcode: 0x01, key: "n", extras: EXTRAS, value: "7" },
    { opcode: 0x05, key: "n", extras: COUNT(1, 10, 0), cas: 99 },
  ],
  "no SASL": [
    { opcode: 0x20 },
    { opcode: 0x21, key: "PLAIN" },
    { opcode: 0x22, key: "PLAIN" },
    { opcode: 0x20, key: "x" },
    { opcode: 0x0a },
  ],
  "stats detail": [
    { opcode: 0x10, key: "detail on" },
    { opcode: 0x01, key: "foo:a", extras: EXTRAS, value: "x" },
    { opcode: 0x00, key: "foo:a" },
    { opcode: 0x1d, key: "foo:b", extras: fourBytes(100) },
    { opcode: 0x04, key: "foo:a" },
    { opcode: 0x10, key: "detail off" },
    { opcode: 0x10, key: "detail dump" },
    { opcode: 0x10, key: "detail x" },
    { opcode: 0x10, key: "reset" },
  ],
  "delete, touch, versions": [
    { opcode: 0x04, key: "a" },
    { opcode: 0x01, key: "a", extras: EXTRAS, value: "x" },
    { opcode: 0x01, key: "a", extras: EXTRAS, value: "x", cas: 99 },
    { opcode: 0x04, key: "a", cas: 99 },
    { opcode: 0x1c, key: "a", extras: fourBytes(100) },
    { opcode: 0x1d, key: "a", extras: fourBytes(100) },
    { opcode: 0x23, key: "a", extras: fourBytes(100) },
    { opcode: 0x23, key: "b", extras: fourBytes(100) },
    { opcode: 0x1c, key: "b", extras: fourBytes(100) },
    { opcode: 0x14, key: "a" },
    { opcode: 0x14, key: "a" },
  ],
  "flush and noop": [
    { opcode: 0x01, key: "a", extras: EXTRAS, value: "x" },
    { opcode: 0x08 },
    { opcode: 0x00, key: "a" },
    { opcode: 0x18, extras: fourBytes(0) },
    { opcode: 0x0a, opaque: 3 },
  ],
  "an unknown opcode": [{ opcode: 0x77, opaque: 9 }, { opcode: 0x0a }],
  "lengths that do not fit": [{ opcode: 0x00, key: "a", extras: [1] }, { opcode: 0x0a }],
  "a get with a value": [{ opcode: 0x00, key: "a", value: "x" }, { opcode: 0x0a }],
  "a key beyond the limit": [{ opcode: 0x00, key: TOO_LONG_KEY }, { opcode: 0x0a }],
  "quit": [{ opcode: 0x07 }, { opcode: 0x0a }],
  "a long item": [
    { opcode: 0x01, key: "a", extras: EXTRAS, value: "v".repeat(200_000) },
    { opcode: 0x00, key: "a" },
    { opcode: 0x0c, key: "a" },
  ],
  "an item larger than any": [
    { opcode: 0x01, key: "a", extras: EXTRAS, value: "v" },
    { opcode: 0x01, key: "a", extras: EXTRAS, value: "v".repeat(1_100_000) },
    { opcode: 0x00, key: "a" },
    { opcode: 0x01, key: "a", extras: EXTRAS, value: "v" },
    { opcode: 0x01, key: "a", extras: EXTRAS, value: "v".repeat(1_100_000), cas: 5 },
    { opcode: 0x00, key: "a" },
    { opcode: 0x01, key: "a", extras: EXTRAS, value: "v" },
    { opcode: 0x02, key: "a", extras: EXTRAS, value: "v".repeat(1_100_000) },
    { opcode: 0x0e, key: "a", value: "v".repeat(1_048_550) },
    { opcode: 0x00, key: "a" },
  ],
};

/** The answer to all that is sent, up to that to the last command, or to the server's closing. */
async function answer(port: number, script: string, mark: string): Promise<string> {
  using client = await Client.connect(port);
  const [received] = await Promise.all([client.until(mark), client.send(script)]);
  return received;
}

async function flush(port: number): Promise<void> {
  using client = await Client.connect(port);
  await client.ask("flush_all\r\n");
}

/** The text protocol's answers without versions. */
function withoutVersions(text: string): string {
  return text.replaceAll(/^(VALUE \S+ \d+ \d+) \d+\r$/gm, "$1 version\r");
}

/** Those of the binary protocol. */
function withoutBinaryVersions(text: string): string {
  let result = "";
  for (let at = 0; at < text.length;) {
    const header = text.slice(at, at + 24);
    const length = [...header.slice(8, 12)].reduce((sum, c) => sum * 256 + c.charCodeAt(0), 0);
    result += header.slice(0, 16) + text.slice(at + 24, at + 24 + length);
    at += 24 + length;
  }
  return result;
}

testWith(
  "memcached",
  "memcached",
  "memcached, 1 shard: answers as memcached does, byte for byte",
  (t) => {
    const scripts = { ...VERSION_SCRIPTS, ...TEXT_SCRIPTS };
    return compareAll(t, 1, scripts, (text) => text, (text) => text);
  },
);

testWith(
  "memcached",
  "memcached",
  "memcached, 3 shards: answers as memcached does, but for versions",
  (t) => compareAll(t, 3, TEXT_SCRIPTS, withoutVersions, withoutBinaryVersions),
);

async function compareAll(
  t: Deno.TestContext,
  shards: number,
  textScripts: Readonly<Record<string, string>>,
  normalText: (text: string) => string,
  normalBinary: (text: string) => string,
): Promise<void> {
  await using real = await RealMemcached.start();
  await using server = await Server.start({ port: 0, shards, memory: 8 * 2 ** 20 * shards });
  const compare = (name: string, script: string, mark: string, normal: (text: string) => string) =>
    t.step(name, async () => {
      await Promise.all([flush(real.port), flush(server.port)]);
      const expected = await answer(real.port, script, mark);
      const actual = await answer(server.port, script, mark);
      assertEquals(normal(actual), normal(expected));
    });
  for (const [name, script] of Object.entries(textScripts)) {
    await compare(name, `${script}mn\r\nno-such-command\r\n`, "MN\r\nERROR\r\n", normalText);
  }
  for (const [name, requests] of Object.entries(BINARY_SCRIPTS)) {
    const script = requests.map(binaryRequest).join("") + NOOP;
    await compare(`binary: ${name}`, script, NOOP_ANSWER, normalBinary);
  }
}
