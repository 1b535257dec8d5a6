/** Runtimes that meet in one thread: each value with an identity is of one of them, and stays there. */
import { Runtime, shardedParameter } from "@tidepool/core";
import { assertEquals, assertNotEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { boxes, meetingTasks } from "./two_runtimes_tasks.ts";

const SMALL = { shards: 2, memory: "16MiB" };

Deno.test("what another runtime has given an identity is refused, and stays what it was", async () => {
  await using a = await Runtime.start(SMALL);
  await using b = await Runtime.start(SMALL);
  // Alike in number and name, so that what is taken for the other's is found there.
  await using bPointer = await b.submitTo(1, meetingTasks.open, "B's");
  await using bValue = await b.replicate("B's value");
  await using bService = await b.startSharded(boxes, "B's service");
  await using bCopied = await b.submitTo(1, meetingTasks.openShared, "B's shared");

  await using pointer = await a.submitTo(1, meetingTasks.open, "A's");
  await using shared = await a.submitTo(1, meetingTasks.openShared, "A's shared");
  await using copy = await shared.copy();
  using nothing = await a.submitTo(1, meetingTasks.openNull);
  await using value = await a.replicate("A's value");
  await using service = await a.startSharded(boxes, "A's service");
  const of = {
    "foreign pointer": [pointer, shared, copy, nothing],
    "reference to a foreign object": [pointer.get(), copy.get()],
    Sharded: [service, service.with({ timeoutMs: 1000 })],
    Replicated: [value],
  };
  const ways: Record<string, (sent: unknown) => Promise<unknown>> = {
    "alone": (sent) => b.submitTo(0, meetingTasks.take, sent),
    "to its own shard": (sent) => b.submitTo(1, meetingTasks.take, sent),
    "inside": (sent) => b.submitTo(0, meetingTasks.take, { deep: [new Map([["it", sent]])] }),
    "behind one of B's": (sent) => b.submitTo(0, meetingTasks.take, [bPointer, sent]),
    "with options": (sent) => b.submitTo(0, meetingTasks.take.with({ timeoutMs: 1e4 }), sent),
    "without reply": (sent) => b.submitTo(0, meetingTasks.take.with({ noReply: true }), sent),
    "to all": (sent) => b.invokeOnAll(meetingTasks.take, sent),
    "to a pointer's object": (sent) =>
      (bPointer.invoke as (method: string, ...args: unknown[]) => Promise<unknown>)("read", sent),
    "to a service": (sent) =>
      (bService.invokeOn as (...args: unknown[]) => Promise<unknown>)(1, "read", sent),
    "to a constructor": (sent) => b.startSharded(boxes, sent as string),
    "to a parameter": (sent) =>
      b.startSharded(boxes, shardedParameter(meetingTasks.take, sent) as unknown as string),
    "as a value": (sent) => b.replicate(sent),
    "as a new value": (sent) => bValue.set(sent as string),
  };
  for (const [kind, values] of Object.entries(of)) {
    for (const sent of values) {
      for (const [way, send] of Object.entries(ways)) {
        const error = await assertRejects(() => send(sent), TypeError, undefined, `${kind} ${way}`);
        // What moves is refused by calls to several shards whosever it is.
        const refusal = /^Cannot send .*(another runtime|to several shards)/.test(error.message);
        assertEquals(refusal, true, `${kind} ${way}: ${error.message}`);
      }
    }
  }
  assertEquals([pointer.isNull, bPointer.isNull], [false, false]);
  assertEquals(await a.submitTo(0, meetingTasks.readLent, "x" as never).catch(() => "ran"), "ran");
  assertEquals(await pointer.invoke("read"), "A's");
  assertEquals(await copy.invoke("read"), "A's shared");
  assertEquals(await bPointer.invoke("read"), "B's");
  assertEquals(await bCopied.invoke("read"), "B's shared");
  assertEquals(await value.read(), "A's value");
  assertEquals(await bValue.read(), "B's value");
  assertEquals(await service.map("read"), ["A's service", "A's service"]);
  assertEquals(await bService.map("read"), ["B's service", "B's service"]);
  for (const runtime of [a, b]) assertEquals(await runtime.submitTo(1, meetingTasks.gone), []);
});

Deno.test("a pointer that is taken over from another runtime is that one's", async () => {
  await using a = await Runtime.start(SMALL);
  await using b = await Runtime.start(SMALL);
  using pointer = await a.submitTo(1, meetingTasks.open, "A's");
  const other = await b.submitTo(1, meetingTasks.open, "B's");
  assertEquals(pointer.equals(other), false);
  pointer.assign(other); // A's object is destroyed at home
  assertEquals(await pointer.invoke("read"), "B's");
  await assertRejects(() => a.submitTo(0, meetingTasks.take, pointer), TypeError, "runtime");
  assertEquals(await b.submitTo(0, meetingTasks.read, pointer as never), "B's");
  assertEquals(pointer.isNull, true);
  assertEquals(await a.submitTo(1, meetingTasks.gone), ["A's"]);
});

Deno.test("what a runtime that has stopped gave out is refused by the next", async () => {
  const first = await Runtime.start(SMALL);
  const service = await first.startSharded(boxes, "old");
  await first.stop();
  await using next = await Runtime.start(SMALL);
  await using _ = await next.startSharded(boxes, "new");
  await assertRejects(() => next.submitTo(1, meetingTasks.service, service), TypeError, "runtime");
});

Deno.test("a shard that starts a runtime of its own is a host there, and a shard of the outer one", async () => {
  await using outer = await Runtime.start({ shards: 3, memory: "24MiB" });
  const value = await outer.replicate("outer");
  const service = await outer.startSharded(boxes, "outer");
  const seen = await outer.submitTo(2, meetingTasks.hostOfItsOwn, value, service);
  assertStringIncludes(seen.local, "Cannot read a local copy: the host has none");
  assertStringIncludes(seen.localService, "the host has none");
  assertStringIncludes(seen.refused, "Cannot send");
  assertStringIncludes(seen.refused, "of another runtime");
  const { local: _1, localService: _2, refused: _3, ...rest } = seen;
  assertEquals(rest, {
    thisThread: [true, 2],
    read: "inner",
    home: 0,
    version: 0,
    hasLocal: false,
    onShards: ["inner", "inner"],
    outer: ["outer", "outer"],
    replicatedThere: "inner",
    sentOut: "inner",
  });
});

Deno.test("a shard takes no struct of another runtime for its own, which it would free here", async () => {
  await using outer = await Runtime.start(SMALL);
  const { refusals, x } = await outer.submitTo(1, meetingTasks.ownAnothersStruct);
  for (const refusal of refusals) {
    assertStringIncludes(refusal, "TypeError: Cannot own the struct at");
    assertStringIncludes(refusal, "it lies in the segment of another runtime");
  }
  assertEquals(x, 7);
  outer.checkHeap(1);
  assertNotEquals(refusals.length, 0);
});
