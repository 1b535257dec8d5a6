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

const LONG_KEY = "k".repeat(250);
const TOO_LONG_KEY = "k".repeat(251);

/** Scripts of the text protocol, by what they are about. A real `mn` is put behind each. */
const TEXT_SCRIPTS: Readonly<Record<string, string>> = {
  "set and get": "set a 5 0 3\r\nabc\r\nget a\r\ngets a\r\nget b\r\nget a b a\r\n",
  "an empty value": "set a 0 0 0\r\n\r\nget a\r\n",
  "values with CR LF inside": "set a 0 0 6\r\n\r\nEND\n\r\nget a\r\n",
  "lines that end with LF alone": "set a 0 0 1\nx\r\nget a\n",
  "spaces between words": "set   a  0 0   1\r\nx\r\n get  a \r\n",
  "unknown commands": "foo\r\n\r\n \r\nGET a\r\nx\r\ngetx a\r\n",
  "too few words":
    "set a\r\nget\r\ngets\r\ngat\r\ngat 1\r\ncas a 0 0 1\r\ndelete\r\nincr a\r\ntouch a\r\n",
  "too many words": "set a 0 0 1 noreply x\r\nincr a 1 noreply x\r\ntouch a 1 noreply x\r\n",
  "bad numbers": "set a x 0 1\r\nset a 0 x 1\r\nset a 0 0 x\r\nset a 0 0 -1\r\nset a -1 0 1\r\n" +
    "set a 0 0 1x\r\ncas a 0 0 1 x\r\n",
  "a value that is too long": "set a 0 0 3\r\nabcdef\r\nget a\r\n",
  "a value that is too short": "set a 0 0 3\r\nab\r\nget a\r\n",
  "a bad value for noreply": "set a 0 0 3 noreply\r\nabcdef\r\nget a\r\n",
  "keys at the limit": `set ${LONG_KEY} 0 0 1\r\nx\r\nget ${LONG_KEY}\r\ndelete ${LONG_KEY}\r\n`,
  "a set beyond it": `set ${TOO_LONG_KEY} 0 0 1\r\nx\r\n`,
  "a get beyond it": `get ${TOO_LONG_KEY}\r\n`,
  "others beyond it": `delete ${TOO_LONG_KEY}\r\nincr ${TOO_LONG_KEY} 1\r\n` +
    `touch ${TOO_LONG_KEY} 1\r\n`,
  "a key too long among others": `get a ${TOO_LONG_KEY} b\r\n`,
  "add and replace": "replace a 0 0 1\r\nx\r\nadd a 1 0 1\r\ny\r\nadd a 2 0 1\r\nz\r\n" +
    "replace a 3 0 2\r\nzz\r\nget a\r\n",
  "append and prepend": "append a 0 0 1\r\nx\r\nprepend a 0 0 1\r\nx\r\nset a 7 0 1\r\nm\r\n" +
    "append a 9 0 2\r\n>>\r\nprepend a 9 0 2\r\n<<\r\nget a\r\n",
  "cas": "cas a 0 0 1 1\r\nx\r\nset a 0 0 1\r\nx\r\ncas a 0 0 1 99999\r\ny\r\n" +
    "cas a 0 0 1 18446744073709551615\r\ny\r\nget a\r\n",
  "delete":
    "delete a\r\nset a 0 0 1\r\nx\r\ndelete a\r\nget a\r\nset a 0 0 1\r\nx\r\ndelete a 0\r\n" +
    "delete a 1\r\ndelete a 0 noreply\r\ndelete a noreply\r\ndelete a x noreply\r\n",
  "incr and decr":
    "incr n 1\r\nset n 0 0 2\r\n10\r\nincr n 5\r\ndecr n 6\r\nget n\r\ndecr n 100\r\n" +
    "get n\r\nincr n 18446744073709551615\r\nincr n 1\r\nincr n 18446744073709551616\r\n" +
    "incr n x\r\nincr n -1\r\nget n\r\n",
  "numbers that are none": "set n 0 0 1\r\nx\r\nincr n 1\r\nset n 0 0 0\r\n\r\nincr n 1\r\n" +
    "set n 0 0 3\r\n 12\r\nincr n 1\r\nset n 0 0 3\r\n12 \r\nincr n 1\r\nset n 0 0 2\r\n-1\r\n" +
    "incr n 1\r\nset n 0 0 3\r\n1x2\r\nincr n 1\r\nset n 0 0 20\r\n18446744073709551615\r\n" +
    "incr n 2\r\nset n 0 0 20\r\n18446744073709551616\r\nincr n 2\r\n",
  "numbers that grow": "set n 3 0 1\r\n9\r\nincr n 1\r\nget n\r\ndecr n 1\r\nget n\r\n",
  "touch and gat": "touch a 0\r\nset a 4 0 1\r\nx\r\ntouch a 0\r\ntouch a x\r\ngat 0 a\r\n" +
    "gats 0 a b\r\ngat x a\r\ngat 100 a\r\ntouch a 100\r\nget a\r\n",
  "expired at once": "set a 0 -1 1\r\nx\r\nget a\r\nset a 0 0 1\r\nx\r\ntouch a -1\r\nget a\r\n" +
    "set a 0 0 1\r\nx\r\ngat -1 a\r\nget a\r\nset a 0 2592001 1\r\nx\r\nget a\r\n",
  "noreply":
    "set a 0 0 1 noreply\r\nx\r\nadd a 0 0 1 noreply\r\ny\r\nappend a 0 0 1 noreply\r\nz\r\n" +
    "get a\r\nincr a 1 noreply\r\ntouch a 0 noreply\r\ndelete b noreply\r\nverbosity 0 noreply\r\n" +
    "flush_all noreply\r\nget a\r\n",
  "flush_all":
    "set a 0 0 1\r\nx\r\nflush_all\r\nget a\r\nadd a 0 0 1\r\ny\r\nget a\r\nflush_all 0\r\n" +
    "get a\r\nflush_all x\r\nflush_all 1 2 3\r\nset a 0 0 1\r\nx\r\nflush_all 1000\r\nget a\r\n" +
    "flush_all -1\r\nget a\r\n",
  "verbosity": "verbosity\r\nverbosity 1\r\nverbosity x\r\nverbosity 1 2 3\r\nverbosity 0\r\n",
  "shutdown": "shutdown\r\n",
  "an item larger than any": `set a 0 0 1\r\nx\r\nset a 0 0 1100000\r\n${
    "y".repeat(1_100_000)
  }\r\nget a\r\nadd b 0 0 1100000\r\n${"y".repeat(1_100_000)}\r\nget b\r\n`,
  "a long item": `set a 0 0 300000\r\n${"z".repeat(300_000)}\r\nget a\r\ngets a b a\r\n`,
  "a long item that ends badly": `set a 0 0 30000\r\n${"z".repeat(30_000)}xx\r\nget a\r\n`,
  "a get of many keys": `set k7 0 0 1\r\nx\r\nset k99 0 0 2\r\nyy\r\nget ${
    Array.from({ length: 200 }, (_, i) => `k${i}`).join(" ")
  }\r\n`,
  "a line longer than any buffer at first": `set x 0 0 1\r\ny\r\nget ${
    Array.from({ length: 3000 }, (_, i) => `key-${i}`).join(" ")
  } x\r\n`,
  "me": "me\r\nme a\r\nme a b\r\n",
  "mn": "mn\r\nmn x\r\n",
  "mg":
    "mg\r\nmg a\r\nset a 9 0 3\r\nabc\r\nmg a\r\nmg a v\r\nmg a v f s k t\r\nmg a k Oxyz v q\r\n" +
    "mg b v q\r\nmg b k O1\r\nmg a v v\r\nmg a !\r\nmg a h\r\nmg a h\r\nmg a l t\r\n" +
    `mg a T30 t\r\nmg a t\r\nmg a Tx\r\nmg ${TOO_LONG_KEY}\r\nmg a S100\r\nmg a P1 Lpath v\r\n`,
  "mg with base64":
    "ms Zm9v 3 b\r\nabc\r\nget foo\r\nmg Zm9v b v k\r\nmg foo v k\r\nmg === b\r\nmg Zm8= b k\r\n",
  "mg that makes and renews":
    "mg a N30 v t\r\nmg a N30 v t\r\nmg a v\r\nms a 1\r\nx\r\nmg a v\r\n" +
    "ms a 1 T100\r\nx\r\nmg a R30 v\r\nmg a R300 v\r\nmg a R300 v\r\n",
  "mg without a trace": "set a 0 0 1\r\nx\r\nmg a u h\r\nmg a h\r\nmg a h u\r\n",
  "ms":
    "ms a\r\nms a x\r\nms a 1\r\nx\r\nms a 2 k O7 F5\r\nxx\r\nget a\r\nms a 1 T-1\r\nx\r\nget a\r\n" +
    "ms a 3\r\nabcdef\r\nms a -1\r\nms a 1 q\r\nx\r\nget a\r\nms a 1 Fx\r\nx\r\nms a 1 MX\r\nx\r\n" +
    "ms a 1 MSS\r\nx\r\n",
  "ms modes":
    "ms a 1 MR\r\nx\r\nms a 1 ME\r\nx\r\nms a 1 ME\r\ny\r\nms a 1 MA\r\nz\r\nms a 1 MP\r\nw\r\n" +
    "get a\r\nms a 1 MS\r\nq\r\nms b 1 MA\r\nx\r\nms a 1 MR F3\r\nx\r\nget a\r\n",
  "ms with a version":
    "ms a 1 C1\r\nx\r\nset a 0 0 1\r\nx\r\nms a 1 C99999\r\ny\r\nms a 1 C0\r\ny\r\nmg a v\r\n",
  "md": "md\r\nmd a\r\nset a 0 0 1\r\nx\r\nmd a k O9\r\nget a\r\nset a 0 0 1\r\nx\r\nmd a q\r\n" +
    "md a q\r\nset a 0 0 1\r\nx\r\nmd a C99999\r\nmd a x\r\nmd a q q\r\n",
  "md that marks":
    "set a 0 0 1\r\nx\r\nmd a I T30\r\nmg a v t\r\nmg a v\r\nms a 1\r\ny\r\nmg a v\r\n",
  "ma":
    "ma\r\nma n\r\nma n N0 J13 v\r\nma n v\r\nma n v D5\r\nma n MD D4 v\r\nma n M- D400 v t\r\n" +
    "ma n T30 t v k O4\r\nma n q\r\nma n MX\r\nma n Dx\r\nset n 0 0 1\r\nx\r\nma n\r\nma m q\r\n" +
    "ma n Jx\r\n",
  "a NUL in a line": "get a\0b\r\nset a 0 0 1\r\nx\r\nget a\0b\r\n",
  "high bytes in a key": "set \xff\xfe 0 0 1\r\nx\r\nget \xff\xfe\r\n",
};

/** Scripts that depend on the versions that items get: they must be the first, and in this order. */
const VERSION_SCRIPTS: Readonly<Record<string, string>> = {
  "versions count from 1":
    "set a 0 0 1\r\nx\r\ngets a\r\nset b 0 0 1\r\nx\r\ngets b\r\nincr b 1\r\n" +
    "set n 0 0 1\r\n1\r\nincr n 1\r\ngets n\r\ntouch n 0\r\ngets n\r\nappend n 0 0 1\r\n0\r\ngets n\r\n",
  "cas with the version":
    "set a 0 0 1\r\nx\r\ncas a 5 0 1 8\r\ny\r\ngets a\r\ncas a 0 0 1 8\r\nz\r\n" +
    "replace a 0 0 1\r\nq\r\ngets a\r\n",
  "versions in meta commands":
    "ms a 1 c\r\nx\r\nmg a c\r\nms a 1 C12 c\r\ny\r\nma n N0 c\r\nma n c\r\n" +
    "ma n C3\r\nma n C15 c\r\nmd a I\r\nmg a c\r\nms a 1 I C1 c\r\nz\r\nmg a c v\r\nmd a C7\r\n",
};

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
