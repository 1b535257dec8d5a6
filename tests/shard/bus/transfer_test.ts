import { Runtime, transfer } from "@tidepool/core";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { transferTasks } from "./transfer_tasks.ts";

function start(shards = 2): Promise<Runtime> {
  return Runtime.start({ shards, memory: "16MiB" });
}

Deno.test("transfer() hands a buffer over, to a shard, between shards, and back", async () => {
  await using runtime = await start();
  const buffer = new ArrayBuffer(50_000_000); // far more than a slice
  const sent = runtime.submitTo(1, transferTasks.size, "big", transfer(buffer));
  assert(buffer.detached);
  assertEquals(await sent, "ArrayBuffer of 50000000 on 1");
  const view = new Uint8Array(10).subarray(2, 5);
  assertEquals(
    await runtime.submitTo(1, transferTasks.size, "view", transfer(view)),
    "Uint8Array of 3 on 1",
  );
  assertEquals(view.byteLength, 0);
  assertEquals(await runtime.submitTo(0, transferTasks.pass, 1, 99), "Uint8Array of 99 on 1");
  assertEquals(await runtime.submitTo(0, transferTasks.pass, 0, 98), "Uint8Array of 98 on 0");
  const made = await runtime.submitTo(1, transferTasks.make, 30_000_000);
  assertEquals(made.byteLength, 30_000_000);
});

Deno.test("what is handed over keeps its place in the order of calls", async () => {
  await using runtime = await Runtime.start({ shards: 1, memory: "16MiB", ringSlots: 4 });
  const names: string[] = [];
  const calls: Promise<unknown>[] = [];
  for (let i = 0; i < 200; i++) {
    names.push(`n${i}`);
    calls.push(
      i % 3 === 0
        ? runtime.submitTo(0, transferTasks.size, `n${i}`, transfer(new ArrayBuffer(i)))
        : runtime.submitTo(0, transferTasks.note, `n${i}`),
    );
  }
  await Promise.all(calls);
  assertEquals(await runtime.submitTo(0, transferTasks.order), names);
});

Deno.test("streams and ports are handed over", async () => {
  await using runtime = await start();
  const stream = ReadableStream.from(["ti", "de"]);
  assertEquals(await runtime.submitTo(1, transferTasks.text, transfer(stream)), "tide");
  const { port1, port2 } = new MessageChannel();
  await runtime.submitTo(1, transferTasks.answer, transfer(port2));
  const heard = new Promise((resolve) => port1.onmessage = ({ data }) => resolve(data));
  port1.postMessage("tide");
  assertEquals(await heard, "heard tide");
  port1.close();
});

Deno.test("transfer() refuses what cannot be handed over, and parts of a value", async () => {
  assertThrows(() => transfer({}), TypeError, "Cannot transfer a Object: expected an ArrayBuffer");
  assertThrows(() => transfer(new SharedArrayBuffer(1)), TypeError, "a SharedArrayBuffer");
  const used = new ArrayBuffer(1);
  structuredClone(used, { transfer: [used] });
  assertThrows(() => transfer(used), TypeError, "it is detached");
  await using runtime = await start(1);
  const kept = new ArrayBuffer(8);
  await assertRejects(
    () => runtime.submitTo(0, transferTasks.nested, { inside: transfer(kept) }),
    TypeError,
    "Cannot send arguments[0].inside as transfer() hands over a whole argument or result, not a part",
  );
  assert(!kept.detached);
});

Deno.test("a call goes when the one before it has had its result handed over, and nothing else comes", async () => {
  await using runtime = await Runtime.start({ shards: 1, memory: "16MiB", ringSlots: 2 });
  // One call under way at a time: the credit of the first comes back with its parcel, not its record.
  const results = await Promise.all(
    Array.from({ length: 20 }, (_, n) => runtime.submitTo(0, transferTasks.make, n + 1)),
  );
  assertEquals(results.map(({ byteLength }) => byteLength), results.map((_, n) => n + 1));
});
