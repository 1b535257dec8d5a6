/**
 * Whatever a program throws, whichever way it leaves a shard: its caller is told something that says what
 * happened, and the shard lives on.
 */
import { Runtime, ShardCrashedError } from "@tidepool/core";
import { assert, assertEquals, assertInstanceOf, assertStringIncludes } from "@std/assert";
import { thrower, THROWN, thrownTasks } from "./thrown_tasks.ts";

/** What `call` rejects with, as text. */
async function textOf(call: Promise<unknown>): Promise<string> {
  const [outcome] = await Promise.allSettled([call]);
  assert(outcome?.status === "rejected", "the call did not reject");
  return String(outcome.reason);
}

/** How what was thrown can come out: each gives the text that its caller finds. */
const WAYS: Readonly<Record<string, (runtime: Runtime, what: string) => Promise<string>>> = {
  "a task": (runtime, what) => textOf(runtime.submitTo(1, thrownTasks.now, what)),
  "an asynchronous task": (runtime, what) => textOf(runtime.submitTo(1, thrownTasks.later, what)),
  "a task on every shard": (runtime, what) => textOf(runtime.invokeOnAll(thrownTasks.now, what)),
  "a call without reply": async (runtime, what) => {
    await runtime.submitTo(1, thrownTasks.now.with({ noReply: true }), what);
    return await textOf(runtime.flush());
  },
  "the constructor of a service": (runtime, what) =>
    textOf(runtime.startSharded(thrower, what, "constructor")),
  "a method of a service": async (runtime, what) => {
    const service = await runtime.startSharded(thrower, what, "call");
    const text = await textOf(service.invokeOnAll("call"));
    await service.stop().catch(() => {});
    return text;
  },
  "the stop of a service": async (runtime, what) =>
    await textOf((await runtime.startSharded(thrower, what, "stop")).stop()),
  "a change of a replicated value": async (runtime, what) => {
    await using value = await runtime.replicate(1, { home: 1 });
    return await textOf(value.update(thrownTasks.update, what));
  },
  "an awaited destructor": async (runtime, what) =>
    await textOf((await runtime.submitTo(1, thrownTasks.open, what)).destroy()),
};

for (const [way, call] of Object.entries(WAYS)) {
  Deno.test(`whatever ${way} throws, its caller is told, and the shard lives`, async () => {
    await using runtime = await Runtime.start({ shards: 2, memory: "32MiB" });
    for (const [what, [, expected]] of Object.entries(THROWN)) {
      assertStringIncludes(await call(runtime, what), expected, what);
      assertEquals(await runtime.submitTo(1, thrownTasks.pass), 1);
    }
  });
}

Deno.test("whatever a destructor throws in the background is a warning that says so", async () => {
  const warnings: Error[] = [];
  {
    await using runtime = await Runtime.start({
      shards: 2,
      memory: "32MiB",
      onWarning: (warning) => void warnings.push(warning),
    });
    for (const what of Object.keys(THROWN)) {
      (await runtime.submitTo(1, thrownTasks.open, what))[Symbol.dispose]();
      await runtime.submitTo(1, thrownTasks.pass);
    }
  }
  const texts = Object.values(THROWN).map(([, text]) => text);
  assertEquals(warnings.length, texts.length);
  texts.forEach((text, i) => {
    assertStringIncludes(warnings[i]!.message, "The destructor of Thrower threw on shard 1: ");
    assertStringIncludes(warnings[i]!.message, text);
  });
});

Deno.test("whatever a call to the own shard throws rejects that call alone", async () => {
  await using runtime = await Runtime.start({ shards: 1, memory: "16MiB" });
  for (const what of Object.keys(THROWN)) {
    assertEquals(await runtime.submitTo(0, thrownTasks.local, what), "rejected: true");
  }
});

/** One of each kind: a runtime is started for each. */
const OF_A_DEATH = [
  "a message that throws",
  "a stack that throws",
  "a cause that never ends",
  "a Proxy whose getter throws",
  "a Proxy all of whose traps throw",
  "an object without prototype",
  "a symbol",
];

for (const way of ["outside", "unhandled"] as const) {
  Deno.test(`whatever a shard dies of, thrown ${way}, its caller is told of that`, async () => {
    for (const what of OF_A_DEATH) {
      const [, expected] = THROWN[what]!;
      const runtime = await Runtime.start({ shards: 1, memory: "4MiB" });
      await runtime.submitTo(0, thrownTasks[way], what).catch(() => {});
      const error = await runtime.closed.catch((error) => error);
      assertInstanceOf(error, ShardCrashedError);
      // Deno itself looks into what a timer throws, and tells of the trap that threw then.
      assertStringIncludes(error.message.replace("Error: a trap", `${expected}: a trap`), expected);
      await runtime.stop().catch(() => {});
    }
  });
}
