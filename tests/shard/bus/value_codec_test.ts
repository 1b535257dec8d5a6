/**
 * One case for every row of docs/values.md, in both directions: a row without a case fails, and so
 * does a case without a row. Then what the tables do not say: paths, atomicity, nesting, wire types.
 *
 * @module
 */

import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { registerErrorClass, ValueCodec } from "../../../shard/bus/value_codec.ts";
import type { WireType } from "../../../shard/bus/wire_type.ts";
import { difference } from "./same_graph.ts";

const name = (index: number) => `arguments[${index}]`;

/** There and back through shared memory, by two codecs, as between two shards. */
function travel<T>(value: T, types: readonly WireType<object>[] = []): T {
  return travelAll([value], types)[0] as T;
}

function travelAll(values: readonly unknown[], types: readonly WireType<object>[] = []): unknown[] {
  const bytes = new ValueCodec(types).encode(values, name, []);
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  return new ValueCodec(types).decode(shared);
}

function refusal(...values: unknown[]): string {
  return assertThrows(() => new ValueCodec([]).encode(values, name, []), TypeError).message;
}

function assertAlike(value: unknown, expected: unknown = value): void {
  assertEquals(difference(travel(value), expected), "");
}

/** A wire type as a foreign pointer's: the handle moves, and its number is what travels. */
class Handle {
  constructor(public value: number) {}
}

class HandleType implements WireType<Handle> {
  readonly class = Handle;
  readonly words = 3;
  readonly lost: number[] = [];

  write(value: Handle, words: Int32Array, wordIndex: number): void {
    if (value.value < 0) throw new TypeError("Cannot send a handle that was moved");
    words[wordIndex] = 0x12345678;
    words[wordIndex + 1] = value.value;
    words[wordIndex + 2] = -1;
  }

  read(words: Int32Array, wordIndex: number): Handle {
    assertEquals([words[wordIndex], words[wordIndex + 2]], [0x12345678, -1]);
    return new Handle(words[wordIndex + 1]!);
  }

  moved(): never {
    throw new Error("Only the caller of encode() says that a message was admitted");
  }

  undelivered(words: Int32Array, wordIndex: number): void {
    const value = words[wordIndex + 1]!;
    this.lost.push(value);
    if (value === 13) throw new Error("13 cannot be taken back");
  }
}

class Point {
  static made = 0;
  #secret = 7;
  constructor(public x: number, public y: number) {
    Point.made++;
  }
  sum(): number {
    return this.x + this.y + this.#secret;
  }
}

class StorageError extends Error {
  static made = 0;
  override readonly name = "StorageError";
  constructor(message: string, readonly code: number, options?: ErrorOptions) {
    super(message, options);
    StorageError.made++;
  }
  describe(): string {
    return `${this.message} (${this.code})`;
  }
}

class DiskError extends StorageError {}

const ARRIVES: Record<string, () => void> = {
  "`undefined`, `null`, booleans": () => assertAlike([undefined, null, true, false]),
  "numbers": () => {
    const numbers = [0, 1, 127, 128, -1, -128, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), -(2 ** 31) - 1];
    assertAlike([...numbers, NaN, Infinity, -Infinity, -0, 0.1, 5e-324, Number.MAX_VALUE, 2 ** 53]);
  },
  "bigint": () => {
    const edges = [2n ** 63n - 1n, 2n ** 63n, -(2n ** 63n), -(2n ** 63n) - 1n, 2n ** 64n];
    assertAlike([0n, -1n, ...edges, 3n ** 5000n, -(3n ** 5000n)]);
  },
  "strings": () => {
    // Every length about the limits of the three forms, each of the widths of characters.
    for (const length of [0, 1, 2, 3, 4, 7, 8, 63, 64, 191, 192, 193, 5000]) {
      for (const unit of ["a", "é", "\0", "ÿ", "€", "\ud800", "\udc00", "\ufeff"]) {
        assertAlike(unit.repeat(length));
        assertAlike("a".repeat(length) + unit);
      }
    }
    assertAlike("🌊".repeat(3000) + "\ud83c");
    assertAlike("🌊".repeat(3000));
  },
  "arrays": () => {
    // deno-lint-ignore no-sparse-arrays -- holes are what is tested.
    assertAlike([[], [1, [2, [3]]], [, 1], [1, , 2], [1, , undefined, ,], new Array(3)]);
    const sparse: unknown[] = [];
    sparse[4_000_000_000] = "far";
    sparse[7] = { near: true };
    assertAlike(sparse);
    const named = Object.assign([1, , 2], { index: 5, "01": 1 });
    assertAlike(named, [1, , 2]);
  },
  "plain objects": () => {
    const proto = JSON.parse('{"a":1,"__proto__":{"polluted":true},"b":2}');
    const arrived = travel(proto);
    assertEquals(Object.keys(arrived), ["a", "__proto__", "b"]);
    assertStrictEquals(Object.getPrototypeOf(arrived), Object.prototype);
    assertAlike({ z: 1, a: 2, 5: 3, "": 4, "a b": 5, "€": 6, ["k".repeat(300)]: 7 });
    assertAlike(Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`key${i}`, i])));
    assertAlike(JSON.parse(`{"__proto__":1${',"k":2'.replace("k", "k".repeat(300))}}`));
    assertAlike({
      get computed() {
        return 42;
      },
    }, { computed: 42 });
    assertAlike({ [Symbol("left out")]: 1, kept: 2 }, { kept: 2 });
    // Deno takes the accessor away unless asked not to; where it is, assigning would call it.
    const set = (): never => {
      throw new Error("assigned");
    };
    Object.defineProperty(Object.prototype, "__proto__", { set, configurable: true });
    try {
      assertEquals(Object.keys(travel(proto)), ["a", "__proto__", "b"]);
      assertEquals(Object.keys(travel({ ...proto, ["k".repeat(300)]: 1 })).length, 4);
    } finally {
      delete (Object.prototype as { __proto__?: unknown }).__proto__;
    }
  },
  "null-prototype objects": () => {
    assertAlike(Object.assign(Object.create(null), { a: 1 }), { a: 1 });
    assertAlike(Object.create(null), {});
  },
  "class instances": () => {
    const point = new Point(1, 2);
    const made = Point.made;
    assertAlike(point, { x: 1, y: 2 });
    assertEquals(Point.made, made);
  },
  "Map": () => assertAlike(new Map<unknown, unknown>([["b", 1], ["a", { x: 1 }], [{ k: 1 }, NaN]])),
  "Set": () => assertAlike(new Set<unknown>(["b", "a", { x: 1 }, new Set([NaN])])),
  "Date": () => assertAlike([new Date(0), new Date(-1), new Date(8.64e15), new Date(NaN)]),
  "RegExp": () => {
    const expression = /a(b)?€/giu;
    expression.lastIndex = 3;
    const arrived = travel(expression);
    assertEquals([arrived.source, arrived.flags, arrived.lastIndex], ["a(b)?€", "giu", 0]);
  },
  "ArrayBuffer": () => {
    const growing = new ArrayBuffer(5, { maxByteLength: 50 });
    new Uint8Array(growing).set([1, 2, 3]);
    assertAlike([new Uint8Array([1, 2, 3]).buffer, new ArrayBuffer(0), growing]);
  },
  "typed arrays": () => {
    const classes = [
      [Uint8Array, Uint8ClampedArray, Int8Array, Uint16Array, Int16Array, Uint32Array, Int32Array],
      [BigUint64Array, BigInt64Array, Float16Array, Float32Array, Float64Array],
    ].flat();
    const source = new ArrayBuffer(64);
    new Uint8Array(source).forEach((_, i, bytes) => bytes[i] = i * 7);
    for (const view of classes) {
      const arrived = travel(new view(source, 16, 3));
      assertStrictEquals(arrived.constructor, view);
      assertEquals([arrived.byteOffset, arrived.buffer.byteLength], [0, arrived.byteLength]);
      assertEquals(difference(arrived, new view(source, 16, 3)), "");
      assertAlike(new view(0));
    }
  },
  "DataView": () => {
    const arrived = travel(new DataView(new Uint8Array([1, 2, 3, 4, 5]).buffer, 1, 3));
    assert(arrived instanceof DataView);
    assertEquals([arrived.byteOffset, arrived.byteLength, arrived.buffer.byteLength], [0, 3, 3]);
    assertEquals([arrived.getUint8(0), arrived.getUint8(2)], [2, 4]);
  },
  "views of shared memory": () => {
    const shared = new Uint8Array(new SharedArrayBuffer(4)).fill(9);
    const codec = new ValueCodec([]);
    const bytes = codec.encode([shared], name, []);
    shared.fill(0);
    const arrived = codec.decode(bytes)[0] as Uint8Array;
    assertEquals([...arrived], [9, 9, 9, 9]);
    assert(arrived.buffer instanceof ArrayBuffer);
  },
  "boxed primitives": () => assertAlike([true, -0, "a€", 5n].map(Object)),
  "errors": () => {
    const arrived = travel(new RangeError("out"));
    assert(arrived instanceof RangeError && Error.isError(arrived));
  },
  "the same object twice, cycles": () => {
    const shared = { x: 1 };
    const cycle: Record<string, unknown> = { shared };
    cycle.self = [cycle, new Map([[cycle, new Set([cycle])]])];
    const arrived = travelAll([shared, cycle, cycle]);
    assertEquals(difference(arrived, [shared, cycle, cycle]), "");
    const bytes = new Uint8Array(3);
    const date = new Date(0);
    const error = new Error("again");
    const many = [bytes, date, error, /a/, Object(1), bytes.buffer, ...new Array(40).fill({})];
    const twice = travelAll([...many, { other: 1 }, ...many.toReversed()]);
    twice.slice(0, many.length).forEach((value, i) => {
      assertStrictEquals(value, twice[twice.length - 1 - i]);
    });
    // More objects than are found by a scan.
    const row = Array.from({ length: 300 }, (_, i) => ({ i }));
    assertAlike([...row, ...row]);
  },
  "subclasses of Array, Map, Set, Date, RegExp": () => {
    assertAlike(new class extends Array<number> {}(1, 2), [1, 2]);
    assertAlike(new class extends Map<string, number> {}([["a", 1]]), new Map([["a", 1]]));
    assertAlike(new class extends Set<number> {}([1]), new Set([1]));
    assertAlike(new class extends Date {}(5), new Date(5));
    assertAlike(new class extends RegExp {}("a", "g"), /a/g);
  },
  "wire types": () => {
    const arrived = travel({ deep: [new Handle(5)] }, [new HandleType()]);
    assert(arrived.deep[0] instanceof Handle);
    assertEquals(arrived.deep[0].value, 5);
  },
};

const ERROR_PARTS: Record<string, () => void> = {
  "class": () => {
    for (
      const known of [
        Error,
        EvalError,
        RangeError,
        ReferenceError,
        SyntaxError,
        TypeError,
        URIError,
      ]
    ) {
      const arrived = travel(new known("why"));
      assertStrictEquals(Object.getPrototypeOf(arrived), known.prototype);
      assertEquals([arrived.name, arrived.message], [known.name, "why"]);
    }
    assertStrictEquals(travel(new AggregateError([])).constructor, AggregateError);
    assertStrictEquals(travel(new SuppressedError(1, 2)).constructor, SuppressedError);
    const aborted = travel(new DOMException("gone", "AbortError"));
    assert(aborted instanceof DOMException);
    assertEquals([aborted.name, aborted.message, aborted.code], ["AbortError", "gone", 20]);

    const before = travel(new DiskError("full", 28));
    assertStrictEquals(Object.getPrototypeOf(before), Error.prototype);
    registerErrorClass(StorageError);
    registerErrorClass(StorageError);
    const made = StorageError.made;
    const source = new DiskError("full", 28);
    const nearest = travel(source);
    assertEquals(StorageError.made, made + 1);
    assertStrictEquals(Object.getPrototypeOf(nearest), StorageError.prototype);
    assertEquals(nearest.describe(), "full (28)");
    registerErrorClass(DiskError);
    assertStrictEquals(Object.getPrototypeOf(travel(source)), DiskError.prototype);
    assert(Error.isError(travel(source)));
  },
  "`name`, `message`": () => {
    const renamed = Object.assign(new Error("m"), { name: "Renamed" });
    assertEquals(Object.entries(travel(renamed)), [["name", "Renamed"]]);
    const arrived = travel(
      new (class Odd extends Error {
        static {
          this.prototype.name = "Odd";
        }
      })("m"),
    );
    assertEquals([arrived.name, String(arrived)], ["Odd", "Odd: m"]);
    assertEquals(Object.keys(arrived), []);
    assertEquals(travel(new Error("€".repeat(500))).message, "€".repeat(500));
    const odd = Object.defineProperty(new Error("m"), "message", { value: { not: "text" } });
    assertEquals(travel(odd).message as unknown, { not: "text" });
  },
  "`stack`": () => {
    const source = new Error("here");
    const arrived = travel(source);
    assertStrictEquals(arrived.stack, source.stack);
    const shown = Object.defineProperty(new Error("m"), "stack", { value: "s", enumerable: true });
    const hidden = travel(shown);
    assertEquals([hidden.stack, Object.keys(hidden)], ["s", []]);
    const without = new Error("m");
    delete without.stack;
    assertStrictEquals(travel(without).stack, undefined);
  },
  "own enumerable fields": () => {
    const source = Object.assign(new Error("m"), { code: "ENOENT", details: { path: ["a"] } });
    Object.defineProperty(source, "fixed", { value: 1, enumerable: true, writable: false });
    Object.defineProperty(source, "hidden", { value: 1, enumerable: false });
    assertEquals(Object.entries(travel(source)), [
      ["code", "ENOENT"],
      ["details", { path: ["a"] }],
      ["fixed", 1],
    ]);
  },
  "`cause`": () => {
    const source = new Error("a", { cause: new TypeError("b", { cause: { code: 5 } }) });
    const cause = travel(source).cause;
    assert(cause instanceof TypeError);
    assertEquals(cause.cause, { code: 5 });
    assert(!("cause" in travel(new Error("a"))));
    const own = new Error("its own cause");
    own.cause = own;
    const arrived = travel(own);
    assertStrictEquals(arrived.cause, arrived);
  },
  "`errors`, `error`, `suppressed`": () => {
    const errors = travel(new AggregateError([new TypeError("a"), 5], "all")).errors;
    assert(errors[0] instanceof TypeError);
    assertEquals(errors[1], 5);
    const suppressed = travel(new SuppressedError(new TypeError("new"), "old", "both"));
    assert(suppressed.error instanceof TypeError);
    assertEquals([suppressed.suppressed, suppressed.message], ["old", "both"]);
  },
  "fields that cannot travel, or lie too deep": () => {
    const shared = { x: 1 };
    const source = Object.assign(new Error("m"), {
      // The objects and shapes met before the refusal must not keep their numbers.
      request: { shared, list: Array.from({ length: 40 }, () => ({ k: 1 })), send: () => 0 },
      handle: new Handle(1),
      again: { list: [{ k: 2 }], shared, send: 3 },
      shared,
    });
    const codec = new ValueCodec([]);
    const transfers: object[] = [];
    const type = new HandleType();
    const bytes = new ValueCodec([type]).encode(
      [Object.assign(new Error("m"), { a: [new Handle(1), () => 0], b: new Handle(2) })],
      name,
      transfers,
    );
    assertEquals(transfers.map((handle) => (handle as Handle).value), [2]);
    new ValueCodec([type]).discard(bytes);
    assertEquals(type.lost, [2]);

    const arrived = codec.decode(codec.encode([source, { k: 3 }, shared], name, []));
    const error = arrived[0] as typeof source;
    assertEquals(Object.keys(error), ["handle", "again", "shared"]);
    assertEquals(error.again, { list: [{ k: 2 }], shared: { x: 1 }, send: 3 });
    assertStrictEquals(error.again.shared, error.shared);
    assertStrictEquals(arrived[2], error.shared);
    assertEquals(arrived[1], { k: 3 });
    // Numbers given to objects that were then left out must not turn up in the next message.
    const late = { late: true };
    const crowd = Array.from({ length: 40 }, (_, i) => ({ i }));
    codec.encode([late, Object.assign(new Error("m"), { crowd: [...crowd, () => 0] })], name, []);
    const next = [...crowd.map((row) => ({ ...row })), late];
    assertEquals(difference(codec.decode(codec.encode(next, name, [])), next), "");

    const deep: Record<string, unknown> = {};
    for (let i = 0; i < 4; i++) {
      let field: unknown = () => 0;
      for (let k = 0; k < 400; k++) field = [field];
      deep[`field${i}`] = field;
    }
    deep.last = [[[1]]];
    assertEquals(Object.keys(travel(Object.assign(new Error("m"), deep))), ["last"]);
    let chain: Error | undefined;
    for (let i = 0; i < 1500; i++) chain = new Error(`${i}`, { cause: chain });
    let length = 0;
    for (let link: unknown = travel(chain); link instanceof Error; link = link.cause) length++;
    assertEquals(length, 1000);

    // A moved pointer says no by an error of its own; that too must not hide the failure.
    const stale = Object.assign(new Error("m"), { pointer: new Handle(-1) });
    assertEquals(Object.keys(travel(stale, [type])), []);
  },
};

const REFUSED: Record<string, unknown[]> = {
  "functions, classes": [() => 0, Point, async () => {}, Math.max],
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

function detached(): Uint8Array {
  const view = new Uint8Array(8);
  view.buffer.transfer();
  return view;
}

async function rowsOf(section: string): Promise<string[]> {
  const text = await Deno.readTextFile(new URL("../../../docs/values.md", import.meta.url));
  const body = text.split("\n## ").find((part) => part.startsWith(section)) ?? "";
  const rows = body.split("\n").filter((line) => line.startsWith("| "));
  return rows.slice(2).map((line) => line.split("|")[1]!.trim());
}

Deno.test("docs/values.md and the cases here have the same rows", async () => {
  assertEquals(await rowsOf("What arrives"), Object.keys(ARRIVES));
  assertEquals(await rowsOf("Errors"), Object.keys(ERROR_PARTS));
  assertEquals(await rowsOf("What is refused"), Object.keys(REFUSED));
});

for (const [row, check] of Object.entries(ARRIVES)) {
  Deno.test(`ValueCodec carries ${row} as documented`, check);
}
for (const [row, check] of Object.entries(ERROR_PARTS)) {
  Deno.test(`ValueCodec carries of an error ${row} as documented`, check);
}
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
  assertAlike(nest(1000));
  const { message } = assertThrows(() => codec.encode([nest(1001)], name, []), RangeError);
  assert(message.endsWith("as it lies deeper than 1000 objects inside one another"), message);
  assert(message.length < 300, message);
  assertAlike(nest(1000));
});

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

Deno.test("ValueCodec.encode() throws a wire type's own refusal", () => {
  const codec = new ValueCodec([new HandleType()]);
  const transfers: object[] = [];
  const error = assertThrows(
    () => codec.encode([new Handle(1), [new Handle(-1)]], name, transfers),
    TypeError,
  );
  assertEquals(error.message, "Cannot send a handle that was moved");
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

Deno.test("registerErrorClass() refuses what is no class of errors, and a name that is taken", () => {
  const message = (value: unknown, kind: new (message: string) => Error) =>
    assertThrows(() => registerErrorClass(value as ErrorConstructor), kind).message;
  const expected = "as an error class: expected a class extending Error";
  assertEquals(message(Point, TypeError), `Cannot register "Point" ${expected}`);
  assertEquals(message(5, TypeError), `Cannot register a value of type number ${expected}`);
  assertEquals(
    message(class extends Error {}, TypeError),
    "Cannot register an error class without a name: expected a named class",
  );
  const [first, second] = [1, 2].map(() => class TakenError extends Error {});
  registerErrorClass(first!);
  assertEquals(
    message(second, RangeError),
    'Cannot register error class "TakenError" as another class has the name: ' +
      "expected a name of its own",
  );
  registerErrorClass(RangeError);
});
