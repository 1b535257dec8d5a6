// deno-lint-ignore-file no-console -- a test of what is printed
/** Destructors: where they run, what becomes of what they throw, and who hears of it. */
import { Runtime } from "@tidepool/core";
import { assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { outcomeTasks } from "./outcome_tasks.ts";
import { Point, tutorialTasks } from "./tutorial_tasks.ts";

async function start(shards: number): Promise<{ runtime: Runtime; warnings: Error[] }> {
  const warnings: Error[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning);
  return { runtime: await Runtime.start({ shards, memory: "8MiB", onWarning }), warnings };
}

Deno.test("a destructor that throws in the background is a warning with the class, and stops no other", async () => {
  const { runtime, warnings } = await start(2);
  for (const name of ["a", "bad", "b"]) {
    (await runtime.submitTo(0, outcomeTasks.open, name))[Symbol.dispose]();
  }
  const names = [];
  for (const name of ["c", "bad too", "d"]) {
    names.push(await runtime.submitTo(0, outcomeTasks.open, name));
  }
  for (const pointer of names) pointer[Symbol.dispose](); // in one message
  await runtime.submitTo(
    1,
    outcomeTasks.keep,
    await runtime.submitTo(0, outcomeTasks.open, "bad3"),
  );
  await runtime.submitTo(1, outcomeTasks.dropKept); // by a shard
  (await runtime.submitTo(1, outcomeTasks.openSlow, "bad slow"))[Symbol.dispose]();
  await runtime.submitTo(1, outcomeTasks.openKeeping, "bad at home");
  await runtime.submitTo(1, outcomeTasks.openSlowKeeping, "bad slow at home");
  await runtime.submitTo(1, outcomeTasks.dropKept); // where it lives
  await runtime.stop();
  const threw = (what: string, shard: number, name: string) =>
    `The destructor of ${what} threw on shard ${shard}: RangeError: ${name} resists`;
  assertEquals(warnings.map(({ message }) => message).sort(), [
    threw("Piece", 0, "bad"),
    threw("Piece", 0, "bad too"),
    threw("Piece", 0, "bad3"),
    threw("Piece", 1, "bad at home"),
    threw("SlowPiece", 1, "bad slow at home"),
    threw("SlowPiece", 1, "bad slow"),
  ]);
  for (const { cause } of warnings) assertInstanceOf(cause, RangeError);
  assertEquals(runtime.foreignStatistics(0).failedDestructors, 3);
  assertEquals(runtime.foreignStatistics(1).failedDestructors, 3);
});

Deno.test("destroy() rejects with what the destructor throws, in a batch too, and warns of nothing", async () => {
  const { runtime, warnings } = await start(1);
  const pointers = [];
  for (const name of ["a", "bad", "b"]) {
    pointers.push(await runtime.submitTo(0, outcomeTasks.open, name));
  }
  const slow = await runtime.submitTo(0, outcomeTasks.openSlow, "bad slow");
  const outcomes = await Promise.allSettled(
    [...pointers, slow].map((pointer) => pointer.destroy()),
  );
  assertEquals(outcomes.map(({ status }) => status), [
    "fulfilled",
    "rejected",
    "fulfilled",
    "rejected",
  ]);
  await using again = await runtime.submitTo(0, outcomeTasks.open, "single");
  assertEquals(again.isNull, false);
  const bad = await runtime.submitTo(0, outcomeTasks.open, "bad alone");
  await assertRejects(() => bad.destroy(), RangeError, "bad alone resists");
  await again.destroy();
  await runtime.stop();
  assertEquals(warnings, []);
});

Deno.test("a warning that nobody takes goes to the console", async () => {
  const printed: unknown[] = [];
  const { warn } = console;
  console.warn = (...values: unknown[]) => void printed.push(...values);
  try {
    const runtime = await Runtime.start({ shards: 1, memory: "4MiB" });
    (await runtime.submitTo(0, outcomeTasks.open, "bad"))[Symbol.dispose]();
    await runtime.stop();
  } finally {
    console.warn = warn;
  }
  assertEquals(printed.map(String), [
    "Error: The destructor of Piece threw on shard 0: RangeError: bad resists",
  ]);
});

Deno.test("a struct's fields are read from any shard, and its block is freed at home", async () => {
  const { runtime } = await start(3);
  const pointer = await runtime.submitTo(0, tutorialTasks.openPoint, 6, 8);
  assertEquals(pointer.view(Point).x, 6);
  const reference = pointer.get();
  assertEquals(await runtime.submitTo(0, tutorialTasks.scale, reference, 2), 20);
  assertEquals(pointer.view(Point).toJSON(), { x: 12, y: 16 }); // the same memory
  const shared = await runtime.submitTo(1, tutorialTasks.openSharedPoint, 3, 4);
  const copy = await shared.copy();
  assertEquals([copy.equals(shared), copy.view(Point).y], [true, 4]);
  assertEquals(await runtime.submitTo(2, tutorialTasks.norm, copy), 5);
  await Promise.all([pointer.destroy(), shared.destroy()]);
  assertThrows(() => pointer.view(Point), TypeError, "it is null");
  // Messages of theirs come back, and their blocks with them.
  for (const shard of [0, 1, 2, 0, 1, 2]) await runtime.submitTo(shard, tutorialTasks.count);
  for (const shard of [0, 1, 2]) {
    const { mallocs, frees, remoteFreesReceived } = runtime.memoryStatistics(shard);
    assertEquals([mallocs - frees, remoteFreesReceived], [0, 0], `shard ${shard}`);
  }
  assertEquals(await runtime.submitTo(1, tutorialTasks.log), ["point 3,4 unlinked"]);
  await runtime.stop();
});

Deno.test("what is not a struct has no view, and a struct of another slice no foreign pointer", async () => {
  const { runtime } = await start(2);
  await using pointer = await runtime.submitTo(0, tutorialTasks.open, "heap");
  assertThrows(
    // @ts-expect-error -- the compiler knows that it is no Point.
    () => pointer.view(Point),
    TypeError,
    "it points to an object of shard 0's JS heap",
  );
  await assertRejects(
    () => runtime.submitTo(1, tutorialTasks.openForeignPoint, 0),
    RangeError,
    "it lies in the slice of endpoint 0",
  );
  await pointer.destroy();
  await runtime.stop();
});
