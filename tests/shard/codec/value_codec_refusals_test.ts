/**
 * What is refused: one case for every row of that table of docs/values.md, and what the refusal says.
 * A row without a case fails, and so does a case without a row.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { ValueCodec } from "../../../shard/codec/value_codec.ts";
import { documentedRows } from "./documented_rows.ts";
import { difference } from "./same_graph.ts";
import { name, travel } from "./travel.ts";

function refusal(...values: unknown[]): string {
  return assertThrows(() => new ValueCodec([]).encode(values, name, []), TypeError).message;
}

function detached(): Uint8Array {
  const view = new Uint8Array(8);
  view.buffer.transfer();
  return view;
}

const REFUSED: Record<string, unknown[]> = {
  "functions, classes": [() => 0, class Point {}, async () => {}, Math.max],
  "symbols": [Symbol("s"), Symbol.iterator, Object(Symbol("s"))],
  "Promise": [Promise.resolve(1)],
  "SharedArrayBuffer": [new SharedArrayBuffer(8)],
  "iterators and generators": [
    [].values(),
    new Map().entries(),
    (function* () {})(),
    "a".matchAll(/a/g),
  ],
  "WeakMap, WeakSet, WeakRef": [new WeakMap(), new WeakSet(), new WeakRef({})],
  "URL, Headers, Request, Blob, streams, ports and the like": [
    new URL("https://example.com"),
    new Headers(),
    new Request("https://example.com"),
    new Blob([]),
    new ReadableStream(),
    new AbortController(),
    new TextDecoder(),
    new Event("e"),
    new Intl.NumberFormat(),
    crypto,
    Math,
  ],
  "objects whose class defines `Symbol.toStringTag`": [
    new class {
      x = 1;
      get [Symbol.toStringTag]() {
        return "Tagged";
      }
    }(),
  ],
  "class instances without one own enumerable field: files, sockets, private state": [
    Deno.stdout,
    new class Closed {
      #state = 1;
      read() {
        return this.#state;
      }
    }(),
  ],
  "views of a detached ArrayBuffer, and the buffer": [detached(), detached().buffer],
};

Deno.test('the cases here are the rows of "What is refused" in docs/values.md', async () => {
  assertEquals(Object.keys(REFUSED), await documentedRows("What is refused"));
});

for (const [row, values] of Object.entries(REFUSED)) {
  Deno.test(`ValueCodec.encode() refuses ${row}`, () => {
    for (const value of values) {
      const message = refusal(0, { inside: [value] });
      assert(message.startsWith("Cannot send arguments[1].inside[0] as "), message);
      assertEquals(refusal(value).replace("[0]", "[1].inside[0]"), message);
    }
  });
}

Deno.test("ValueCodec.encode() names the path to what cannot travel", () => {
  const read = () => 0;
  const as = "as a function does not travel between shards";
  assertEquals(refusal(1, { socket: { read } }), `Cannot send arguments[1].socket.read ${as}`);
  assertEquals(refusal([[], [0, read]]), `Cannot send arguments[0][1][1] ${as}`);
  assertEquals(refusal({ "a b": read }), `Cannot send arguments[0]["a b"] ${as}`);
  assertEquals(refusal(new Map([["k", read]])), `Cannot send arguments[0].get("k") ${as}`);
  assertEquals(refusal(new Map([[5n, read]])), `Cannot send arguments[0].get(5) ${as}`);
  assertEquals(refusal(new Map([[{}, read]])), `Cannot send arguments[0].get(Object) ${as}`);
  assertEquals(refusal(new Map([[read, 1]])), `Cannot send arguments[0].keys()[0] ${as}`);
  assertEquals(refusal(new Set([1, read])), `Cannot send arguments[0].values()[1] ${as}`);
  // deno-lint-ignore no-sparse-arrays -- the path behind a hole.
  assertEquals(refusal([, , read]), `Cannot send arguments[0][2] ${as}`);
  const wide = { ["k".repeat(300)]: read };
  assertEquals(refusal(wide), `Cannot send arguments[0].${"k".repeat(300)} ${as}`);
  let deep: unknown = read;
  for (let i = 0; i < 100; i++) deep = { next: deep };
  assertEquals(
    refusal(deep),
    `Cannot send arguments[0]${".next".repeat(7)}.…(85 steps)…${".next".repeat(8)} ${as}`
      .replace(".…", "…"),
  );
});

Deno.test("ValueCodec.encode() says why", () => {
  const why = (value: unknown) => refusal(value).replace("Cannot send arguments[0] as ", "");
  assertEquals(why(Symbol("s")), "a symbol does not travel between shards");
  assertEquals(
    why(Promise.resolve()),
    "a Promise does not travel between shards: await it first",
  );
  assertEquals(
    why(new SharedArrayBuffer(1)),
    "a SharedArrayBuffer does not travel between shards: share memory through the segment",
  );
  assertEquals(
    why(new URL("https://example.com")),
    "an object of class URL does not travel between shards",
  );
  assertEquals(
    why(Deno.stdout),
    "an object of class Stdout does not travel between shards: it has no fields of its own",
  );
  assertEquals(why(detached()), "its ArrayBuffer is detached: it was transferred away");
});

Deno.test("ValueCodec.encode() refuses objects too deep inside one another with a RangeError", () => {
  const nest = (depth: number) => {
    let value: unknown = "bottom";
    for (let i = 0; i < depth; i++) value = i % 2 === 0 ? { next: value } : [value];
    return value;
  };
  const codec = new ValueCodec([]);
  assertEquals(difference(travel(nest(1000)), nest(1000)), "");
  const { message } = assertThrows(() => codec.encode([nest(1001)], name, []), RangeError);
  assert(message.endsWith("as it lies deeper than 1000 objects inside one another"), message);
  assert(message.length < 300, message);
  assertEquals(difference(travel(nest(1000)), nest(1000)), "");
});
