/** Shared maps of every type against a Map: any sequence of operations, on the owner and by a reader. */
import * as fc from "fast-check";
import { Runtime } from "@tidepool/core";
import {
  bytes,
  f32,
  f64,
  i16,
  i32,
  i64,
  string,
  text,
  u32,
  u64,
  u8,
} from "@tidepool/core/allocator";
import { codec, type SharedMap, sharedMap, type SharedMapReader } from "@tidepool/core/structures";
import { assert, assertEquals } from "@std/assert";
import { checkAsyncProperty, withRandom } from "../../harness/seeded_random.ts";
import { json, Point } from "./map_definitions.ts";

const RUNS = 60;

type Command =
  | { readonly op: "set" | "update"; readonly key: number; readonly value: number }
  | { readonly op: "get" | "has" | "delete" | "read"; readonly key: number }
  | { readonly op: "clear" | "size" | "entries" };

const KEYS = 40;
const VALUES = 20;

const command: fc.Arbitrary<Command> = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      op: fc.constantFrom("set" as const, "update" as const),
      key: fc.nat(KEYS - 1),
      value: fc.nat(VALUES - 1),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      op: fc.constantFrom(
        "get" as const,
        "has" as const,
        "delete" as const,
        "delete" as const,
        "read" as const,
      ),
      key: fc.nat(KEYS - 1),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constantFrom("size" as const, "entries" as const) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant("clear" as const) }) },
);

/** Texts that are short and long, of one byte a character and two, well-formed and not. */
const anyText = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.string({ unit: "binary", maxLength: 20 }),
  fc.string({
    unit: fc.constantFrom("\u00ff", "\u0100", "\ud800", "\udc00", "\0", "a"),
    maxLength: 9,
  }),
  fc.string({ minLength: 200, maxLength: 300 }),
);
const anyBytes = fc.uint8Array({ maxLength: 70 });
const anyDouble = fc.double();
const signed64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
const unsigned64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n });

const keyTypes = {
  text: [text(), anyText],
  bytes: [bytes(), anyBytes],
  f64: [f64, anyDouble],
  i32: [i32, fc.integer()],
  u32: [u32, fc.integer({ min: 0, max: 2 ** 32 - 1 })],
  i16: [i16, fc.integer({ min: -(2 ** 15), max: 2 ** 15 - 1 })],
  u8: [u8, fc.integer({ min: 0, max: 255 })],
  i64: [i64, signed64],
  u64: [u64, unsigned64],
} as const;

const point = fc.record({
  x: anyDouble,
  y: anyDouble,
  label: fc.string({ maxLength: 12, unit: fc.constantFrom("a", "b", "z") }),
  id: fc.integer(),
});

const valueTypes = {
  f64: [f64, anyDouble],
  f32: [f32, fc.float()],
  u8: [u8, fc.integer({ min: 0, max: 255 })],
  i64: [i64, signed64],
  text: [text(), anyText],
  bytes: [bytes(), anyBytes],
  string: [string(9), fc.string({ maxLength: 9, unit: fc.constantFrom("a", "b") })],
  struct: [Point, point],
  codec: [json, fc.jsonValue()],
} as const;

/** A key as a Map would have to have it, to tell the same ones. */
function identityOf(key: unknown): unknown {
  if (key instanceof Uint8Array) return `bytes ${key.join()}`;
  return key === 0 ? 0 : key;
}

type AnyMap = SharedMap<unknown, unknown>;

/** Runs the commands on a map and on a Map, and holds what they give against each other. */
class Comparison {
  readonly #map: AnyMap;
  readonly #reader: SharedMapReader<unknown, unknown>;
  readonly #keys: readonly unknown[];
  readonly #values: readonly unknown[];
  readonly #model = new Map<unknown, unknown>();

  constructor(
    map: AnyMap,
    reader: SharedMapReader<unknown, unknown>,
    keys: readonly unknown[],
    values: readonly unknown[],
  ) {
    this.#map = map;
    this.#reader = reader;
    this.#keys = keys;
    this.#values = values;
  }

  run(command: Command): void {
    const map = this.#map;
    const model = this.#model;
    const key = "key" in command ? this.#keys[command.key] : undefined;
    const known = model.get(identityOf(key));
    switch (command.op) {
      case "set":
        map.set(key, this.#values[command.value]);
        model.set(identityOf(key), this.#values[command.value]);
        break;
      case "update":
        map.update(key, (value) => {
          assertEquals(value, known);
          return this.#values[command.value];
        });
        model.set(identityOf(key), this.#values[command.value]);
        break;
      case "get":
        assertEquals([map.get(key), this.#reader.get(key)], [known, known]);
        break;
      case "read": {
        const read = (source: Pick<AnyMap, "read">) =>
          source.read(
            key,
            (value) =>
              JSON.stringify(value, (_, part) => typeof part === "bigint" ? `${part}n` : part),
          );
        assertEquals(read(map), read(this.#reader));
        break;
      }
      case "has": {
        const has = model.has(identityOf(key));
        assertEquals([map.has(key), this.#reader.has(key)], [has, has]);
        break;
      }
      case "delete":
        assertEquals(map.delete(key), model.delete(identityOf(key)));
        break;
      case "clear":
        map.clear();
        model.clear();
        break;
      case "size":
        break;
      case "entries":
        this.compareEntries();
    }
    assertEquals([map.size, this.#reader.size], [model.size, model.size]);
  }

  compareEntries(): void {
    const entries = (source: Iterable<[unknown, unknown]>) =>
      new Map([...source].map(([key, value]) => [identityOf(key), value]));
    assertEquals(entries(this.#map), this.#model);
    assertEquals(entries(this.#reader), this.#model);
    assertEquals([...this.#map.keys()].length, this.#model.size);
    assertEquals([...this.#reader.values()].length, this.#model.size);
  }
}

for (const [keyName, [keyType, anyKey]] of Object.entries(keyTypes)) {
  Deno.test(`maps with keys of type ${keyName} do what a Map does, with values of every type`, async () => {
    await using runtime = await Runtime.start({ shards: 1, memory: "16MiB", debugHeap: true });
    const live = () => runtime["endpoint"].allocator.liveBlocks;
    for (const [valueName, [valueType, anyValue]] of Object.entries(valueTypes)) {
      const Definition = sharedMap(`${keyName} to ${valueName}`, {
        key: keyType,
        value: valueType,
      });
      const property = fc.asyncProperty(
        fc.array<unknown>(anyKey, { minLength: KEYS, maxLength: KEYS }),
        fc.array<unknown>(anyValue, { minLength: VALUES, maxLength: VALUES }),
        fc.array(command, { maxLength: 150 }),
        // deno-lint-ignore require-await -- one kind of property for all
        async (keys, values, commands) => {
          const before = live();
          const map = Definition.make(runtime) as unknown as AnyMap;
          const reader = Definition.reader(runtime, map.address) as unknown as SharedMapReader<
            unknown,
            unknown
          >;
          const comparison = new Comparison(map, reader, keys, values);
          for (const each of commands) comparison.run(each);
          comparison.compareEntries();
          map[Symbol.dispose]();
          assertEquals(live(), before);
        },
      );
      await checkAsyncProperty(property, RUNS);
    }
  });
}

Deno.test("iteration under change meets once what stays, and nothing twice", () =>
  withRandom(async (random) => {
    await using runtime = await Runtime.start({ shards: 1, memory: "32MiB" });
    const Numbers = sharedMap("Numbers", { key: f64, value: f64 });
    for (let round = 0; round < 20; round++) {
      using map = Numbers.make(runtime);
      const count = random.between(1, 3000);
      // Even ones stay.
      for (let key = 0; key < count; key++) map.set(key, key);
      const reader = Numbers.reader(runtime, map.address);
      for (const source of [map, reader]) {
        const met = new Map<number, number>();
        let steps = 0;
        for (const [key] of source) {
          met.set(key, (met.get(key) ?? 0) + 1);
          if (steps++ % 5 > 0) continue;
          for (let i = 0; i < random.below(20); i++) {
            const other = random.below(count * 3) * 2 + 1;
            if (random.below(3) === 0) map.delete(other);
            else map.set(other, other); // grows, too
            map.set(random.below((count + 1) >> 1) * 2 % count, 0);
          }
        }
        for (let key = 0; key < count; key += 2) assertEquals(met.get(key), 1, `key ${key}`);
        assert([...met.values()].every((times) => times === 1));
      }
    }
  }));

Deno.test("keys whose hashes are alike are kept apart, and iterated once", async () => {
  await using runtime = await Runtime.start({ shards: 1, memory: "64MiB" });
  // Of so many, some hundred pairs have one order.
  const Keys = sharedMap("Keys", { key: f64, value: u8 });
  using map = Keys.make(runtime);
  const count = 600_000;
  for (let key = 0; key < count; key++) map.set(key, key & 255);
  const met = new Uint8Array(count);
  for (const key of Keys.reader(runtime, map.address).keys()) met[key]!++;
  assert(met.every((times) => times === 1));
  for (let key = 0; key < count; key += 1000) assertEquals(map.get(key), key & 255);
});

Deno.test("a codec may use the map that its value is for", async () => {
  await using runtime = await Runtime.start({ shards: 1, memory: "16MiB", debugHeap: true });
  let nested = false;
  const Nested: ReturnType<typeof make> = make();
  function make() {
    return sharedMap("Nested", {
      key: text(),
      value: codec<string>({
        encode: (value) => {
          if (!nested) {
            nested = true;
            for (let i = 0; i < 100; i++) map.set(`other ${i}`, `inner ${i}`);
            map.delete("key");
            nested = false;
          }
          return new TextEncoder().encode(value);
        },
        decode: (bytes) => {
          map.delete("other 99");
          return new TextDecoder().decode(bytes);
        },
      }),
    });
  }
  const map: SharedMap<string, string> = Nested.make(runtime);
  map.set("key", "one").set("key", "two");
  assertEquals(map.get("key"), "two");
  assertEquals([map.get("other 98"), map.has("other 99"), map.size], ["inner 98", false, 100]);
  map[Symbol.dispose]();
});
