/**
 * What becomes of a pointer whose message fares badly: every row of the table in
 * tests/foreign/README.md, "Exactly one destruction".
 */
import {
  BusyError,
  defineTasks,
  MessageMemoryError,
  Runtime,
  type RuntimeOptions,
  ShardCrashedError,
  StaleForeignPtrError,
  StoppedError,
} from "@tidepool/core";
import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { adversityTasks } from "./adversity_tasks.ts";
import { outcomeTasks } from "./outcome_tasks.ts";

/** Far more rounds than anything takes: whoever needs them waits for what never comes. */
const PATIENCE_ROUNDS = 20_000;

function start(options: Partial<RuntimeOptions> = {}): Promise<Runtime> {
  return Runtime.start({ shards: 3, memory: "12MiB", onCrash: "keep", ...options });
}

/** Waits, by calls, until `count` objects were destroyed on `shard`; their names. */
async function ended(runtime: Runtime, shard: number, count: number): Promise<string[]> {
  const names: string[] = [];
  for (let round = 0; round < PATIENCE_ROUNDS && names.length < count; round++) {
    names.push(...await runtime.submitTo(shard, outcomeTasks.destroyed));
  }
  // And no more than that: everything under way has had a round to arrive.
  for (let round = 0; round < 3; round++) {
    for (let each = 0; each < runtime.shardCount; each++) {
      await runtime.submitTo(each, outcomeTasks.tick).catch(expectCrash);
    }
  }
  names.push(...await runtime.submitTo(shard, outcomeTasks.destroyed));
  return names.sort();
}

function expectCrash(error: unknown): void {
  assert(error instanceof ShardCrashedError, String(error));
}

/** Ends `shard`; resolves when the host knows. */
async function crash(runtime: Runtime, shard: number): Promise<void> {
  await assertRejects(() => runtime.submitTo(shard, outcomeTasks.exit), ShardCrashedError);
}

function outstanding(runtime: Runtime, shard: number): number {
  return runtime.foreignStatistics(shard).outstanding.reduce((sum, count) => sum + count, 0);
}

Deno.test("delivered: the receiver owns the pointer", async () => {
  await using runtime = await start();
  const pointer = await runtime.submitTo(0, outcomeTasks.open, "a");
  assertEquals(runtime.foreignStatistics(0).outstanding, [0, 0, 0, 1]); // the host holds it
  await runtime.submitTo(1, outcomeTasks.keep, pointer);
  assertEquals(runtime.foreignStatistics(0).outstanding, [0, 1, 0, 0]);
  await runtime.submitTo(1, outcomeTasks.dropKept);
  assertEquals(await ended(runtime, 0, 1), ["a"]);
  assertEquals(outstanding(runtime, 0), 0);
});

Deno.test("a TypeError further on in the same message: the sender keeps the pointer", async () => {
  await using runtime = await start();
  const pointer = await runtime.submitTo(0, outcomeTasks.open, "a");
  await assertRejects(
    () => runtime.submitTo(1, outcomeTasks.keep, pointer, { f: () => 1 }),
    TypeError,
    "arguments[1].f",
  );
  assertEquals(await pointer.invoke("nameHere"), "a on 0");
  await pointer.destroy();
  assertEquals(await ended(runtime, 0, 1), ["a"]);
});

Deno.test("no such shard: the sender keeps the pointer", async () => {
  await using runtime = await start();
  const pointer = await runtime.submitTo(0, outcomeTasks.open, "a");
  await assertRejects(() => runtime.submitTo(7, outcomeTasks.keep, pointer), RangeError);
  await pointer.destroy();
  assertEquals(await ended(runtime, 0, 1), ["a"]);
});

Deno.test("no memory for the message: the sender keeps the pointer", async () => {
  await using runtime = await start({ hostMemory: 65_536 });
  const pointer = await runtime.submitTo(0, outcomeTasks.open, "a");
  await assertRejects(
    () => runtime.submitTo(1, outcomeTasks.keep, pointer, new Uint8Array(2 ** 20)),
    MessageMemoryError,
  );
  await pointer.destroy();
  assertEquals(await ended(runtime, 0, 1), ["a"]);
});

Deno.test("BusyError: the sender keeps the pointer, copies are not miscounted, a destruction waits", async () => {
  await using runtime = await start({ ringSlots: 128 });
  const address = await runtime.submitTo(1, outcomeTasks.word);
  const pointer = await runtime.submitTo(0, outcomeTasks.open, "kept");
  const shared = await runtime.submitTo(1, outcomeTasks.openShared, "shared");
  const dropped = await runtime.submitTo(1, outcomeTasks.open, "dropped");
  const blocked = runtime.submitTo(1, outcomeTasks.wait, address);
  const calls = Array.from({ length: 62 + 65_536 }, () => runtime.submitTo(1, outcomeTasks.tick));
  const failed = [
    assertRejects(() => runtime.submitTo(1, outcomeTasks.keep, pointer), BusyError),
    assertRejects(() => shared.copy(), BusyError),
  ];
  const destroyed = dropped.destroy();
  await Promise.all(failed);
  assert(!pointer.isNull);
  await runtime.submitTo(0, outcomeTasks.letGo, address);
  await Promise.all([blocked, ...calls, destroyed]);
  await Promise.all([pointer.destroy(), shared.destroy()]);
  assertEquals(await ended(runtime, 1, 2), ["dropped", "shared"]);
  assertEquals(await ended(runtime, 0, 1), ["kept"]);
});

Deno.test("given up before it was sent: the object is destroyed at home", async () => {
  await using runtime = await start({ ringSlots: 2 });
  const address = await runtime.submitTo(1, outcomeTasks.word);
  const pointer = await runtime.submitTo(0, outcomeTasks.open, "a");
  const blocked = runtime.submitTo(1, outcomeTasks.wait, address);
  const giveUp = new AbortController();
  const { signal } = giveUp;
  const call = runtime.submitTo(1, outcomeTasks.keep.with({ signal }), pointer);
  assert(pointer.isNull);
  giveUp.abort(new RangeError("enough"));
  await assertRejects(() => call, RangeError, "enough");
  await runtime.submitTo(0, outcomeTasks.letGo, address);
  await blocked;
  assertEquals(await ended(runtime, 0, 1), ["a"]);
  assertEquals(await runtime.submitTo(1, outcomeTasks.giveBack), []);
});

Deno.test("given up after it was sent: the callee has the pointer all the same", async () => {
  await using runtime = await start();
  const address = await runtime.submitTo(1, outcomeTasks.word);
  const pointer = await runtime.submitTo(0, outcomeTasks.open, "a");
  const blocked = runtime.submitTo(1, outcomeTasks.wait, address);
  const giveUp = new AbortController();
  const { signal } = giveUp;
  const call = runtime.submitTo(1, outcomeTasks.keep.with({ signal }), pointer);
  giveUp.abort(new RangeError("enough"));
  await assertRejects(() => call, RangeError, "enough");
  await runtime.submitTo(0, outcomeTasks.letGo, address);
  await blocked;
  const [back] = await runtime.submitTo(1, outcomeTasks.giveBack);
  assertEquals(await back!.invoke("nameHere"), "a on 0");
  await back!.destroy();
  assertEquals(await ended(runtime, 0, 1), ["a"]);
});

Deno.test("a result for a call that was given up: the object is destroyed at home", async () => {
  await using runtime = await start();
  const address = await runtime.submitTo(1, outcomeTasks.word);
  const giveUp = new AbortController();
  const task = outcomeTasks.openLater.with({ signal: giveUp.signal });
  const call = runtime.submitTo(1, task, "late", address);
  await runtime.submitTo(1, outcomeTasks.tick);
  giveUp.abort(new RangeError("enough"));
  await assertRejects(() => call, RangeError, "enough");
  await runtime.submitTo(0, outcomeTasks.letGo, address);
  assertEquals(await ended(runtime, 1, 1), ["late"]);
});

Deno.test("a stale reference in the same message: its pointers, before and behind, are destroyed at home", async () => {
  await using runtime = await start();
  const open = (name: string) => runtime.submitTo(0, outcomeTasks.open, name);
  const lent = await open("lent");
  const reference = lent.get();
  await lent.destroy();
  const expectStale = (args: readonly unknown[]) =>
    assertRejects(
      () => runtime.submitTo(0, outcomeTasks.keep, ...args),
      StaleForeignPtrError,
      "The object is no longer there",
    );
  await expectStale([await open("b"), reference, await open("c")]); // in a block
  await expectStale([reference, await open("d")]); // in the record
  await expectStale([await open("e"), reference]);
  assertEquals(await ended(runtime, 0, 5), ["b", "c", "d", "e", "lent"]);
  assertEquals(await runtime.submitTo(0, outcomeTasks.giveBack), []);
  // A reference to the object of another shard is only passed on: the same away from home.
  const far = await open("far");
  await assertRejects(() => runtime.submitTo(0, outcomeTasks.keep, far, reference));
  assertEquals(await ended(runtime, 0, 1), ["far"]);
});

Deno.test("no such task: the object is destroyed at home", async () => {
  await using runtime = await start();
  const url = new URL("./no_such_module.ts", import.meta.url).href;
  const missing = defineTasks(url, { gone: (_pointer: unknown): void => {} });
  const pointer = await runtime.submitTo(0, outcomeTasks.open, "a");
  await assertRejects(() => runtime.submitTo(1, missing.gone, pointer), Error, "does not load");
  assert(pointer.isNull);
  assertEquals(await ended(runtime, 0, 1), ["a"]);
});

Deno.test("a result that cannot be sent: its pointers are destroyed at home", async () => {
  await using runtime = await start();
  await assertRejects(
    () => runtime.submitTo(1, outcomeTasks.openWithFunction, "r"),
    TypeError,
    "the result.then1",
  );
  assertEquals(await ended(runtime, 1, 2), ["r1", "r2"]);
  assertEquals(outstanding(runtime, 1), 0);
});

Deno.test("a result for a caller that has died: the object is destroyed at home", async () => {
  await using runtime = await start();
  const address = await runtime.submitTo(0, outcomeTasks.word);
  const caller = runtime.submitTo(1, outcomeTasks.callLater, 0, "orphan", address);
  await runtime.submitTo(0, outcomeTasks.begun, address);
  await crash(runtime, 1);
  await assertRejects(() => caller, ShardCrashedError);
  await runtime.submitTo(0, outcomeTasks.tick);
  await runtime.submitTo(2, outcomeTasks.letGo, address);
  assertEquals(await ended(runtime, 0, 1), ["orphan"]);
});

Deno.test("a field of an error that cannot travel leaves its pointer with who threw", async () => {
  await using runtime = await start();
  const error = await assertRejects(
    () => runtime.submitTo(0, adversityTasks.throwAndKeep, "kept"),
    RangeError,
    "it stays",
  );
  assert(!("state" in error));
  assert(await runtime.submitTo(0, adversityTasks.keptByThrower));
  assertEquals(await ended(runtime, 0, 1), ["kept"]);
});

Deno.test("the receiver dies before it has read the message: the object is destroyed at home", async () => {
  await using runtime = await start({ ringSlots: 16 });
  const address = await runtime.submitTo(0, outcomeTasks.word);
  const open = (name: string) => runtime.submitTo(0, outcomeTasks.open, name);
  const [a, b, c] = [await open("a"), await open("b"), await open("c")];
  await runtime.submitTo(1, outcomeTasks.tick); // or it would die while it loads the module
  const calls: Promise<unknown>[] = [
    runtime.submitTo(1, outcomeTasks.waitThenExit, address),
    runtime.submitTo(1, outcomeTasks.keep, a), // in the record
    runtime.submitTo(1, outcomeTasks.keep, b, c, "in a block ".repeat(20)),
  ];
  for (let i = 0; i < 20; i++) { // and some that wait for room
    const pointer = await open(`w${i}`);
    calls.push(runtime.submitTo(1, outcomeTasks.keep, pointer));
  }
  const outcomes = Promise.all(calls.map((call) => call.catch(expectCrash)));
  await runtime.submitTo(0, outcomeTasks.letGo, address);
  assertEquals((await outcomes).filter((value) => value !== undefined), []);
  const names = ["a", "b", "c", ...Array.from({ length: 20 }, (_, i) => `w${i}`)];
  assertEquals(await ended(runtime, 0, 23), names.sort());
  assertEquals(outstanding(runtime, 0), 0);
});

Deno.test("the receiver dies after it has read the message: the object is destroyed at home", async () => {
  await using runtime = await start();
  const open = (name: string) => runtime.submitTo(0, outcomeTasks.open, name);
  await runtime.submitTo(1, outcomeTasks.keep, await open("a"), await open("b"));
  assertEquals(runtime.foreignStatistics(0).outstanding, [0, 2, 0, 0]);
  await crash(runtime, 1);
  assertEquals(await ended(runtime, 0, 2), ["a", "b"]);
  assertEquals(outstanding(runtime, 0), 0);
});

Deno.test("the receiver dies with copies it has asked for under way: none is left", async () => {
  for (let round = 0; round < 5; round++) {
    await using again = await start();
    const shared = await again.submitTo(0, outcomeTasks.openShared, "s");
    await assertRejects(
      () => again.submitTo(1, outcomeTasks.copyAndExit, shared),
      ShardCrashedError,
    );
    assertEquals(await ended(again, 0, 1), ["s"]);
    assertEquals(outstanding(again, 0), 0);
  }
});

Deno.test("who asked for several copies dies with the answer unread: nothing of it is left at home", async () => {
  for (const copies of [1, 50]) {
    await using runtime = await start();
    const word = async () => {
      const address = await runtime.submitTo(2, outcomeTasks.word);
      return { address, words: new Int32Array(runtime["endpoint"].buffer, address, 1) };
    };
    const [atHome, answer, atCaller, death] = [
      await word(),
      await word(),
      await word(),
      await word(),
    ];
    const isSet = async ({ words }: { words: Int32Array }) => {
      while (Atomics.load(words, 0) === 0) await runtime.submitTo(2, outcomeTasks.tick);
    };
    const set = ({ words }: { words: Int32Array }) => {
      Atomics.store(words, 0, 1);
      Atomics.notify(words, 0);
    };
    const shared = await runtime.submitTo(0, outcomeTasks.openShared, "s");
    const { liveBlocks } = runtime.memoryStatistics(0);
    const held = runtime.submitTo(0, outcomeTasks.sayAndWait, atHome.address, answer.address);
    await isSet(atHome);
    await runtime.submitTo(1, outcomeTasks.askForCopies, shared, copies);
    const dying = runtime.submitTo(1, outcomeTasks.sayWaitAndExit, atCaller.address, death.address);
    await isSet(atCaller);
    set(answer);
    await held;
    while (runtime.foreignStatistics(0).givenAway < 1 + copies) {
      await runtime.submitTo(0, outcomeTasks.tick);
    }
    set(death);
    await assertRejects(() => dying, ShardCrashedError);
    assertEquals(await ended(runtime, 0, 1), ["s"]);
    assertEquals(outstanding(runtime, 0), 0);
    await runtime.submitTo(0, outcomeTasks.tick); // it drains what the host has freed
    assertEquals(runtime.memoryStatistics(0).liveBlocks, liveBlocks);
    runtime.checkHeap(0);
  }
});

Deno.test("the sender dies with the message unpublished: the object is destroyed at home", async () => {
  await using runtime = await start();
  const pointer = await runtime.submitTo(0, outcomeTasks.open, "a");
  await assertRejects(
    () => runtime.submitTo(1, outcomeTasks.passAndExit, 2, pointer),
    ShardCrashedError,
  );
  assertEquals(await ended(runtime, 0, 1), ["a"]);
  assertEquals(await runtime.submitTo(2, outcomeTasks.giveBack), []);
});

Deno.test("the sender dies while its call waits for a module: the object is destroyed, stop() does not wait", async () => {
  const warnings: Error[] = [];
  const runtime = await start({ onWarning: (warning) => warnings.push(warning) });
  const pointer = await runtime.submitTo(2, outcomeTasks.open, "held");
  const late = new URL("./late_module.ts", import.meta.url).href;
  const calling = assertRejects(
    () => runtime.submitTo(1, adversityTasks.callLate, late, 0, pointer),
    ShardCrashedError,
  );
  // Shard 0 has the pointer when it is the holder.
  while (runtime.foreignStatistics(2).outstanding[0] === 0) {
    await runtime.submitTo(0, outcomeTasks.tick);
  }
  await crash(runtime, 1);
  await calling;
  assertEquals(await ended(runtime, 2, 1), ["held"]);
  await runtime.submitTo(0, adversityTasks.letLateLoad);
  await runtime.stop();
  assertEquals(warnings, []);
  assertEquals(outstanding(runtime, 2), 0);
});

Deno.test("the owner dies: every member says so, and nothing hangs", async () => {
  await using runtime = await start();
  const pointer = await runtime.submitTo(1, outcomeTasks.openShared, "gone");
  const dropped = await runtime.submitTo(1, outcomeTasks.open, "dropped");
  await crash(runtime, 1);
  await assertRejects(() => pointer.copy(), ShardCrashedError);
  await assertRejects(() => pointer.invoke("nameHere"), ShardCrashedError);
  dropped[Symbol.dispose](); // nothing is left to do
  await assertRejects(() => pointer.destroy(), ShardCrashedError);
  assert(pointer.isNull);
  await using other = await runtime.submitTo(0, outcomeTasks.open, "here");
  await runtime.submitTo(2, outcomeTasks.tick);
  assertEquals(await other.invoke("nameHere"), "here on 0");
});

Deno.test("the owner is started again: pointers into its old life fail on every member", async () => {
  const restarted = Promise.withResolvers<void>();
  await using runtime = await start({ onCrash: "restart", onRestart: () => restarted.resolve() });
  const shared = await runtime.submitTo(1, outcomeTasks.openShared, "old");
  const reference = shared.get();
  const [unique, dropped, sent] = [
    await runtime.submitTo(1, outcomeTasks.open, "old2"),
    await runtime.submitTo(1, outcomeTasks.open, "old3"),
    await runtime.submitTo(1, outcomeTasks.open, "old4"),
  ];
  await runtime.submitTo(2, outcomeTasks.keep, sent);
  await crash(runtime, 1);
  await restarted.promise;
  await using fresh = await runtime.submitTo(1, outcomeTasks.open, "new"); // takes the first handle
  assertThrows(() => shared.get(), StaleForeignPtrError, "was itself started again");
  await assertRejects(() => shared.copy(), StaleForeignPtrError);
  await assertRejects(() => shared.invoke("nameHere"), StaleForeignPtrError);
  await assertRejects(
    () => runtime.submitTo(1, outcomeTasks.take, null, reference),
    StaleForeignPtrError,
  );
  await assertRejects(() => unique.destroy(), StaleForeignPtrError);
  dropped[Symbol.dispose]();
  await assertRejects(() => runtime.submitTo(2, outcomeTasks.giveBack), StaleForeignPtrError);
  await assertRejects(() => shared.destroy(), StaleForeignPtrError);
  assertEquals(await fresh.invoke("nameHere"), "new on 1");
  assertEquals(await runtime.submitTo(1, outcomeTasks.destroyed), []);
});

Deno.test("a holder is started again: what its old life held is destroyed at home, what its new life gets is not", async () => {
  const restarted = Promise.withResolvers<void>();
  await using runtime = await start({ onCrash: "restart", onRestart: () => restarted.resolve() });
  await runtime.submitTo(1, outcomeTasks.keep, await runtime.submitTo(0, outcomeTasks.open, "old"));
  await crash(runtime, 1);
  await restarted.promise;
  await runtime.submitTo(1, outcomeTasks.keep, await runtime.submitTo(0, outcomeTasks.open, "new"));
  assertEquals(await ended(runtime, 0, 1), ["old"]);
  await runtime.submitTo(1, outcomeTasks.dropKept);
  assertEquals(await ended(runtime, 0, 1), ["new"]);
});

Deno.test("stop: what is still held is destroyed at home before it resolves, and reported", async () => {
  const warnings: Error[] = [];
  const runtime = await start({ onWarning: (warning) => warnings.push(warning) });
  const held = await runtime.submitTo(0, outcomeTasks.open, "by the host");
  const slow = await runtime.submitTo(2, outcomeTasks.openSlow, "bad slow");
  await runtime.submitTo(1, outcomeTasks.keep, await runtime.submitTo(0, outcomeTasks.open, "x"));
  await runtime.submitTo(1, outcomeTasks.keep, await runtime.submitTo(0, outcomeTasks.open, "y"));
  await runtime.stop();
  assertEquals(outstanding(runtime, 0) + outstanding(runtime, 2), 0);
  assertEquals(warnings.map(({ message }) => message).sort(), [
    `Foreign pointers were still held when the runtime stopped:
- 1 to Piece of shard 0, by the host
- 2 to Piece of shard 0, by shard 1
- 1 to SlowPiece of shard 2, by the host
Start the runtime with \`debug: true\` to see where they were made`,
    "The destructor of SlowPiece threw on shard 2: RangeError: bad slow resists",
  ]);
  await assertRejects(() => held.invoke("nameHere"), StaleForeignPtrError);
  await assertRejects(() => held.destroy(), StoppedError);
  slow[Symbol.dispose](); // without a word
  assert(held.isNull && slow.isNull);
});

Deno.test("stop waits for a destroy() under way, which resolves", async () => {
  const runtime = await start();
  const slow = await runtime.submitTo(2, outcomeTasks.openSlow, "slow");
  const bad = await runtime.submitTo(2, outcomeTasks.openSlow, "bad slow");
  let isDestroyed = false;
  const destroying = slow.destroy().then(() => isDestroyed = true);
  const failing = assertRejects(() => bad.destroy(), RangeError, "bad slow resists");
  await runtime.stop();
  assert(isDestroyed);
  await Promise.all([destroying, failing]);
});

Deno.test("stop waits for destructions in the background, and for those that they lead to", async () => {
  const runtime = await start();
  const slow = await runtime.submitTo(2, outcomeTasks.openSlow, "slow");
  const address = await runtime.submitTo(0, outcomeTasks.word);
  await runtime.submitTo(0, outcomeTasks.tick);
  slow[Symbol.dispose]();
  const stopped = runtime.stop();
  await stopped;
  assertEquals(runtime.foreignStatistics(2).outstanding, [0, 0, 0, 0]);
  assert(address > 0);
});

Deno.test("lost to the garbage collector: it comes home, counted and reported with where it was made", async () => {
  const warnings: string[] = [];
  await using runtime = await start({
    debug: true,
    onWarning: ({ message }) => warnings.push(message),
  });
  await runtime.submitTo(1, outcomeTasks.keep, await runtime.submitTo(0, outcomeTasks.open, "far"));
  await runtime.submitTo(1, outcomeTasks.loseKept, 1);
  await runtime.submitTo(0, outcomeTasks.makeAndLose, "near");
  for (let round = 0; round < 100 && warnings.length < 2; round++) {
    for (const shard of [0, 1]) await runtime.submitTo(shard, outcomeTasks.collect);
  }
  assertEquals(await ended(runtime, 0, 2), ["far", "near"]);
  assertEquals(runtime.foreignStatistics(0).lost, 2);
  assertEquals(outstanding(runtime, 0), 0);
  assertEquals(warnings.length, 2);
  for (const endpoint of [0, 1]) {
    const found = warnings.find((text) => text.includes(`on endpoint ${endpoint}`))!;
    assertStringIncludes(found, "A foreign pointer to Piece of shard 0 was lost to the garbage");
    assertStringIncludes(found, "outcome_tasks.ts"); // the stack of makeForeign()'s caller
  }
});

Deno.test("every row of the table of outcomes in the README names a test that is here", async () => {
  const documentation = await Deno.readTextFile(
    new URL("README.md", import.meta.url),
  );
  const here = await Deno.readTextFile(new URL(import.meta.url));
  const table = documentation.slice(documentation.indexOf("| what happens to the message"));
  const rows = table.slice(0, table.indexOf("\n\n")).split("\n").slice(2);
  assertEquals(rows.length, 20);
  for (const row of rows) {
    const name = row.split("|")[3]!.trim().replace(/ …$/, "");
    assertStringIncludes(here, `Deno.test("${name}`);
  }
});
