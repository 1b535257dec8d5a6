/** Services that stop and leave blocks in a slice are reported, and no others are. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { Runtime, type ServiceDefinition, type Sharded } from "@tidepool/core";
import * as services from "./left_behind_services.ts";
import { tasks } from "./left_behind_services.ts";

const LIVES = 6;

/** Starts a runtime, runs, stops it: the texts of all warnings. */
async function warningsOf(run: (runtime: Runtime) => Promise<void>): Promise<string[]> {
  const warnings: string[] = [];
  {
    await using runtime = await Runtime.start({
      shards: 2,
      memory: "16MiB",
      onWarning: (warning) => warnings.push(warning.message),
    });
    await run(runtime);
  }
  return warnings;
}

/** Starts a service again and again. */
async function live<Service extends object>(
  runtime: Runtime,
  definition: ServiceDefinition<[], Service>,
  use: (service: Sharded<Service>, life: number) => Promise<unknown>,
  lives: number = LIVES,
): Promise<void> {
  for (let life = 0; life < lives; life++) {
    const service = await runtime.startSharded(definition);
    await use(service, life);
    await service.stop();
  }
}

Deno.test("a service that leaves its blocks is reported at its third stop, by class, shard and bytes", async () => {
  const used: number[] = [];
  const warnings = await warningsOf(async (runtime) => {
    for (let life = 0; life < LIVES; life++) {
      await live(runtime, services.leaky, (service) => service.invokeOn(1, "put", 1000), 1);
      used.push(await runtime.submitTo(1, tasks.used));
    }
  });
  assert(used.every((bytes, i) => i === 0 || bytes > used[i - 1]! + 100_000), "silently so far");
  assertEquals(warnings.length, 1, "once for each class and shard");
  assertMatch(
    warnings[0]!,
    /^Leaky has left 1000 blocks \(100000 bytes\) in the slice of shard 1, and 1000 blocks \(104000 bytes\) and 1000 blocks \(104000 bytes\) when it stopped before: free them in stop\(\)/,
  );
});

Deno.test("three starts are enough, other services and busy tasks or not", async () => {
  const warnings = await warningsOf(async (runtime) => {
    await using _ = await runtime.startSharded(services.tidy);
    await live(runtime, services.leaky, async (service) => {
      await service.invokeOnAll("put", 500);
      await service.invokeOnAll("temporary", 500);
      await runtime.submitTo(0, tasks.keep, new Uint8Array(100_000));
    }, 3);
  });
  assertEquals(warnings.map((text) => text.slice(0, 30)).sort(), [
    "Leaky has left 500 blocks (500",
    "Leaky has left 500 blocks (500",
  ]);
});

Deno.test("what a constructor asks for is part of it", async () => {
  const warnings = await warningsOf((runtime) =>
    live(runtime, services.leakyFromTheStart, () => Promise.resolve(), 3)
  );
  assertEquals(warnings.length, 2);
  assertMatch(warnings[0]!, /^LeakyFromTheStart has left 1 block \(10000 bytes\) /);
});

Deno.test("no alarm: a service that frees its blocks, or has them in an arena", async () => {
  const warnings = await warningsOf(async (runtime) => {
    await live(runtime, services.tidy, (service) => service.invokeOnAll("put", 500));
    await live(runtime, services.inArena, (service) => service.invokeOnAll("put", 500));
  });
  assertEquals(warnings, []);
});

Deno.test("no alarm: a cache of others that grows by as much as a service frees while it waits", async () => {
  const warnings = await warningsOf(async (runtime) => {
    const cache = await runtime.startSharded(services.leaky);
    await live(runtime, services.tidy, async (service) => {
      await service.invokeOnAll("temporary", 500);
      await cache.invokeOnAll("put", 500);
      await runtime.submitTo(0, tasks.keep, new Uint8Array(50_000));
    });
    await cache.stop();
  });
  assertEquals(warnings, []);
});

for (const method of ["fillLocal", "fillByCalls", "sendBytes"] as const) {
  Deno.test(`no alarm: a service that fills what goes on living, by ${method}`, async () => {
    const warnings = await warningsOf(async (runtime) => {
      const cache = await runtime.startSharded(services.leaky);
      for (let life = 0; life < LIVES; life++) {
        const filler = await runtime.startSharded(services.filler, cache);
        await filler.invokeOnAll(method, 50);
        await filler.stop();
      }
      await cache.stop();
    });
    assertEquals(warnings, []);
  });
}

Deno.test("no alarm: foreign pointers that others hold on to", async () => {
  const warnings = await warningsOf((runtime) =>
    live(runtime, services.maker, async (service) => {
      for (let i = 0; i < 10; i++) {
        await runtime.submitTo(0, tasks.hold, await service.invokeOn(1, "make"));
      }
    })
  );
  assertEquals(warnings.filter((text) => text.includes("has left")), []);
});

Deno.test("no alarm: blocks that another shard frees, perhaps after the stop", async () => {
  const warnings = await warningsOf(async (runtime) => {
    let lent: number[] = [];
    await live(runtime, services.leaky, async (service) => {
      await runtime.submitTo(0, tasks.free, lent);
      lent = await service.invokeOn(1, "lend", 200);
    });
  });
  assertEquals(warnings, []);
});
