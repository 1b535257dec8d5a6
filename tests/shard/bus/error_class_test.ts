/**
 * An error keeps its class, its message and its fields, whatever memory there is where it is thrown. The
 * classes are those that the entry points export: a new one cannot be left out.
 */
import { MessageMemoryError, Runtime } from "@tidepool/core";
import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { errorClassTasks } from "./error_class_tasks.ts";
import { exportedErrorClasses, makeError, seen } from "./error_classes.ts";

const NAMES = [...exportedErrorClasses.keys()].sort();

function start(): Promise<Runtime> {
  return Runtime.start({ shards: 3, memory: "6MiB" });
}

/** What the host catches of an error. */
async function caught(call: Promise<unknown>): Promise<string> {
  return seen(await call.then(() => "nothing was thrown", (error) => error));
}

for (const memory of ["with memory to spare", "out of memory"] as const) {
  Deno.test(`every exported error class arrives as itself, from a shard ${memory}`, async () => {
    assert(NAMES.length >= 14, NAMES.join());
    await using runtime = await start();
    for (const shard of [1, 2]) {
      // The tasks are met, and named, while there is memory.
      await runtime.submitTo(0, errorClassTasks.relay, shard, NAMES[0]!);
      if (memory === "out of memory") {
        assertEquals(await runtime.submitTo(shard, errorClassTasks.fill), 0);
      }
    }
    for (const name of NAMES) {
      const expected = seen(makeError(name));
      assert(expected.startsWith(`["${name}"`), expected);
      for (const task of [errorClassTasks.throwOne, errorClassTasks.throwLater]) {
        assertEquals(await caught(runtime.submitTo(1, task, name)), expected, "to the host");
      }
      assertEquals(await runtime.submitTo(0, errorClassTasks.relay, 1, name), expected);
      assertEquals(await runtime.submitTo(0, errorClassTasks.relay, 0, name), expected, "here");
      // Many at once: none waits for another, none is lost.
      const many = Array.from(
        { length: 20 },
        () => caught(runtime.submitTo(2, errorClassTasks.throwOne, name)),
      );
      assertEquals(await Promise.all(many), Array(20).fill(expected));
      assertEquals(
        await runtime.submitTo(0, errorClassTasks.throwTwo, 2, name),
        Array(2).fill(expected),
      );
    }
  });
}

Deno.test("a result for which there is no memory rejects with MessageMemoryError, whole", async () => {
  await using runtime = await start();
  await runtime.submitTo(1, errorClassTasks.fill);
  const error = await assertRejects(
    () => runtime.submitTo(1, errorClassTasks.resultOf, 100),
    MessageMemoryError,
    "Cannot send a message of 816 bytes: its sender's slice of ",
  );
  assertEquals([error.byteLength, error.freeBytes], [816, 0]);
  assert(error.stack?.includes('at submitTo (shard 1, task "resultOf")'));
  await runtime.submitTo(1, errorClassTasks.empty);
  assertEquals((await runtime.submitTo(1, errorClassTasks.resultOf, 100)).length, 100);
});

Deno.test("an error that no memory would hold says how much of it is missing", async () => {
  await using runtime = await start();
  for (const full of [false, true]) {
    if (full) await runtime.submitTo(1, errorClassTasks.fill);
    const whole = await assertRejects(
      () => runtime.submitTo(1, errorClassTasks.throwLong, 100_000),
      RangeError,
    );
    assertEquals([whole.message, whole.cause], ["€".repeat(100_000), "why"]);
    const long = await assertRejects(
      () => runtime.submitTo(1, errorClassTasks.throwLong, 50_000_000),
      RangeError,
    );
    assert(long.message.length < 200_000);
    const missing = Number(/… \(and (\d+) more characters\)$/.exec(long.message)?.[1]);
    assertEquals(long.message.indexOf("…") + missing, 50_000_000);
    // A field that is too large stays behind by itself.
    const large = await assertRejects(
      () => runtime.submitTo(1, errorClassTasks.throwLarge, 50_000_000),
      RangeError,
      "large",
    );
    assertEquals(Object.entries(large), [["code", 7]]);
  }
});

Deno.test("an error whose call gave its credit back arrives as itself from a full shard", async () => {
  await using runtime = await Runtime.start({ shards: 2, memory: "6MiB", ringSlots: 4 });
  for (const shard of [0, 1]) {
    await assertRejects(() => runtime.submitTo(shard, errorClassTasks.bounce, 1, 1 - shard));
  }
  await runtime.submitTo(0, errorClassTasks.empty);
  await runtime.submitTo(1, errorClassTasks.empty);
  const expected = seen(makeError("HeapCheckError"));
  assertEquals(await caught(runtime.submitTo(0, errorClassTasks.bounce, 10, 1)), expected);
});

Deno.test("a runtime with a full shard stops in good order", async () => {
  const runtime = await start();
  await runtime.submitTo(1, errorClassTasks.fill);
  await runtime.stop();
  assertInstanceOf(await runtime.submitTo(1, errorClassTasks.pass).catch((e) => e), Error);
});
