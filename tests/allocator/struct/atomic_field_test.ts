/**
 * Atomic fields: what they do, against `Atomics` on a typed array of one's own; that threads lose
 * nothing; and that a read of one makes no object.
 */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  Allocator,
  array,
  type AtomicField,
  atomicI32,
  atomicI64,
  type AtomicType,
  atomicU32,
  atomicU64,
  isStructView,
  struct,
  u8,
} from "../../../allocator/mod.ts";
import { withRandom } from "../../harness/seeded_random.ts";
import type { Work } from "./atomic_field_worker.ts";

const BYTES = 65536;
const Counters = struct("Counters", {
  kind: u8,
  hits: atomicU32,
  balance: atomicI32,
  bytes: atomicU64,
  sum: atomicI64,
});

function makeAllocator(): Allocator {
  const slices = [{ byteOffset: 0, byteLength: BYTES }];
  return Allocator.create(new SharedArrayBuffer(BYTES), slices, 0);
}

Deno.test("atomic fields are numbers to make(), assign() and toJSON()", () => {
  const allocator = makeAllocator();
  const counters = Counters.make(allocator, { hits: 1, sum: -5n });
  assertEquals(counters.toJSON(), { kind: 0, hits: 1, balance: 0, bytes: 0n, sum: -5n });
  counters.assign({ balance: -7, bytes: 2n ** 64n - 1n, hits: counters.hits });
  const copy = Counters.make(allocator, counters);
  assertEquals(copy.toJSON(), { kind: 0, hits: 1, balance: -7, bytes: 2n ** 64n - 1n, sum: -5n });
  assertEquals(JSON.stringify({ hits: counters.hits }), '{"hits":1}');
  assertEquals(Deno.inspect(counters.hits), "atomicU32 1");
  assertThrows(
    // @ts-expect-error: a property that is read only.
    () => counters.hits = 3,
    TypeError,
  );
  assert(!isStructView(counters.hits));
});

const KINDS: readonly (readonly [
  AtomicType<number> | AtomicType<bigint>,
  new (buffer: SharedArrayBuffer, byteOffset: number, length: number) => unknown,
])[] = [
  [atomicU32, Uint32Array],
  [atomicI32, Int32Array],
  [atomicU64, BigUint64Array],
  [atomicI64, BigInt64Array],
];

for (const [type, Elements] of KINDS) {
  Deno.test(`${type.name} does what Atomics does, at random`, () =>
    withRandom((random) => {
      const segment = new SharedArrayBuffer(BYTES);
      const Holder = struct("Holder", { before: u8, value: type, after: u8 });
      const holder = Holder.at(segment, 1024).assign({ before: 7, after: 9 });
      const field = holder.value as AtomicField<number | bigint>;
      const model = new Elements(new SharedArrayBuffer(8), 0, 1) as Uint32Array;
      const isBig = type.byteLength === 8;
      const pick = () => {
        const wide = (BigInt(random.next()) << 32n) | BigInt(random.next());
        if (isBig) return random.below(3) === 0 ? BigInt(random.below(3)) : wide;
        return random.below(3) === 0 ? random.below(3) : random.next() - 2 ** 31;
      };
      for (let i = 0; i < 2000; i++) {
        const value = pick() as number;
        const operation =
          (["add", "sub", "and", "or", "xor", "exchange", "store", "compareExchange"] as const)[
            random.below(8)
          ]!;
        if (operation === "compareExchange") {
          const expected = random.below(2) === 0 ? Atomics.load(model, 0) : value;
          const other = pick() as number;
          assertStrictEquals(
            field.compareExchange(expected, other) as number,
            Atomics.compareExchange(model, 0, expected, other),
          );
        } else if (operation === "store") {
          assertStrictEquals(field.store(value), undefined);
          Atomics.store(model, 0, value);
        } else {
          assertStrictEquals(
            field[operation](value) as number,
            Atomics[operation](model, 0, value),
          );
        }
        assertStrictEquals(field.load() as number, Atomics.load(model, 0), operation);
        assertStrictEquals(field.peek() as number, model[0], operation);
        assertEquals([holder.before, holder.after], [7, 9]);
      }
    }));

  Deno.test(`${type.name} refuses values of the wrong kind, and changes nothing`, () => {
    const isBig = type.byteLength === 8;
    const Holder = struct("Holder", { value: type });
    const field = Holder.at(new SharedArrayBuffer(64), 8).value as AtomicField<number | bigint>;
    const right = (isBig ? 1n : 1) as number;
    const wrong = (isBig ? 1 : 1n) as number;
    const message = `(${type.name}): expected a ${isBig ? "bigint" : "number"}`;
    for (const value of [wrong, "1", null, undefined, {}] as number[]) {
      for (const name of ["add", "sub", "and", "or", "xor", "exchange", "store"] as const) {
        assertThrows(() => field[name](value), TypeError, message);
      }
      assertThrows(() => field.compareExchange(value, right), TypeError, message);
      assertThrows(() => field.compareExchange(right, value), TypeError, message);
      assertThrows(() => field.wait(value), TypeError, message);
      const { name } = Holder;
      assertThrows(
        () => Holder.at(new SharedArrayBuffer(64), 8).assign({ value }),
        TypeError,
        `in ${name}.value ${message}`,
      );
    }
    assertEquals(Number(field.load()), 0);
  });
}

Deno.test("an atomic field moves with its view, and each view has its own", () => {
  const segment = new SharedArrayBuffer(BYTES);
  const view = Counters.view(segment).at(64);
  const { hits } = view;
  assertStrictEquals(view.hits, hits); // no object for an access
  hits.add(1);
  const other = Counters.at(segment, 64);
  other.hits.add(10);
  assertEquals(hits.load(), 11);
  view.at(128);
  hits.add(5);
  assertEquals([hits.load(), view.hits.load(), other.hits.load()], [5, 5, 11]);
  assertThrows(() => view.at(3), RangeError);
  assertEquals(hits.load(), 5); // a move that was refused has moved nothing
});

Deno.test("an atomic element of an array stays where it is", () => {
  const segment = new SharedArrayBuffer(BYTES);
  const Row = struct("Row", { list: array(atomicI32, 4), inner: Counters });
  const row = Row.at(segment, 1024);
  const third = row.list.get(2);
  third.store(-3);
  row.inner.hits.add(2);
  row.at(2048);
  third.sub(1);
  assertEquals(row.list.toJSON(), [0, 0, 0, 0]);
  row.at(1024).list.set(3, 9);
  const elements: Int32Array | Uint32Array = row.list.elements;
  assert(elements instanceof Int32Array);
  assertEquals(Atomics.add(elements, 3, 1), 9);
  assertEquals(row.toJSON().list, [0, 0, -4, 10]);
  assertEquals(row.inner.hits.load(), 2);
});

Deno.test("wait() says at once that the value is another, and gives up at its time", () => {
  const { hits, balance, bytes, sum } = Counters.at(new SharedArrayBuffer(64), 8);
  hits.store(2 ** 32 - 1); // the value is compared as one of 32 bits, signed or not
  balance.store(-1);
  bytes.store(2n ** 64n - 1n);
  sum.store(-1n);
  assertEquals([hits.wait(1), balance.wait(1), bytes.wait(1n), sum.wait(1n)], [
    ...["not-equal", "not-equal", "not-equal", "not-equal"],
  ]);
  assertEquals([
    hits.wait(2 ** 32 - 1, 0),
    balance.wait(-1, 0),
    bytes.wait(2n ** 64n - 1n, 0),
    sum.wait(-1n, 1),
  ], ["timed-out", "timed-out", "timed-out", "timed-out"]);
  assertEquals(hits.notify(), 0);
  assertThrows(
    // @ts-expect-error: no number.
    () => hits.wait(0, "1"),
    TypeError,
    'Cannot wait for "1" ms: expected a number of milliseconds',
  );
  for (const ms of [-1, NaN]) {
    assertThrows(
      () => hits.wait(0, ms),
      RangeError,
      `Cannot wait for ${ms} ms: expected 0 or more`,
    );
  }
});

Deno.test("threads that add to one field lose nothing, and wait for one another", async () => {
  const allocator = makeAllocator();
  const counters = Counters.make(allocator);
  const threads = 3;
  const url = new URL("./atomic_field_worker.ts", import.meta.url);
  const workers = Array.from({ length: threads }, () => new Worker(url, { type: "module" }));
  const results = workers.map((worker, index) => {
    const { promise, resolve, reject } = Promise.withResolvers<string>();
    worker.onmessage = (event: MessageEvent<string>) => resolve(event.data);
    worker.onerror = (event) => reject(new Error(event.message));
    const work: Work = { segment: allocator.buffer, address: counters.address, index, threads };
    worker.postMessage(work);
    return promise;
  });
  const waits = await Promise.all(results);
  workers.forEach((worker) => worker.terminate());
  assert(waits.every((wait) => wait === "ok" || wait === "not-equal"), waits.join());
  assertEquals(counters.toJSON(), {
    kind: 0,
    hits: threads * 20_000,
    balance: threads, // each had the turn once
    bytes: BigInt(threads * 20_000),
    sum: -BigInt(threads * 20_000),
  });
});

Deno.test("Counters.view() moved over many structs reads atomic fields without making objects", () => {
  const segment = new SharedArrayBuffer(BYTES);
  const view = Counters.view(segment);
  const seen = new Set<unknown>();
  for (let address = 64; address < 64_000; address += Counters.byteLength) {
    const { hits, sum } = view.at(address);
    seen.add(hits).add(sum);
    hits.add(1);
  }
  assertEquals(seen.size, 2);
});
