/** What failed where nobody waits is told, however much of it there is and whatever comes between. */
import { Runtime, ShardCrashedError } from "@tidepool/core";
import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { failureTasks } from "./failure_tasks.ts";

const fail = failureTasks.fail.with({ noReply: true });

function start(): Promise<Runtime> {
  return Runtime.start({ shards: 3, memory: "12MiB", onCrash: "keep" });
}

function textsOf(error: AggregateError): string[] {
  return error.errors.map(String);
}

/** The texts of the first failures on `shard`. */
function failuresOn(shard: number, count: number): string[] {
  return Array.from({ length: count }, (_, n) => `RangeError: failure ${n} on ${shard}`);
}

Deno.test("of many calls without reply that fail, all are counted and the first 100 are told", async () => {
  await using runtime = await start();
  for (const count of [2, 99, 100]) {
    for (let n = 0; n < count; n++) await runtime.submitTo(1, fail, n);
    const error = await assertRejects(() => runtime.flush(), AggregateError);
    assertEquals(error.message, `${count} calls without reply have failed`);
    assertEquals(textsOf(error), failuresOn(1, count));
  }
  for (let n = 0; n < 1234; n++) await runtime.submitTo(1, fail, n);
  for (let n = 0; n < 150; n++) await runtime.submitTo(2, fail, n);
  const error = await assertRejects(() => runtime.flush(), AggregateError);
  assertEquals(error.message, "1384 calls without reply have failed; errors has 200 of them");
  assertEquals(textsOf(error), [...failuresOn(1, 100), ...failuresOn(2, 100)]);
  await runtime.flush(); // told once
});

Deno.test("a shard's calls without reply to itself and to others have one rule", async () => {
  await using runtime = await start();
  for (const shard of [0, 1]) {
    assertEquals(await runtime.submitTo(0, failureTasks.flushOf, shard, 1), failuresOn(shard, 1));
    assertEquals(
      await runtime.submitTo(0, failureTasks.flushOf, shard, 101),
      ["101 calls without reply have failed; errors has 100 of them", ...failuresOn(shard, 100)],
    );
  }
});

Deno.test("Runtime.stop() counts all that has failed and nobody has fetched", async () => {
  const runtime = await start();
  for (let n = 0; n < 150; n++) await runtime.submitTo(1, fail, n);
  await runtime.submitTo(0, failureTasks.call, 0, 150);
  await runtime.submitTo(0, failureTasks.call, 2, 1);
  const error = await assertRejects(() => runtime.stop(), AggregateError);
  assertEquals(
    error.message,
    "301 calls without reply, or services told to stop, have failed; errors has 201 of them",
  );
  assertEquals(
    textsOf(error),
    [...failuresOn(0, 100), ...failuresOn(1, 100), ...failuresOn(2, 1)],
  );
});

Deno.test("failures on a shard without memory are told, and pointers in them destroyed", async () => {
  await using runtime = await start();
  await runtime.submitTo(1, failureTasks.fill);
  for (let n = 0; n < 150; n++) await runtime.submitTo(1, fail, n);
  const error = await assertRejects(() => runtime.flush(), AggregateError);
  assertEquals(textsOf(error), failuresOn(1, 100));
  await runtime.submitTo(1, failureTasks.failWithPointer.with({ noReply: true }));
  await assertRejects(() => runtime.flush(), RangeError, "with a pointer");
  assertEquals(await runtime.submitTo(1, failureTasks.destroyed), "of a failure");
});

Deno.test("a shard that cannot be asked keeps back nothing of what others tell", async () => {
  const runtime = await start();
  await runtime.submitTo(2, failureTasks.die).catch(() => {});
  await runtime.closed.catch(() => {});
  const alone = await assertRejects(() => runtime.flush(), ShardCrashedError);
  assertEquals(alone.shard, 2);
  for (let n = 0; n < 3; n++) await runtime.submitTo(0, fail, n);
  const { message, errors } = await assertRejects(() => runtime.flush(), AggregateError);
  assertEquals(message, "4 calls without reply have failed");
  assertEquals(errors.slice(0, 3).map(String), failuresOn(0, 3));
  assertInstanceOf(errors[3], ShardCrashedError);
  await runtime.submitTo(1, failureTasks.die).catch(() => {});
  await runtime.submitTo(1, failureTasks.pass).catch(() => {});
  const several = await assertRejects(() => runtime.flush(), AggregateError);
  assert(
    several.message.startsWith(
      "2 of 3 shards cannot tell what calls without reply have thrown: ShardCrashedError: Shard 1",
    ),
    several.message,
  );
  await runtime.stop();
});

Deno.test("what calls of a shard have thrown elsewhere outlives the shard", async () => {
  const restarted = Promise.withResolvers<void>();
  const runtime = await Runtime.start({
    shards: 2,
    memory: "8MiB",
    onCrash: "restart",
    onRestart: () => restarted.resolve(),
  });
  await runtime.submitTo(0, failureTasks.call, 1, 2);
  await runtime.submitTo(1, failureTasks.pass);
  await runtime.submitTo(0, failureTasks.die).catch(() => {});
  await restarted.promise;
  await runtime.submitTo(0, failureTasks.call, 1, 1);
  const { errors } = await assertRejects(() => runtime.stop(), AggregateError);
  assertEquals(errors.map(String).sort(), [...failuresOn(1, 1), ...failuresOn(1, 2)].sort());
});

Deno.test("a warning of a shard without memory arrives", async () => {
  const warned = Promise.withResolvers<Error>();
  await using runtime = await Runtime.start({
    shards: 2,
    memory: "8MiB",
    onWarning: (warning) => warned.resolve(warning),
  });
  await runtime.submitTo(1, failureTasks.fill);
  await runtime.submitTo(1, failureTasks.warn, "a warning ".repeat(20));
  const warning = await warned.promise;
  assertInstanceOf(warning, RangeError);
  assertEquals(warning.message, "a warning ".repeat(20));
});

Deno.test("a warning that cannot travel whole arrives without what keeps it from that", async () => {
  const warned = Promise.withResolvers<Error>();
  await using runtime = await Runtime.start({
    shards: 1,
    memory: "8MiB",
    onWarning: (warning) => warned.resolve(warning),
  });
  await runtime.submitTo(0, failureTasks.warnOfFunction);
  const warning = await warned.promise;
  assertInstanceOf(warning, RangeError);
  assertEquals([warning.message, "n" in warning && warning.n], ["odd", 1]);
});

Deno.test("a warning is with the host when its runtime has stopped, whatever memory there is", async () => {
  for (const isFull of [false, true]) {
    const warnings: string[] = [];
    const runtime = await Runtime.start({
      shards: 1,
      memory: "8MiB",
      onWarning: ({ message }) => void warnings.push(message),
    });
    if (isFull) await runtime.submitTo(0, failureTasks.fill);
    await runtime.submitTo(0, failureTasks.warn.with({ noReply: true }), "late ".repeat(20));
    await runtime.stop();
    assertEquals(warnings, ["late ".repeat(20)]);
  }
});

Deno.test("Runtime.stop() tells every death of a shard that no call has told, and what failed besides", async () => {
  const runtime = await start();
  runtime.closed.catch(() => {});
  await runtime.submitTo(0, failureTasks.die).catch(() => {}); // told
  await runtime.submitTo(2, fail, 0);
  for (const shard of [1, 2]) {
    if (shard === 2) {
      await assertRejects(() => runtime.submitTo(0, failureTasks.pass), ShardCrashedError);
    }
    await runtime.submitTo(shard, failureTasks.die.with({ noReply: true }));
  }
  const gone = (shard: number) => runtime["endpoint"].bus.isGone(shard);
  const { promise, resolve } = Promise.withResolvers<void>();
  runtime["endpoint"].whenGone(() => void (gone(1) && gone(2) && resolve()));
  await promise;
  const { message, errors } = await assertRejects(() => runtime.stop(), AggregateError);
  assertEquals(
    message,
    "2 shards, calls without reply, or services told to stop, have failed",
  );
  assertEquals(errors.map(({ shard }) => shard).sort(), [1, 2]);
});
