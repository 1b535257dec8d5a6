/**
 * Random commands to a shared cache, and to a model of it: every answer, every figure, and every entry that has
 * gone, with why. The clocks are fake, so that entries end when a command says so.
 */
import { Runtime } from "@tidepool/core";
import { text } from "@tidepool/core/allocator";
import { type CacheSetOptions, SharedCache, SharedCacheReader } from "@tidepool/core/structures";
import { assertEquals } from "@std/assert";
import * as fc from "fast-check";
import { partsOf } from "../../../structures/cache/shared_cache_definition.ts";
import { Readers } from "../../../structures/readers/mod.ts";
import { checkProperty } from "../../harness/seeded_random.ts";
import { type Gone, ModelCache } from "./clock_model.ts";

/** By how much a reader's clock is ahead of the owner's, if both are the same and show whole milliseconds. */
const AHEAD_MS = 1;
const TTL_MS = 50;

class Real {
  gone: Gone[] = [];
  readonly cache: SharedCache<string, string>;
  readonly reader: SharedCacheReader<string, string>;
  #now = 1000;

  constructor(readonly runtime: Runtime) {
    const parts = partsOf("Texts", {
      key: text(),
      value: text(),
      ttlMs: TTL_MS,
      onEvict: (key, value, why) => this.gone.push([key, value, why]),
    });
    const clocks = { monotonic: () => this.#now, wall: () => this.#now + 1e12 };
    this.cache = new SharedCache(parts, runtime["endpoint"], clocks);
    this.reader = new SharedCacheReader(parts, runtime["endpoint"], this.cache.address, clocks);
  }

  pass(ms: number): void {
    this.#now += ms;
  }

  /** Has everything told that nobody reads any more, and that is all. */
  settle(): void {
    this.runtime["endpoint"].part(Readers).retired.collect();
  }
}

type Command = fc.Command<ModelCache, Real>;

/** A command of which both must give the same. */
function command(
  name: string,
  onModel: (model: ModelCache) => unknown,
  onReal: (real: Real) => unknown,
): Command {
  return {
    check: () => true,
    run(model, real) {
      const given = onReal(real);
      assertEquals(given, onModel(model));
      real.settle();
      // Entries that go together are told of in any order.
      assertEquals(real.gone.sort(), model.gone.sort());
      real.gone = [];
      model.gone = [];
      assertEquals(real.cache.statistics(), model.statistics());
    },
    toString: () => name,
  };
}

const keys = fc.nat(11).map((number) => "k".repeat(1 + number % 3) + number);
const values = fc.nat(40).map((length) => "v".repeat(length));
const ways: fc.Arbitrary<CacheSetOptions | undefined> = fc.oneof(
  fc.constant(undefined),
  fc.constant({ ttlMs: Infinity }),
  fc.constant({ keepTtl: true }),
  fc.nat(30).map((ms) => ({ ttlMs: ms + 1 })),
);
const limits = fc.record({
  maxEntries: fc.oneof(fc.nat(9).map((n) => n + 1), fc.constant(Infinity)),
  // So that each entry fits by itself.
  maxBytes: fc.oneof(fc.nat(400).map((n) => n + 100), fc.constant(Infinity)),
});

const commands = [
  fc.tuple(keys, values, ways).map(([key, value, way]) =>
    command(
      `set(${key}, ${value.length} characters, ${JSON.stringify(way)})`,
      (model) => model.set(key, value, way?.ttlMs ?? TTL_MS, way?.keepTtl),
      (real) => void real.cache.set(key, value, way),
    )
  ),
  keys.map((key) => command(`get(${key})`, (m) => m.get(key), ({ cache }) => cache.get(key))),
  keys.map((key) =>
    command(`reader.get(${key})`, (m) => m.get(key, AHEAD_MS), ({ reader }) => reader.get(key))
  ),
  keys.map((key) =>
    command(
      `read(${key})`,
      (model) => model.get(key)?.length,
      ({ cache }) => cache.read(key, ({ length }) => length),
    )
  ),
  keys.map((key) => command(`peek(${key})`, (m) => m.peek(key), ({ cache }) => cache.peek(key))),
  keys.map((key) =>
    command(
      `reader.peek(${key})`,
      (model) => [model.peek(key, AHEAD_MS), model.peek(key, AHEAD_MS) !== undefined],
      ({ reader }) => [reader.peek(key), reader.has(key)],
    )
  ),
  keys.map((key) =>
    command(`has(${key})`, (m) => m.peek(key) !== undefined, ({ cache }) => cache.has(key))
  ),
  keys.map((key) => command(`delete(${key})`, (m) => m.delete(key), (r) => r.cache.delete(key))),
  fc.nat(40).map((ms) => command(`${ms} ms pass`, (m) => void (m.now += ms), (r) => r.pass(ms))),
  limits.map(({ maxEntries, maxBytes }) =>
    command(
      `resize(${maxEntries}, ${maxBytes})`,
      (model) => model.resize(maxEntries, maxBytes),
      ({ cache }) => cache.resize({ maxEntries, maxBytes }),
    )
  ),
  fc.constant(
    command(
      "entries()",
      (model) => [model.entries(), model.entries(AHEAD_MS)],
      ({ cache, reader }) => [[...cache].sort(), [...reader].sort()],
    ),
  ),
];
const rareCommands = [
  fc.constant(command("clear()", (model) => model.clear(), ({ cache }) => cache.clear())),
  fc.constant(command("purgeStale()", (m) => m.purgeStale(), ({ cache }) => cache.purgeStale())),
];

Deno.test("a shared cache does what its model does, whatever is asked of it", async () => {
  await using runtime = await Runtime.start({ shards: 1, memory: "8MiB", debugHeap: true });
  const { allocator } = runtime["endpoint"];
  const before = allocator.liveBlocks;
  const all = [...commands, ...commands, ...commands, ...rareCommands];
  checkProperty(
    fc.property(fc.commands(all, { maxCommands: 150, size: "max" }), (run) => {
      const real = new Real(runtime);
      using _cache = real.cache;
      fc.modelRun(() => ({ model: new ModelCache(), real }), run);
    }),
    300,
  );
  runtime["endpoint"].part(Readers).retired.collect();
  assertEquals(allocator.liveBlocks - before, 0);
  allocator.checkHeap();
});
