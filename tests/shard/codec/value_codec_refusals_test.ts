/**
 * What is refused: one case for every row of that table of docs/values.md, and what the refusal says.
 * A row without a case fails, and so does a case without a row.
 *
 * @module
 */

import { assert, assertEquals, assertThrows } from "@std/assert";
import { array, atomicU32, f64, flags, struct, u8, union } from "../../../allocator/mod.ts";
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

const segment = new SharedArrayBuffer(4096);
const Order = struct("Order", { price: f64, hits: atomicU32, flags: flags(u8, ["buy"]) });

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
  "views of structs, unions and arrays in shared memory, their atomic fields and flags": [
    Order.at(segment, 64),
    Order.at(segment, 64).hits,
    Order.at(segment, 64).flags,
    array(f64, 4).at(segment, 64),
    union("Either", { price: f64 }).at(segment, 64),
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

Deno.test("ValueCodec.encode() says what to send in place of a view of shared memory", () => {
  class Noted extends Order.View {
    readonly note = "a field of its own, which could travel alone";
  }
  const order = Order.at(segment, 64);
  const either = union("Either", { price: f64 });
  const instead = "send its address to share what it shows, its toJSON() to copy it, or " +
    "makeForeign() of it to give it away";
  const views: [object, string][] = [
    [order, "Order"],
    [Noted.at(segment, 64), "Noted"],
    [Order.view(segment), "Order"],
    [array(f64, 4).at(segment, 64), "array(f64, 4)"],
    [either.at(segment, 64), "Either"],
  ];
  for (const [view, name] of views) {
    const reason = `as a view of ${name} does not travel between shards: ${instead}`;
    assertEquals(refusal(view), `Cannot send arguments[0] ${reason}`);
    assertEquals(refusal(1, { of: [view] }), `Cannot send arguments[1].of[0] ${reason}`);
    assertEquals(refusal(new Map([["k", view]])), `Cannot send arguments[0].get("k") ${reason}`);
  }
  for (const [field, name] of [[order.hits, "atomicU32"], [order.flags, "flags(u8)"]] as const) {
    assertEquals(
      refusal({ field }),
      `Cannot send arguments[0].field as an object of class ${name} does not travel between shards: ` +
        "send its toJSON(), a copy",
    );
  }
  assertEquals(difference(travel(order.toJSON()), order.toJSON()), "");
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
