/** Sharded.at(): the instance that a key belongs to, on this shard and on others. */
import { NoShardedInstanceError, Runtime } from "@tidepool/core";
import { shardOf } from "@tidepool/core/shard";
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { HomeKeys } from "../../../shard/services/home_keys.ts";
import { withRandom } from "../../harness/seeded_random.ts";
import { atTasks, visits } from "./at_services.ts";

const SHARDS = 3;

function start(): Promise<Runtime> {
  return Runtime.start({ shards: SHARDS, memory: "16MiB" });
}

/** A key that belongs to `shard`. */
function keyOf(shard: number): string {
  for (let number = 0;; number++) {
    const key = `user:${number}`;
    if (shardOf(key, SHARDS) === shard) return key;
  }
}

Deno.test("at() from the host calls the instance on the shard of the key", async () => {
  await using runtime = await start();
  await using service = await runtime.startSharded(visits);
  for (let n = 0; n < 20; n++) {
    assertEquals(await service.at(`user:${n}`).shard(), runtime.shardOf(`user:${n}`));
    assertEquals(await service.at(n).shard(), shardOf(String(n), SHARDS));
  }
  assertEquals([await service.at("a").visit("a"), await service.at("a").visit("a")], [1, 2]);
  assertEquals(await service.at(new TextEncoder().encode("a")).visit("a"), 3);
  await assertRejects(() => Promise.resolve(service.at("a").fail()), RangeError, "no visits today");
});

Deno.test("at() gives the shard's own instance for its keys, and for no other", async () => {
  await using runtime = await start();
  await using service = await runtime.startSharded(visits);
  const keys = Array.from({ length: 5000 }, (_, n) => `user:${n}`); // more than are remembered
  for (let shard = 0; shard < SHARDS; shard++) {
    const isLocal = await runtime.submitTo(shard, atTasks.homes, service, keys);
    assertEquals(isLocal, keys.map((key) => runtime.shardOf(key) === shard));
  }
});

Deno.test("at() makes one object for each other shard, of each handle", async () => {
  await using runtime = await start();
  await using service = await runtime.startSharded(visits);
  assertEquals(
    await runtime.submitTo(0, atTasks.keepsObjects, service, keyOf(0), keyOf(1)),
    [true, true, true, false],
  );
  assertStrictEquals(service.at(keyOf(1)), service.at(keyOf(1)));
  assertEquals(Object.is(service.at(keyOf(1)), service.at(keyOf(2))), false);
});

Deno.test("a method by at() runs at once on its own shard, without a promise, and elsewhere by a call", async () => {
  await using runtime = await start();
  await using service = await runtime.startSharded(visits);
  assertEquals(
    await runtime.submitTo(1, atTasks.outcomes, service, keyOf(1)),
    ["gave 1", "promised 7", "threw RangeError"],
  );
  assertEquals(
    await runtime.submitTo(1, atTasks.outcomes, service, keyOf(2)),
    ["promised 2", "promised 7", "rejected RangeError"],
  );
});

Deno.test("a service reaches its peers by containerOf(this).at()", async () => {
  await using runtime = await start();
  await using service = await runtime.startSharded(visits);
  const counts: number[] = [];
  for (let shard = 0; shard < SHARDS; shard++) {
    counts.push(await service.invokeOn(shard, "visitAnywhere", "ann"));
    counts.push(await service.invokeOn(shard, "visitAnywhere", "ann"));
  }
  assertEquals(counts, [1, 2, 3, 4, 5, 6]);
});

Deno.test("options of with() hold for calls to other shards, and not on the own", async () => {
  await using runtime = await start();
  await using service = await runtime.startSharded(visits);
  const end = (key: string) => runtime.submitTo(0, atTasks.neverWithin, service, key);
  assertEquals(await end(keyOf(1)), "rejected TimeoutError");
  assertEquals(await end(keyOf(0)), "goes on");
});

Deno.test("at() of a service that has stopped throws here, and rejects elsewhere, also with keys known before", async () => {
  await using runtime = await start();
  const service = await runtime.startSharded(visits);
  assertEquals(
    await runtime.submitTo(0, atTasks.stopped, service, keyOf(0), keyOf(1)),
    [
      "gave 0",
      "promised 1",
      "threw NoShardedInstanceError",
      "rejected NoShardedInstanceError",
      "shard 0",
    ],
  );
  await assertRejects(
    () => Promise.resolve(service.at("a").visit("a")),
    NoShardedInstanceError,
  );
});

Deno.test("what at() gives for another shard can be awaited, printed and written as JSON", async () => {
  await using runtime = await start();
  await using service = await runtime.startSharded(visits);
  const instance = service.at("a");
  assertStrictEquals(await Promise.resolve(instance), instance);
  assertEquals(JSON.stringify({ instance }), '{"instance":{}}');
  assert(Deno.inspect(instance).length < 100);
  const { missing } = instance as unknown as { missing(): Promise<void> };
  await assertRejects(() => missing(), TypeError, 'Cannot invoke "missing" of Visits');
});

Deno.test("what at() gives for another shard is everybody's: no method of it can be replaced", async () => {
  await using runtime = await start();
  await using service = await runtime.startSharded(visits);
  const instance = service.at("a") as { visit: (name: string) => unknown };
  for (let time = 0; time < 2; time++) { // before it was asked for, and since
    assertThrows(() => instance.visit = () => 7, TypeError);
    assertEquals(await service.at("a").visit("a"), time + 1);
  }
});

Deno.test("at() refuses a key of the wrong kind, also on the shard that knows some", async () => {
  await using runtime = await start();
  await using service = await runtime.startSharded(visits);
  for (const key of [undefined, null, {}, true] as unknown as string[]) {
    assertThrows(() => service.at(key), TypeError, "Cannot choose the shard of a key that is");
  }
  assertThrows(() => service.at(1.5), RangeError, "Cannot choose the shard of key 1.5");
  await assertRejects(
    () => runtime.submitTo(0, atTasks.homes, service, [keyOf(0), undefined as unknown as string]),
    TypeError,
    "Cannot choose the shard of a key that is undefined",
  );
});

Deno.test("HomeKeys finds keys that were added, no other, and none when there is no instance", async () => {
  await withRandom((random) => {
    const service = {};
    const keys = new HomeKeys(service);
    const added = new Set<string | number>();
    for (let step = 0; step < 20_000; step++) {
      const number = random.below(3000);
      const key = random.below(3) === 0
        ? number
        : random.below(2) === 0
        ? `${number}`.slice(random.below(4))
        : `user:${number}@example.org`;
      const found = keys.find(key);
      if (found !== undefined) assert(found === service && added.has(key), `${key}`);
      if (random.below(2) === 0) {
        keys.add(key);
        added.add(key);
        assertStrictEquals(keys.find(key), service);
      }
    }
    for (const key of [undefined, null, {}, NaN, Symbol("free")] as unknown as string[]) {
      assertEquals(keys.find(key), undefined);
    }
    keys.add("x".repeat(257)); // longer than is kept
    assertEquals(keys.find("x".repeat(257)), undefined);
    const bytes = new Uint8Array(3);
    keys.add(bytes);
    assertEquals(keys.find(bytes), undefined);
    keys.add("a");
    keys.forget();
    assertEquals([keys.find("a"), keys.service], [undefined, undefined]);
  });
});
