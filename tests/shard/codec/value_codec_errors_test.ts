/**
 * What arrives of an error: one case for every row of that table of docs/values.md. A row without a
 * case fails, and so does a case without a row. Then the classes that are made known.
 *
 * @module
 */

import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { registerErrorClass, ValueCodec } from "../../../shard/codec/value_codec.ts";
import { documentedRows } from "./documented_rows.ts";
import { Handle, HandleType } from "./handle_type.ts";
import { difference } from "./same_graph.ts";
import { name, travel } from "./travel.ts";

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

Deno.test('the cases here are the rows of "Errors" in docs/values.md', async () => {
  assertEquals(Object.keys(ERROR_PARTS), await documentedRows("Errors"));
});

for (const [row, check] of Object.entries(ERROR_PARTS)) {
  Deno.test(`ValueCodec carries of an error ${row} as documented`, check);
}

Deno.test("registerErrorClass() refuses what is not a class of errors, and a name that is taken", () => {
  const message = (value: unknown, kind: new (message: string) => Error) =>
    assertThrows(() => registerErrorClass(value as ErrorConstructor), kind).message;
  const expected = "as an error class: expected a class extending Error";
  assertEquals(message(class Point {}, TypeError), `Cannot register "Point" ${expected}`);
  assertEquals(message(5, TypeError), `Cannot register what is of type number ${expected}`);
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
