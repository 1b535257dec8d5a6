/**
 * ValueCodec at work: what it does while it reads its source, its memory, wire types, and damage.
 *
 * What travels, and how it arrives, is in value_codec_values_test.ts, value_codec_errors_test.ts and
 * value_codec_refusals_test.ts.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { ValueCodec } from "../../../shard/codec/value_codec.ts";
import { Handle, HandleType } from "./handle_type.ts";
import { difference } from "./same_graph.ts";
import { name, travel } from "./travel.ts";

Deno.test("ValueCodec.encode() passes on what a getter throws, and works on", () => {
  const codec = new ValueCodec([]);
  const thrown = new RangeError("from the getter");
  const bad = {
    a: { b: 1 },
    get c(): never {
      throw thrown;
    },
  };
  const caught = assertThrows(() => codec.encode([{ a: bad }], name, []), RangeError);
  assertStrictEquals(caught, thrown);
  assertEquals(codec.decode(codec.encode([{ a: { b: 2 } }], name, [])), [{ a: { b: 2 } }]);
});

Deno.test("ValueCodec.encode() may be called by a getter of what it encodes", () => {
  const codec = new ValueCodec([]);
  const value = {
    before: "x".repeat(100),
    get inner() {
      const bytes = codec.encode([{ own: [1, 2] }], name, []);
      return codec.decode(bytes);
    },
    after: "y".repeat(100),
  };
  assertEquals(codec.decode(codec.encode([value], name, [])), [
    { before: "x".repeat(100), inner: [{ own: [1, 2] }], after: "y".repeat(100) },
  ]);
});

Deno.test("ValueCodec.encode() sends a Map and a Set that grow meanwhile as they are met", () => {
  const map = new Map<string, unknown>();
  map.set("a", {
    get x() {
      map.set("b", 2);
      return 1;
    },
  });
  assertEquals(travel(map), new Map<string, unknown>([["a", { x: 1 }], ["b", 2]]));
});

Deno.test("ValueCodec.encode() takes no notice of the source after it returned", () => {
  const codec = new ValueCodec([]);
  const source = { list: [1], bytes: new Uint8Array([1, 2]), map: new Map([["a", 1]]) };
  const bytes = codec.encode([source], name, []);
  source.list.push(2);
  source.bytes.fill(0);
  source.map.clear();
  const expected = { list: [1], bytes: new Uint8Array([1, 2]), map: new Map([["a", 1]]) };
  assertEquals(codec.decode(bytes), [expected]);
});

Deno.test("ValueCodec.encode() outgrows its scratch and comes back from it", () => {
  const codec = new ValueCodec([]);
  const sizes = [3, 4096, 5_000_000, 10, 20, 3_000_000, 1];
  for (const size of sizes) {
    const values = [new Uint8Array(size).fill(size), "é".repeat(size), [size]];
    const bytes = codec.encode(values, name, []);
    assertEquals(difference(codec.decode(bytes), values), "");
    // Block starts are what makes copies out of shared memory fast.
    assertEquals(bytes.byteOffset, 0);
  }
  codec.encode([1], name, []);
  const kept = codec.encode([1], name, []).buffer.byteLength;
  assert(kept <= 1 << 20, `${kept} bytes are kept`);
});

Deno.test("ValueCodec keeps the shapes of objects apart, however many there are", () => {
  const codec = new ValueCodec([]);
  const rows = Array.from({ length: 3000 }, (_, i) => ({
    [`k${i % 700}`]: i,
    [`m${i % 11}`]: { [`n${i % 300}`]: i },
  }));
  for (let round = 0; round < 2; round++) {
    assertEquals(difference(codec.decode(codec.encode(rows, name, [])), rows), "");
  }
  // More shapes than can be numbered in one message, each used again at once.
  const pairs = Array.from({ length: 600 }, (_, i) => [{ [`p${i}`]: 1 }, { [`p${i}`]: 2 }]);
  assertEquals(difference(codec.decode(codec.encode(pairs, name, [])), pairs), "");
});

Deno.test("ValueCodec.encode() reports a wire-typed value once, and nothing after a throw", () => {
  const type = new HandleType();
  const codec = new ValueCodec([type]);
  const [a, b] = [new Handle(1), new Handle(2)];
  const transfers: object[] = [];
  const bytes = codec.encode([a, { b, again: a }, new Map([[a, b]])], name, transfers);
  assertEquals(transfers, [a, b]);
  const [first, second, third] = codec.decode(bytes) as [
    Handle,
    { b: Handle; again: Handle },
    Map<Handle, Handle>,
  ];
  assertStrictEquals(second.again, first);
  assertStrictEquals(third.get(first), second.b);

  const earlier = [{}];
  assertThrows(() => codec.encode([a, b, () => 0], name, earlier), TypeError);
  assertEquals(earlier, [{}]);
});

Deno.test("ValueCodec.encode() throws a wire type's own refusal, and says where", () => {
  const codec = new ValueCodec([new HandleType()]);
  const transfers: object[] = [];
  const error = assertThrows(
    () => codec.encode([new Handle(1), [new Handle(-1)]], name, transfers),
    TypeError,
  );
  assertEquals(error.message, "Cannot send a handle that was moved (arguments[1][0])");
  assertStringIncludes(error.stack!, error.message);
  assertEquals(transfers, []);
});

Deno.test("ValueCodec.discard() tells every wire-typed value, also when one throws", () => {
  const type = new HandleType();
  const codec = new ValueCodec([type]);
  const one = new Handle(1);
  const discard = (...values: unknown[]) => codec.discard(codec.encode(values, name, []).slice());
  discard([one, one, { deep: new Map([[new Handle(2), new Handle(3)]]) }]);
  assertEquals(type.lost.splice(0), [1, 2, 3]);
  discard("nothing", { to: ["tell"] });
  assertEquals(type.lost, []);
  const error = assertThrows(
    () => discard(new Handle(13), new Error("m", { cause: new Handle(4) })),
    AggregateError,
  );
  assertEquals(error.message, "Cannot discard 1 of the values of an unread message");
  assertEquals(error.errors[0].message, "13 cannot be taken back");
  assertEquals(type.lost.splice(0), [13, 4]);
  assertEquals(codec.decode(codec.encode([one], name, [])), [one]);
});

Deno.test("ValueCodec.decode() names the offset of what is damaged", () => {
  const codec = new ValueCodec([]);
  const decode = (...bytes: number[]) =>
    assertThrows(() => codec.decode(new Uint8Array([0, 1, 0, 0, 0, ...bytes])), RangeError).message;
  const damaged = "Cannot read a message as it is damaged: unknown";
  assertEquals(decode(0x3f), `${damaged} tag 63 at offset 5`);
  assertEquals(decode(0x1b, 99), `${damaged} kind of view 99 at offset 6`);
  assertEquals(decode(0x1d, 99), `${damaged} error class 99 at offset 6`);
  assertEquals(decode(0x1e, 9, 0, 0, 0), `${damaged} object 9 at offset 6`);
  assertEquals(decode(0x1f, 9), `${damaged} wire type 9 at offset 6`);
  assertEquals(decode(0x13, 9), `${damaged} shape number 9 at offset 6`);
  assertEquals(decode(0x12, 0, 0, 2, 1, 5, 65), `${damaged} shape of keys 1 at offset 5`);
  assertEquals(
    decode(0x06, 1, 2),
    "Cannot read a message past its end: 8 bytes expected at offset 6, the message has 8",
  );
  assertEquals(
    assertThrows(() => codec.decode(new Uint8Array(0)), RangeError).message,
    "Cannot read a message past its end: 1 bytes expected at offset 0, the message has 0",
  );
});
