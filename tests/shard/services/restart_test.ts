/** Services come back with their shard, before it takes a call; who calls meanwhile waits, or is told. */
import {
  BusyError,
  Runtime,
  type RuntimeOptions,
  ShardCrashedError,
  StoppedError,
  transfer,
} from "@tidepool/core";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertMatch,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { ShardRestartingError } from "../../../shard/mod.ts";
import { type Fate, fated, FATES, restartTasks, stores } from "./restart_tasks.ts";

function start(options: RuntimeOptions = {}): Promise<Runtime> {
  return Runtime.start({ shards: 3, memory: "12MiB", onCrash: "restart", ...options });
}

async function crash(runtime: Runtime, shard: number): Promise<void> {
  await assertRejects(() => runtime.submitTo(shard, restartTasks.die), ShardCrashedError);
}

/** An `onRestart` that waits until it is let go on. */
function gate() {
  const begun = Promise.withResolvers<void>();
  const open = Promise.withResolvers<void>();
  const onRestart = async () => {
    begun.resolve();
    await open.promise;
  };
  return { begun: begun.promise, open: () => open.resolve(), onRestart };
}

/** A runtime with a service that has a fate when its shard 1 comes back. */
async function startFated(fate: Fate, options: RuntimeOptions = {}) {
  const runtime = await start(options);
  const address = runtime["endpoint"].allocator.calloc(3, 4);
  const word = new Int32Array(runtime["endpoint"].buffer, address, 3);
  const service = await runtime.startSharded(fated, address);
  const decide = (next: Fate) => Atomics.store(word, 0, FATES.indexOf(next));
  decide(fate);
  Atomics.store(word, 1, 1);
  /** Resolves when init() has begun so often in all. */
  const begun = async (times: number) => {
    for (let seen = Atomics.load(word, 2); seen < times; seen = Atomics.load(word, 2)) {
      await Atomics.waitAsync(word, 2, seen).value;
    }
  };
  return { runtime, service, decide, begun };
}

Deno.test("services are made again in order, with their arguments, before the shard takes a call and before onRestart", async () => {
  const seen: string[][] = [];
  await using runtime = await start({
    onRestart: async (shard) => void seen.push(await runtime.submitTo(shard, restartTasks.log)),
  });
  const limits = await runtime.replicate(7, { home: 1 });
  const first = await runtime.startSharded(stores, "first", limits);
  const second = await runtime.submitTo(1, restartTasks.open, "second"); // its starter dies
  const gone = await runtime.startSharded(stores, "gone");
  await gone.stop();
  await limits.set(8);
  await crash(runtime, 1);
  const waiting = [first.invokeOn(1, "limit"), second.invokeOn(1, "add")];
  assertEquals(await Promise.all(waiting), [8, 1]);
  assertEquals(seen, [["new first", "init first", "new second", "init second"]]);
  assertEquals(await first.invokeOn(1, "peers"), [1, 2, 1]); // containerOf(), and its peers' state
});

Deno.test("with one shard, a service that a task has started comes back", async () => {
  await using runtime = await start({ shards: 1 });
  const service = await runtime.submitTo(0, restartTasks.open, "alone");
  await crash(runtime, 0);
  assertEquals(await service.invokeOn(0, "add"), 1);
  assertEquals(await runtime.submitTo(0, restartTasks.log), ["new alone", "init alone"]);
});

Deno.test("no call comes before init, from the host or from shards, through 20 restarts", async () => {
  let lives = 0;
  const runtime = await start({ restartTimeoutMs: 20_000 });
  const service = await runtime.startSharded(stores, "hammered");
  const address = runtime["endpoint"].allocator.calloc(1, 4);
  const word = new Int32Array(runtime["endpoint"].buffer, address, 1);
  const errors: string[] = [];
  const host = (async () => {
    while (Atomics.load(word, 0) === 0) {
      await service.invokeOn(1, "add").catch((error) => {
        if (!(error instanceof ShardCrashedError)) errors.push(String(error));
      });
    }
  })();
  const others = [0, 2].map((shard) =>
    runtime.submitTo(shard, restartTasks.hammer, service, 1, address)
  );
  const real = performance.now;
  try {
    for (; lives < 20; lives++) {
      performance.now = () => real.call(performance) + lives * 60_000; // five a minute are too many
      await runtime.submitTo(1, restartTasks.die).catch(() => {});
      await runtime.whenUp(1);
    }
  } finally {
    performance.now = real;
  }
  Atomics.store(word, 0, 1);
  assertEquals([errors, ...await Promise.all(others)], [[], [], []]);
  await host;
  await runtime.stop();
});

Deno.test("calls to a shard that opens wait in order; whenDown, a timeout and a signal end the wait", async () => {
  const { begun, open, onRestart } = gate();
  await using runtime = await start({ onRestart });
  await crash(runtime, 1);
  const note = restartTasks.note;
  const fails = note.with({ whenDown: "fail" });
  const early = await assertRejects(() => runtime.submitTo(1, fails, "no"), ShardRestartingError);
  assertEquals([early.shard, early.message], [
    1,
    "Shard 1 is being started again: the call was not made",
  ]);
  const calls = ["a", "b"].map((text) => runtime.submitTo(1, note, text));
  await begun;
  await assertRejects(() => runtime.submitTo(1, fails, "no"), ShardRestartingError);
  const late = note.with({ timeoutMs: 20, whenDown: "wait" });
  await assertRejects(() => runtime.submitTo(1, late, "no"), DOMException, "took too long");
  const abort = new AbortController();
  const given = runtime.submitTo(1, note.with({ signal: abort.signal }), "no");
  const stayed = runtime.submitTo(1, note.with({ signal: abort.signal, noReply: true }), "c");
  abort.abort(new RangeError("given up"));
  await assertRejects(() => given, RangeError, "given up");
  await assertRejects(() => stayed, RangeError, "given up");
  const quiet = runtime.submitTo(1, note.with({ noReply: true }), "d");
  const flushed = runtime.flush();
  open();
  await Promise.all([...calls, quiet, flushed]);
  assertEquals(await runtime.submitTo(1, restartTasks.log), ["a", "b", "d"]);
  assertThrows(
    () => note.with({ whenDown: "never" as "wait" }),
    TypeError,
    'a whenDown that is the text "never": expected "wait" or "fail"',
  );
});

Deno.test("Sharded.with({ whenDown }) asks not to wait, too", async () => {
  const { begun, open, onRestart } = gate();
  await using runtime = await start({ onRestart });
  const service = await runtime.startSharded(stores, "x");
  await crash(runtime, 1);
  await begun;
  const impatient = service.with({ whenDown: "fail" });
  await assertRejects(() => impatient.invokeOn(1, "add"), ShardRestartingError);
  await assertRejects(() => impatient.map("add"), ShardRestartingError);
  open();
  assertEquals(await service.invokeOn(1, "add"), 1);
});

Deno.test("as many calls wait for a shard as for room, and no more", async () => {
  const { begun, open, onRestart } = gate();
  await using runtime = await start({ onRestart });
  await crash(runtime, 1);
  await begun;
  const tick = restartTasks.tick;
  const calls = Array.from({ length: 65_536 }, () => runtime.submitTo(1, tick));
  await assertRejects(() => runtime.submitTo(1, tick), BusyError);
  open();
  await Promise.all(calls);
});

Deno.test("calls in onRestart pass, also more than have credit; what it leaves running waits in the next life", async () => {
  const seen: string[] = [];
  const { begun, open, onRestart } = gate();
  let left = Promise.resolve("");
  let go = () => {};
  let lives = 0;
  await using runtime = await start({
    ringSlots: 8,
    onRestart: async (shard) => {
      if (lives++ > 0) return await onRestart();
      const calls = Array.from({ length: 100 }, () => runtime.submitTo(shard, restartTasks.tick));
      await Promise.all(calls);
      seen.push("opened");
      const wait = Promise.withResolvers<void>();
      go = wait.resolve;
      left = wait.promise.then(() => {
        const fails = restartTasks.tick.with({ whenDown: "fail" });
        const call = runtime.submitTo(shard, fails);
        return call.then(() => "passed", (error) => error.name);
      });
    },
  });
  await crash(runtime, 1);
  await runtime.whenUp(1);
  assertEquals(seen, ["opened"]);
  await crash(runtime, 1);
  await begun;
  go();
  assertEquals(await left, "ShardRestartingError");
  open();
  await runtime.whenUp(1);
});

Deno.test("init may ask other shards", async () => {
  const { runtime, service } = await startFated("asks a peer");
  await crash(runtime, 1);
  assertEquals(await service.invokeOn(1, "id"), 1);
  assertEquals(await runtime.submitTo(1, restartTasks.log), ["answered 0"]);
  await runtime.stop();
});

Deno.test("an init that throws when its shard comes back is a crash with its cause, and six of them fail the runtime", async () => {
  const { runtime, service } = await startFated("throws");
  await crash(runtime, 1);
  const waiting = assertRejects(() => service.invokeOn(1, "id"), ShardCrashedError);
  const error = await assertRejects(() => runtime.closed, ShardCrashedError);
  assertEquals(
    error.message,
    "Shard 1 crashed: Error: Cannot start service Fated again on shard 1: SyntaxError: init does not like it here; it is not started again, as it has died too often",
  );
  await waiting;
  await assertRejects(() => runtime.whenUp(1), ShardCrashedError);
  await runtime.stop();
});

Deno.test("an init that throws once comes back with the next life", async () => {
  const { runtime, service, decide, begun } = await startFated("throws");
  await crash(runtime, 1);
  await begun(1);
  decide("is well");
  await runtime.whenUp(1);
  assertEquals(await service.invokeOn(1, "id"), 1);
  await runtime.stop();
});

Deno.test("an init that hangs is bounded by restartTimeoutMs, which names the service", async () => {
  const { runtime, service, decide, begun } = await startFated("hangs", { restartTimeoutMs: 2000 });
  await crash(runtime, 1);
  await begun(1);
  decide("is well");
  const error = await assertRejects(() => service.invokeOn(1, "id"), ShardCrashedError);
  assertEquals(
    error.message,
    "Shard 1 crashed: Error: Cannot open shard 1: service Fated had not started again after 2000 ms",
  );
  assertEquals(await service.invokeOn(1, "id"), 1);
  await runtime.stop();
});

Deno.test("an init that dies is the next death; who waits is told", async () => {
  const { runtime, service, decide, begun } = await startFated("dies");
  await crash(runtime, 1);
  const waiting = service.invokeOn(1, "id");
  waiting.catch(() => {});
  await begun(1);
  decide("is well");
  await assertRejects(() => waiting, ShardCrashedError, "closed itself");
  await runtime.whenUp(1);
  assertEquals(await service.invokeOn(1, "id"), 1);
  await runtime.stop();
});

Deno.test("a shard that dies in onRestart gets another one, and the first does not count", async () => {
  let calls = 0;
  await using runtime = await start({
    onRestart: async (shard) => {
      if (++calls > 1) return;
      await runtime.submitTo(shard, restartTasks.die).catch(() => {});
      await new Promise(() => {}); // nobody waits for it
    },
  });
  await crash(runtime, 1);
  await runtime.whenUp(1);
  assertEquals([calls, await runtime.submitTo(1, restartTasks.whoAmI)], [2, 1]);
});

Deno.test("a service that is started, and one that is stopped, while a shard opens", async () => {
  const { begun, open, onRestart } = gate();
  await using runtime = await start({ onRestart });
  const former = await runtime.startSharded(stores, "former");
  await crash(runtime, 1);
  await begun;
  const starting = runtime.startSharded(stores, "new");
  const fromShard = runtime.submitTo(0, restartTasks.open, "of shard 0");
  const stopping = former.stop();
  open();
  const [service, other] = await Promise.all([starting, fromShard]);
  await stopping;
  assertEquals(await service.map("add"), [1, 1, 1]);
  assertEquals(await other.map("add"), [1, 1, 1]);
  await assertRejects(() => former.invokeOn(1, "add"), Error, "shard 1 has none of");
  await crash(runtime, 1);
  assertEquals(await service.invokeOn(1, "add"), 1);
  await assertRejects(() => former.invokeOn(1, "add"), Error, "shard 1 has none of");
});

Deno.test("two shards come back at once, with values of both homes and their services", async () => {
  await using runtime = await start();
  const limits = await Promise.all([1, 2].map((home) => runtime.replicate(home * 10, { home })));
  const services = await Promise.all(
    limits.map((limit) => runtime.startSharded(stores, "s", limit)),
  );
  await Promise.all([crash(runtime, 1), crash(runtime, 2)]);
  for (const [i, service] of services.entries()) {
    assertEquals(await service.map("limit"), [0, 1, 2].map(() => (i + 1) * 10));
  }
});

Deno.test("what a waiting call hands over arrives; a pointer in one that is given up is destroyed at home", async () => {
  const { begun, open, onRestart } = gate();
  await using runtime = await start({ onRestart });
  const [kept, lost] = [
    await runtime.submitTo(0, restartTasks.makeItem),
    await runtime.submitTo(0, restartTasks.makeItem),
  ];
  await crash(runtime, 1);
  const buffer = new ArrayBuffer(1000);
  const handedOver = runtime.submitTo(1, restartTasks.bytes, transfer(buffer));
  assertEquals(buffer.byteLength, 0);
  await begun;
  const openingToo = runtime.submitTo(1, restartTasks.bytes, transfer(new ArrayBuffer(2000)));
  const arrives = runtime.submitTo(1, restartTasks.take, kept);
  const abort = new AbortController();
  const given = runtime.submitTo(1, restartTasks.take.with({ signal: abort.signal }), lost);
  assert(kept.isNull && lost.isNull);
  abort.abort();
  await assertRejects(() => given, DOMException);
  while (!(await runtime.submitTo(0, restartTasks.log)).includes("destroyed")) continue;
  open();
  assertEquals(await Promise.all([handedOver, openingToo, arrives]), [1000, 2000, false]);
});

Deno.test("a shard that dies while its call waits for another: the call is not made", async () => {
  const { begun, open, onRestart } = gate();
  let lives = 0;
  await using runtime = await start({ onRestart: () => lives++ === 0 ? onRestart() : undefined });
  await crash(runtime, 1);
  await begun;
  await assertRejects(() => runtime.submitTo(0, restartTasks.callAndDie, 1), ShardCrashedError);
  await runtime.whenUp(0); // its life begins while shard 1 opens: it waits like the others
  const fails = restartTasks.tick.with({ whenDown: "fail" });
  await assertRejects(() => runtime.submitTo(1, fails), ShardRestartingError);
  open();
  await runtime.whenUp(1);
  assertEquals(await runtime.submitTo(1, restartTasks.log), []);
});

Deno.test("stop() and abort() end every wait, in every order", async () => {
  for (const end of ["stop", "abort"] as const) {
    for (const first of ["death", "opening"] as const) {
      const { begun, onRestart } = gate();
      const runtime = await start({ onRestart });
      await crash(runtime, 1);
      if (first === "opening") await begun;
      const waits = [runtime.submitTo(1, restartTasks.tick), runtime.whenUp(1)];
      const outcomes = Promise.allSettled(waits);
      if (end === "stop") await runtime.stop({ deadlineMs: 100 });
      else runtime.abort();
      for (const outcome of await outcomes) {
        assert(outcome.status === "rejected");
        assertInstanceOf(outcome.reason, StoppedError);
      }
      await assertRejects(() => runtime.whenUp(1), StoppedError);
    }
  }
});

Deno.test("whenUp(): at once, never, and of no shard", async () => {
  await using runtime = await start();
  await runtime.whenUp(1);
  await assertRejects(() => runtime.whenUp(3), RangeError, "shards 0 to 2");
  await using keeper = await start({ onCrash: "keep" });
  keeper.closed.catch(() => {});
  await crash(keeper, 1);
  await assertRejects(() => keeper.whenUp(1), ShardCrashedError);
  await keeper.whenUp(0);
});

Deno.test("two runtimes in one thread: the context of one opening opens nothing of the other", async () => {
  const { begun, open, onRestart } = gate();
  await using other = await start({ onRestart });
  await crash(other, 1);
  await begun;
  const outcome = Promise.withResolvers<string>();
  await using runtime = await start({
    onRestart: async (shard) => {
      const fails = restartTasks.tick.with({ timeoutMs: 20 });
      await other.submitTo(shard, fails).then(
        () => outcome.resolve("passed"),
        (error) => outcome.resolve(error.name),
      );
    },
  });
  await crash(runtime, 1);
  assertEquals(await outcome.promise, "TimeoutError");
  open();
  await other.whenUp(1);
});

Deno.test("a bound for openings that is not a valid time is refused", async () => {
  for (const restartTimeoutMs of [0, -1, NaN, Infinity]) {
    const error = await assertRejects(() => start({ restartTimeoutMs }), RangeError);
    assertMatch(error.message, /^Cannot start shards again within .* ms: expected more than 0/);
  }
  const error = await assertRejects(
    () => start({ restartTimeoutMs: "1" as unknown as number }),
    TypeError,
  );
  assertStringIncludes(error.message, "restartTimeoutMs");
});

Deno.test("room() of a shard that is down counts the calls that wait for it; that of its onRestart waits for none of them", async () => {
  const begun = Promise.withResolvers<void>();
  const open = Promise.withResolvers<void>();
  const tick = restartTasks.tick;
  await using runtime = await start({
    onRestart: async (shard) => {
      begun.resolve();
      await open.promise;
      await runtime.room(shard);
      await runtime.submitTo(shard, tick);
    },
  });
  await crash(runtime, 1);
  await begun.promise;
  const calls = Array.from({ length: 65_535 }, () => runtime.submitTo(1, tick));
  await runtime.room(1);
  const giveUp = new AbortController();
  const last = runtime.submitTo(1, tick.with({ signal: giveUp.signal }));
  let went = 0;
  const crowd = [1, 2, 3].map(async () => {
    await runtime.room(1);
    went++;
    await runtime.submitTo(1, tick);
  });
  await runtime.submitTo(0, tick); // turns go by
  assertEquals(went, 0);
  giveUp.abort();
  await assertRejects(() => last, DOMException);
  await runtime.submitTo(0, tick);
  assertEquals(went, 1);
  open.resolve();
  await Promise.all([...calls, ...crowd]);
});

Deno.test("nothing that onRestart asks of its shard waits for it, or is refused: whenUp(), whenDown, mapSettled()", async () => {
  const seen: unknown[] = [];
  const { whoAmI } = restartTasks;
  await using runtime = await start({
    onRestart: async (shard) => {
      await runtime.whenUp(shard);
      seen.push(await runtime.submitTo(shard, whoAmI.with({ whenDown: "fail" })));
      for (const { status } of await runtime.mapSettled(whoAmI)) seen.push(status);
      for (const { status } of await service.mapSettled("add")) seen.push(status);
    },
  });
  const service = await runtime.startSharded(stores, "x");
  await crash(runtime, 1);
  await runtime.whenUp(1);
  assertEquals(seen, [1, ...Array(6).fill("fulfilled")]);
});

for (const how of ["mapSettled", "whenUp", "whenDown"] as const) {
  Deno.test(`a death that ${how} has told of is not told again by stop()`, async () => {
    const runtime = await start({ onCrash: "keep" });
    await runtime.submitTo(1, restartTasks.die.with({ noReply: true }));
    await assertRejects(() => runtime.closed, ShardCrashedError);
    const ask = {
      mapSettled: async () => {
        const outcomes = await runtime.mapSettled(restartTasks.tick);
        throw outcomes.find((outcome) => outcome.status === "rejected")?.reason;
      },
      whenUp: () => runtime.whenUp(1),
      whenDown: () => runtime.submitTo(1, restartTasks.tick.with({ whenDown: "fail" })),
    }[how];
    await assertRejects(ask, ShardCrashedError);
    await runtime.stop();
  });
}

Deno.test("a shard comes back also when all room in the ring to another is taken by calls that wait for it", async () => {
  const { begun, open, onRestart } = gate();
  await using runtime = await start({ ringSlots: 8, restartTimeoutMs: 5000, onRestart });
  await crash(runtime, 1);
  await begun;
  await crash(runtime, 2);
  const relayed = [1, 2].flatMap((shard) =>
    Array.from({ length: 20 }, () => runtime.submitTo(0, restartTasks.relay, shard))
  );
  open();
  assertEquals(await Promise.all(relayed), [...Array(20).fill(1), ...Array(20).fill(2)]);
});
