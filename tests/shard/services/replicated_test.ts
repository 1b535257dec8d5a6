/** Values with a copy on every shard: who reads what, and when. */
import {
  makeForeign,
  MessageMemoryError,
  NoReplicaError,
  replicate,
  Runtime,
  type RuntimeOptions,
  ShardCrashedError,
  StoppedError,
} from "@tidepool/core";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { type List, replicatedTasks } from "./replicated_tasks.ts";
import { outcomeTasks } from "../../foreign/outcome_tasks.ts";

function start(options: RuntimeOptions = {}): Promise<Runtime> {
  return Runtime.start({ shards: 3, memory: "12MiB", ...options });
}

/** Ends a shard's thread. */
async function crash(runtime: Runtime, shard: number): Promise<void> {
  await assertRejects(() => runtime.submitTo(shard, replicatedTasks.exit), ShardCrashedError);
}

Deno.test("every shard reads its copy without a message, the host asks the home", async () => {
  await using runtime = await start();
  await using list = await runtime.replicate<List>(["a"], { home: 1 });
  assertEquals(list.home, 1);
  for (let shard = 0; shard < 3; shard++) {
    const before = runtime.busStatistics(shard).callsSent;
    assertEquals(await runtime.submitTo(shard, replicatedTasks.local, list), ["a"]);
    assertEquals(runtime.busStatistics(shard).callsSent, before);
  }
  assertEquals(await list.read(), ["a"]);
  assertEquals(list.version, 0);
  assertThrows(
    () => list.local(),
    TypeError,
    "the host has none, as it is not a shard; use read()",
  );
});

Deno.test("a shard makes one too, and is its home", async () => {
  await using runtime = await start();
  const list = await runtime.submitTo(2, replicatedTasks.make, ["made"]);
  assertEquals(list.home, 2);
  assertEquals(await runtime.submitTo(0, replicatedTasks.read, list), ["made"]);
  const other = await runtime.submitTo(2, replicatedTasks.make, ["other"]);
  assertEquals(await runtime.submitTo(1, replicatedTasks.local, list), ["made"]);
  assertEquals(await runtime.submitTo(1, replicatedTasks.local, other), ["other"]);
});

Deno.test("set() and update() resolve when every shard has the new version", async () => {
  await using runtime = await start();
  const list = await runtime.replicate<List>(["a"]);
  await list.set(["b"]);
  for (let shard = 0; shard < 3; shard++) {
    assertEquals(await runtime.submitTo(shard, replicatedTasks.local, list), ["b"]);
  }
  await list.update(replicatedTasks.append, "c");
  for (let shard = 0; shard < 3; shard++) {
    assertEquals(await runtime.submitTo(shard, replicatedTasks.local, list), ["b", "c"]);
    assertEquals(await runtime.submitTo(shard, replicatedTasks.version, list), 3);
  }
  assertEquals(await runtime.submitTo(2, replicatedTasks.setFrom, list, ["d"]), "d");
});

Deno.test("changes that overlap are made in the order in which they reach the home", async () => {
  await using runtime = await start();
  const list = await runtime.replicate<List>([], { home: 1 });
  const address = await runtime.submitTo(1, replicatedTasks.word);
  const done: string[] = [];
  const changes = [
    list.update(replicatedTasks.appendSlowly, "slow", address).then(() => done.push("slow")),
    list.update(replicatedTasks.append, "quick").then(() => done.push("quick")),
    list.set(["set"]).then(() => done.push("set")),
    list.update(replicatedTasks.append, "last").then(() => done.push("last")),
  ];
  await runtime.submitTo(1, replicatedTasks.tick); // all have reached it
  assertEquals(done, []);
  assertEquals(await runtime.submitTo(2, replicatedTasks.local, list), []);
  await runtime.submitTo(1, replicatedTasks.letGo, address);
  await Promise.all(changes);
  assertEquals(done, ["slow", "quick", "set", "last"]);
  for (let shard = 0; shard < 3; shard++) {
    assertEquals(await runtime.submitTo(shard, replicatedTasks.local, list), ["set", "last"]);
  }
});

Deno.test("no change is lost, whoever makes it, and no copy goes back or is read in part", async () => {
  await using runtime = await start();
  const list = await runtime.replicate<List>([], { home: 2 });
  const shards = [0, 1, 2];
  const watching = shards.map((shard) => runtime.submitTo(shard, replicatedTasks.watch, list, 241));
  const missing = await Promise.all(
    shards.map((shard) =>
      runtime.submitTo(shard, replicatedTasks.appendEach, list, `${shard} `, 80)
    ),
  );
  assertEquals(missing, [[], [], []]);
  for (const seen of await Promise.all(watching)) {
    assertEquals(seen, seen.toSorted((a, b) => a - b));
  }
  const whole = await list.read();
  assertEquals(whole.length, 240);
  for (const shard of shards) {
    assertEquals(await runtime.submitTo(shard, replicatedTasks.local, list), whole);
    // What one shard has asked for comes in its order.
    assertEquals(
      whole.filter((item) => item.startsWith(`${shard} `)),
      Array.from({ length: 80 }, (_, i) => `${shard} ${i}`),
    );
  }
});

Deno.test("a change that fails changes nothing, and stops none behind it", async () => {
  await using runtime = await start();
  const list = await runtime.replicate<List>(["a"]);
  const failing = assertRejects(
    () => list.update(replicatedTasks.refuse, "not today"),
    RangeError,
    "not today",
  );
  const functions = assertRejects(
    () => list.update(replicatedTasks.giveFunction),
    TypeError,
    "arguments[0][0]",
  );
  await list.update(replicatedTasks.append, "b");
  await Promise.all([failing, functions]);
  for (let shard = 0; shard < 3; shard++) {
    assertEquals(await runtime.submitTo(shard, replicatedTasks.local, list), ["a", "b"]);
    assertEquals(await runtime.submitTo(shard, replicatedTasks.version, list), 2);
  }
});

Deno.test("a value that cannot travel, or moves, is refused before anything happens", async () => {
  await using runtime = await start();
  const list = await runtime.replicate<unknown>(["a"]);
  await assertRejects(() => list.set([() => 1]), TypeError, "arguments[0][0]");
  await assertRejects(() => runtime.replicate({ f: Symbol() }), TypeError, "arguments[0].f");
  await using pointer = await runtime.submitTo(1, outcomeTasks.open, "unique");
  await assertRejects(() => list.set({ pointer }), TypeError, "holds a ForeignPtr");
  await assertRejects(() => runtime.replicate({ pointer }), TypeError, "holds a ForeignPtr");
  assert(!pointer.isNull);
  await assertRejects(() => runtime.replicate(1, { home: 3 }), RangeError, "shards 0 to 2");
  await assertRejects(() => replicate(1), TypeError, "This thread is not a shard");
  assertEquals(await list.read(), ["a"]);
  assertThrows(() => makeForeign({}), TypeError); // the host owns nothing
});

Deno.test("names of replicated values are values: one can be in another", async () => {
  await using runtime = await start();
  const inner = await runtime.replicate<List>(["inner"], { home: 1 });
  const outer = await runtime.replicate({ inner }, { home: 2 });
  const { inner: found } = await outer.read();
  assertEquals(found.home, 1);
  assertEquals(await found.read(), ["inner"]);
});

Deno.test("a value that the home cannot send to all: it says so, and the next change mends it", async () => {
  await using runtime = await start();
  const list = await runtime.replicate<List>(["a"], { home: 1 });
  await assertRejects(() => list.update(replicatedTasks.grow), MessageMemoryError);
  assertEquals(await runtime.submitTo(0, replicatedTasks.local, list), ["a"]);
  await list.set(["b"]);
  for (let shard = 0; shard < 3; shard++) {
    assertEquals(await runtime.submitTo(shard, replicatedTasks.local, list), ["b"]);
    assertEquals(await runtime.submitTo(shard, replicatedTasks.version, list), 3);
  }
});

Deno.test("a shard that is started again has the value before it takes a call, also during a change", async () => {
  const restarted = Promise.withResolvers<void>();
  await using runtime = await start({ onCrash: "restart", onRestart: () => restarted.resolve() });
  const list = await runtime.replicate<List>(["a"], { home: 1 });
  const address = await runtime.submitTo(1, replicatedTasks.word);
  // The home is busy with a change when the shard comes back: its copy does not wait for that.
  const changing = list.update(replicatedTasks.appendSlowly, "b", address);
  await crash(runtime, 2);
  const early = runtime.submitTo(2, replicatedTasks.localOrError, list); // waits for the next life
  assertEquals(await early, "a");
  await restarted.promise;
  await runtime.submitTo(1, replicatedTasks.letGo, address);
  await changing;
  await list.update(replicatedTasks.append, "c");
  for (let shard = 0; shard < 3; shard++) {
    assertEquals(await runtime.submitTo(shard, replicatedTasks.local, list), ["a", "b", "c"]);
  }
});

Deno.test("a shard dies during a change: the others have it, and nobody waits for the dead", async () => {
  const restarted = Promise.withResolvers<void>();
  await using runtime = await start({ onCrash: "restart", onRestart: () => restarted.resolve() });
  const list = await runtime.replicate<List>([]);
  const dying = crash(runtime, 1);
  const changes = Array.from({ length: 50 }, (_, i) => list.update(replicatedTasks.append, `${i}`));
  await Promise.all([dying, ...changes]);
  const whole = Array.from({ length: 50 }, (_, i) => `${i}`);
  assertEquals(await runtime.submitTo(0, replicatedTasks.local, list), whole);
  assertEquals(await runtime.submitTo(2, replicatedTasks.local, list), whole);
  await restarted.promise;
  await list.update(replicatedTasks.append, "more");
  assertEquals(await runtime.submitTo(1, replicatedTasks.read, list), [...whole, "more"]);
});

Deno.test("the home is started again: it has the value from the others, and goes on to change it", async () => {
  await using runtime = await start({ onCrash: "restart" });
  const list = await runtime.replicate<List>(["old"], { home: 1 });
  const stopped = await runtime.replicate<List>(["stopped"], { home: 1 });
  await stopped.stop();
  await crash(runtime, 1);
  assertEquals(await runtime.submitTo(0, replicatedTasks.local, list), ["old"]);
  assertEquals(await runtime.submitTo(1, replicatedTasks.local, list), ["old"]);
  await list.update(replicatedTasks.append, "new");
  for (let shard = 0; shard < 3; shard++) {
    assertEquals(await runtime.submitTo(shard, replicatedTasks.local, list), ["old", "new"]);
  }
  await assertRejects(() => stopped.read(), NoReplicaError, "it was stopped, or was lost");
  // The home's new life counts from the start, and its values are others all the same.
  const fresh = await runtime.replicate<List>(["fresh"], { home: 1 });
  assertEquals(await list.read(), ["old", "new"]);
  assertEquals(await runtime.submitTo(0, replicatedTasks.local, fresh), ["fresh"]);
  await list.stop();
  await assertRejects(() => list.read(), NoReplicaError);
});

Deno.test("a value whose only shard dies is lost, and says so", async () => {
  await using runtime = await start({ shards: 1, onCrash: "restart" });
  const list = await runtime.replicate<List>(["a"]);
  await crash(runtime, 0);
  const said = await runtime.submitTo(0, replicatedTasks.localOrError, list);
  assertEquals(
    said,
    "NoReplicaError 0: Cannot read the copy of shard 0: the value was stopped, or was lost when its home died",
  );
  await assertRejects(() => list.set(["b"]), NoReplicaError, "was lost when the shard died");
});

Deno.test("stop() lets changes finish, then nobody reads or changes the value; twice is once", async () => {
  await using runtime = await start();
  const list = await runtime.replicate<List>([], { home: 1 });
  const address = await runtime.submitTo(1, replicatedTasks.word);
  const changing = list.update(replicatedTasks.appendSlowly, "last", address);
  const stopping = list.stop();
  await assertRejects(() => list.set(["late"]), NoReplicaError, "it was stopped");
  await runtime.submitTo(1, replicatedTasks.letGo, address);
  await Promise.all([changing, stopping]);
  await list.stop();
  for (let shard = 0; shard < 3; shard++) {
    const said = await runtime.submitTo(shard, replicatedTasks.localOrError, list);
    assert(said.startsWith(`NoReplicaError ${shard}: `), said);
  }
  await assertRejects(() => list.read(), NoReplicaError);
});

Deno.test("the runtime stops while changes are under way: they are made", async () => {
  const runtime = await start();
  const list = await runtime.replicate<List>([], { home: 1 });
  const changes = Array.from({ length: 20 }, (_, i) => list.update(replicatedTasks.append, `${i}`));
  await Promise.all([...changes, runtime.stop()]);
});

Deno.test("runtime.replicate() is refused once the runtime was told to stop", async () => {
  const runtime = await start();
  const stopping = runtime.stop();
  await assertRejects(() => runtime.replicate(1), StoppedError, "has been told to stop");
  await stopping;
  await assertRejects(() => runtime.replicate(1), StoppedError, "has been told to stop");
});
