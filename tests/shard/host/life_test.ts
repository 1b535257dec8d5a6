/** Shards that die and come back, and runtimes that end at once. */
import { Runtime, type RuntimeOptions, ShardCrashedError, StoppedError } from "@tidepool/core";
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
} from "@std/assert";
import { LOCK_STOLEN } from "../../../shard/worker/life_lock.ts";
import { busTasks } from "../bus/bus_tasks.ts";
import { probeTasks } from "../../foreign/probe_tasks.ts";

/** Starts a runtime whose `restarted()` resolves at the next restart. */
async function startAgain(options: Partial<RuntimeOptions> = {}) {
  let next = Promise.withResolvers<[number, unknown]>();
  const runtime = await Runtime.start({
    shards: 3,
    memory: "16MiB",
    onCrash: "restart",
    onRestart: (shard, cause) => next.resolve([shard, cause]),
    ...options,
  });
  return {
    runtime,
    async restarted(): Promise<[number, unknown]> {
      const told = await next.promise;
      next = Promise.withResolvers();
      return told;
    },
  };
}

Deno.test('onCrash "restart" starts a shard again, empty, and everyone can call it', async () => {
  const { runtime, restarted } = await startAgain();
  await using _ = runtime;
  await runtime.submitTo(1, busTasks.note, 7);
  await runtime.submitTo(1, busTasks.echo, "a block".repeat(1000));
  const elsewhere = runtime.submitTo(0, busTasks.callPeer, 1);
  await runtime.submitTo(0, busTasks.id); // its call has gone: one made later would wait for the next life
  await assertRejects(() => runtime.submitTo(1, busTasks.crash, "throw"), ShardCrashedError);
  const [shard, cause] = await restarted();
  assertEquals(shard, 1);
  assert(cause instanceof RangeError);
  assertStringIncludes(await elsewhere, "Shard 1 crashed");
  assertEquals(await runtime.submitTo(1, busTasks.notes), []); // a new life
  assertEquals(await runtime.submitTo(1, busTasks.add, 1, 2), 3);
  assertEquals(await runtime.submitTo(0, busTasks.relay, 30, 0), 30); // through every shard
  assertEquals(await runtime.submitTo(1, busTasks.echo, "x".repeat(5000)), "x".repeat(5000));
});

for (const how of ["throw", "reject", "close", "exit"] as const) {
  Deno.test(`a shard that dies by ${how} in the middle of a storm comes back`, async () => {
    const { runtime, restarted } = await startAgain();
    await using _ = runtime;
    const floods = [0, 2].map((shard) =>
      runtime.submitTo(shard, busTasks.flood, 2000).catch((error: unknown) => error)
    );
    await assertRejects(() => runtime.submitTo(1, busTasks.crash, how), ShardCrashedError);
    const [shard] = await restarted();
    assertEquals(shard, 1);
    for (const outcome of await Promise.all(floods)) { // finished before it, or were told
      if (typeof outcome !== "number") assert(outcome instanceof ShardCrashedError);
    }
    const sum = 3 * (2000 * 2001) / 2;
    for (const shard of [0, 1, 2]) {
      assertEquals(await runtime.submitTo(shard, busTasks.flood, 2000), sum);
    }
    await runtime.stop();
    for (const shard of [0, 1, 2]) runtime.checkHeap(shard);
  });
}

Deno.test("a crashed shard counts as dead when its thread has ended, not before", async () => {
  const { runtime, restarted } = await startAgain();
  await using _ = runtime;
  const { allocator } = runtime["endpoint"];
  const counter = allocator.calloc(1, 4);
  const word = new Int32Array(allocator.buffer, counter, 1);
  const most = 100_000_000;
  const crash = runtime.submitTo(1, busTasks.crashSlowly, counter, most);
  await assertRejects(() => crash, ShardCrashedError);
  assertEquals(word[0], most);
  await restarted();
  allocator.free(counter);
});

/** Takes the life lock of a shard, as code that clears up all locks might, and gives it back. */
async function stealLifeLock(shard: number): Promise<void> {
  const { locks } = navigator as unknown as {
    readonly locks: {
      query(): Promise<{ readonly held: readonly { readonly name: string }[] }>;
      request(name: string, options: { steal: true }, whenHeld: () => void): Promise<void>;
    };
  };
  const { held } = await locks.query();
  for (const { name } of held.filter((lock) => lock.name.startsWith(`tidepool shard ${shard}`))) {
    await locks.request(name, { steal: true }, () => {});
  }
}

Deno.test("a shard whose life lock is stolen is started again, but not before its thread has ended", async () => {
  const { runtime, restarted } = await startAgain();
  await using _ = runtime;
  const { allocator } = runtime["endpoint"];
  const counter = allocator.calloc(1, 4);
  const word = new Int32Array(allocator.buffer, counter, 1);
  const most = 50_000_000;
  const call = runtime.submitTo(1, busTasks.countTo, counter, most);
  while (Atomics.load(word, 0) === 0) await runtime.submitTo(0, busTasks.id);
  await stealLifeLock(1);
  assert(Atomics.load(word, 0) < most);
  // Its reply may still have come through.
  await call.catch((error: unknown) => assert(error instanceof ShardCrashedError));
  const [shard, cause] = await restarted();
  assertEquals([shard, String(cause)], [1, `Error: ${LOCK_STOLEN}`]);
  assertEquals(word[0], most);
  assertEquals(await runtime.submitTo(1, busTasks.add, 1, 2), 3);
  allocator.free(counter);
});

Deno.test("a shard that keeps crashing fails the runtime", async () => {
  const { runtime, restarted } = await startAgain({ shards: 1 });
  for (let crash = 0; crash < 5; crash++) {
    await assertRejects(() => runtime.submitTo(0, busTasks.crash, "throw"), ShardCrashedError);
    await restarted();
  }
  await assertRejects(() => runtime.submitTo(0, busTasks.crash, "throw"), ShardCrashedError);
  await assertRejects(() => runtime.closed, ShardCrashedError);
  await assertRejects(() => runtime.submitTo(0, busTasks.id), ShardCrashedError);
  await runtime.stop();
});

Deno.test("an onRestart that throws fails the runtime", async () => {
  const { runtime } = await startAgain({
    onRestart: () => {
      throw new SyntaxError("cannot put it back");
    },
  });
  await assertRejects(() => runtime.submitTo(1, busTasks.crash, "throw"), ShardCrashedError);
  const text = "Cannot restore shard 1, which had died of";
  const error = await assertRejects(() => runtime.closed, Error, text);
  assertMatch(error.message, /: onRestart threw SyntaxError: cannot put it back$/);
  assert(error.cause instanceof SyntaxError);
  assertStrictEquals(await runtime.submitTo(0, busTasks.id).catch((told) => told), error);
  await runtime.stop();
});

Deno.test("a foreign pointer into a former life fails", async () => {
  const { runtime, restarted } = await startAgain();
  await using _ = runtime;
  const pointer = await runtime.submitTo(1, probeTasks.open, "of the first life");
  await assertRejects(() => runtime.submitTo(1, busTasks.crash, "close"), ShardCrashedError);
  await restarted();
  const other = await runtime.submitTo(1, probeTasks.open, "of the second life");
  await assertRejects(() => pointer.invoke("where"), ReferenceError);
  assertEquals(await other.invoke("where"), 1);
  await other.destroy();
  pointer[Symbol.dispose]();
});

Deno.test("Runtime.stop() during a restart waits for it", async () => {
  const { runtime } = await startAgain();
  await assertRejects(() => runtime.submitTo(1, busTasks.crash, "throw"), ShardCrashedError);
  await runtime.stop();
  await runtime.closed;
});

Deno.test("Runtime.abort() ends everything at once", async () => {
  const runtime = await Runtime.start({ shards: 2, memory: "16MiB" });
  const never = runtime.submitTo(0, busTasks.never);
  never.catch(() => {});
  runtime.abort();
  await assertRejects(() => never, StoppedError, "aborted");
  await assertRejects(() => runtime.submitTo(1, busTasks.id), StoppedError, "aborted");
  await assertRejects(() => runtime.closed, StoppedError);
  await runtime.stop();
});

Deno.test("the watchdog takes an endless loop for a crash, and lets busy and idle shards be", async () => {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    // In a process of its own: Deno cannot end a thread that never yields, nor a process with one.
    args: [
      "run",
      "--no-check",
      "--allow-read",
      new URL("./programs/stuck.ts", import.meta.url).href,
    ],
    signal: AbortSignal.timeout(20_000), // only to fail instead of hanging
  }).output();
  assertEquals(new TextDecoder().decode(stderr), "");
  assertEquals(
    new TextDecoder().decode(stdout),
    "idle 3\nShardCrashedError: Shard 1 crashed: Error: its thread has not come back to its event loop for 200 ms\n",
  );
  assertEquals(code, 0);
});

/** Runs a program of programs/, which must end well, with nothing printed but `text`. */
async function assertPrints(program: string, text: string): Promise<void> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-check",
      "--allow-read",
      new URL(`./programs/${program}.ts`, import.meta.url).href,
    ],
    signal: AbortSignal.timeout(20_000), // only to fail instead of hanging
  }).output();
  const decoder = new TextDecoder();
  assertEquals([decoder.decode(stderr), decoder.decode(stdout), code], ["", text, 0]);
}

Deno.test("a stuck shard is not started again: its thread could write to the new slice", async () => {
  await assertPrints(
    "stuck_restart",
    "Error: Cannot start shard 1 again: its thread does not end, and may write to its slice at any time\n" +
      "Error: its thread has not come back to its event loop for 200 ms\n",
  );
});

Deno.test("Runtime.stop() does not wait for a restart that a stuck shard has prevented", async () => {
  await assertPrints(
    "stuck_peer",
    "ShardCrashedError: Shard 2 crashed: RangeError: thrown outside of a task\n" +
      "Error: Cannot start shard 1 again: its thread does not end, and may write to its slice at any time\n" +
      "stopped\n",
  );
});

Deno.test("a death that nobody hears of is a warning, where there is no onRestart", async () => {
  const warned = Promise.withResolvers<Error>();
  await using runtime = await Runtime.start({
    shards: 1,
    memory: "4MiB",
    onCrash: "restart",
    onWarning: warned.resolve,
  });
  await runtime.submitTo(0, busTasks.crashLater);
  const warning = await warned.promise;
  assert(warning instanceof ShardCrashedError);
  assertEquals([warning.message, warning.shard], ["Shard 0 crashed: Error: after the reply", 0]);
  await runtime.whenUp(0);
});
