/**
 * What arrives: one case for every row of that table of docs/values.md. A row without a case fails,
 * and so does a case without a row.
 *
 * @module
 */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { ValueCodec } from "../../../shard/codec/value_codec.ts";
import { documentedRows } from "./documented_rows.ts";
import { Handle, HandleType } from "./handle_type.ts";
import { difference } from "./same_graph.ts";
import { name, travel, travelAll } from "./travel.ts";

function assertAlike(value: unknown, expected: unknown = value): void {
  assertEquals(difference(travel(value), expected), "");
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

Deno.test('the cases here are the rows of "What arrives" in docs/values.md', async () => {
  assertEquals(Object.keys(ARRIVES), await documentedRows("What arrives"));
});

for (const [row, check] of Object.entries(ARRIVES)) {
  Deno.test(`ValueCodec carries ${row} as documented`, check);
}
