/** SharedQueue: see structures/cells/shared_queue.ts. */
import {
  array,
  bool,
  f64,
  i64,
  Runtime,
  type RuntimeOptions,
  ShardCrashedError,
  StoppedError,
  string,
  struct,
  u8,
} from "@tidepool/core";
import { flags, text, u32, union } from "@tidepool/core/allocator";
import {
  QueueClosedError,
  seqCell,
  sharedQueue,
  sharedVector,
  StaleStructureError,
} from "@tidepool/core/structures";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { withRandom } from "../../harness/seeded_random.ts";
import { Blobs, Lines, Numbers, Orders, queueTasks } from "./shared_queue_tasks.ts";

function start(options: RuntimeOptions = {}): Promise<Runtime> {
  return Runtime.start({ shards: 3, memory: "24MiB", ...options });
}

Deno.test("a SharedQueue gives what was put in, in order, as far as it has room", async () => {
  await using runtime = await start();
  using queue = Numbers.make(runtime);
  using producer = Numbers.producer(runtime, queue.address);
  using consumer = Numbers.consumer(runtime, queue.address);
  assertEquals([consumer.tryPop(), consumer.tryPopMany(3)], [undefined, []]);
  assertEquals([1, 2, 3].map((n) => producer.tryPush(n)), [true, true, true]);
  assertEquals(producer.tryPushMany([4, 5, 6]), 1);
  assertEquals([producer.tryPush(5), producer.tryPushMany([5])], [false, 0]);
  assertEquals([consumer.tryPop(), consumer.tryPopMany(2), consumer.isOver], [1, [2, 3], false]);
  assertEquals(producer.tryPushMany([5, 6, 7, 8]), 3);
  assertEquals(consumer.tryPopMany(100), [4, 5, 6, 7]);
  assertEquals(producer.tryPushMany([]), 0);
});

Deno.test("elements of every kind come out as they went in, and are values of their own", async () => {
  await using runtime = await start();
  using orders = Orders.make(runtime);
  using ordersIn = Orders.producer(runtime, orders.address);
  using ordersOut = Orders.consumer(runtime, orders.address);
  await ordersIn.push({ id: 1, price: 2.5, side: "buy" });
  const first = ordersOut.tryPop();
  for (let id = 2; id < 9; id++) { // round the slots, without some of the fields
    assert(ordersIn.tryPush({ id }));
    assertEquals(await ordersOut.pop(), { id, price: 0, side: "" });
  }
  assertEquals(first, { id: 1, price: 2.5, side: "buy" });

  using lines = Lines.make(runtime);
  using linesIn = Lines.producer(runtime, lines.address);
  using linesOut = Lines.consumer(runtime, lines.address);
  const texts = ["", "plain", "naïve", "x".repeat(30), "潮".repeat(10)];
  assertEquals(linesIn.tryPushMany(texts), 5);
  assertEquals(linesOut.tryPopMany(9), texts);

  using blobs = Blobs.make(runtime);
  using blobsIn = Blobs.producer(runtime, blobs.address);
  using blobsOut = Blobs.consumer(runtime, blobs.address);
  const blob = Uint8Array.from({ length: 1000 }, (_, i) => i);
  await blobsIn.pushMany([blob, new Uint8Array(0), blob.subarray(3, 5)]);
  const [whole, empty, part] = await blobsOut.popMany(3);
  assertEquals([whole, empty, part], [blob, new Uint8Array(0), new Uint8Array([3, 4])]);
  assert(whole!.buffer instanceof ArrayBuffer);
});

Deno.test("unions and flags go through cells, vectors and queues", async () => {
  await using runtime = await start();
  const Add = struct("Add", { price: f64, terms: flags(u8, ["buy", "hidden"]) });
  const Cancel = struct("Cancel", { order: u32 });
  const Command = union("Command", { add: Add, cancel: Cancel }, { tag: u8 });
  const Commands = sharedQueue("Commands", { element: Command, capacity: 2 });
  using queue = Commands.make(runtime);
  using producer = Commands.producer(runtime, queue.address);
  using consumer = Commands.consumer(runtime, queue.address);
  const add = { add: { price: 2.5, terms: ["buy"] } };
  for (let order = 0; order < 5; order++) {
    assertEquals(
      producer.tryPushMany([{ add: { price: 2.5, terms: ["buy"] } }, { cancel: { order } }]),
      2,
    );
    assertEquals<unknown>(consumer.tryPopMany(9), [add, { cancel: { order } }]);
  }
  const Other = union("Command", { add: Add }, { tag: u8 });
  assertThrows(
    () => sharedQueue("Commands", { element: Other, capacity: 2 }).consumer(runtime, queue.address),
    TypeError,
    "it is SharedQueue Commands of 2 Command { add: Add { price: f64, terms: flags(u8): buy, hidden }",
  );

  const Log = sharedVector("Log", Command);
  using log = Log.make(runtime);
  using logReader = Log.reader(runtime, log.address);
  assertEquals(log.pushMany([{ cancel: { order: 7 } }, { add: { price: 1 } }]), 2);
  assertEquals([logReader.get(0).tag, logReader.get(0).cancel.order, logReader.get(1).tag], [
    "cancel",
    7,
    "add",
  ]);

  const Last = seqCell("Last", struct("Last", { count: u32, command: Command }));
  using last = Last.make(runtime, { command: { cancel: { order: 3 } } });
  using lastReader = Last.reader(runtime, last.address);
  for (let count = 1; count < 9; count++) {
    last.assign({
      count,
      command: count % 2 === 0 ? { cancel: { order: 4 } } : { add: { terms: ["hidden"] } },
    });
    const { command } = lastReader.view();
    assertEquals(command.tag, count % 2 === 0 ? "cancel" : "add");
    if (count % 2 === 1) assertEquals(command.add.terms.toJSON(), ["hidden"]);
  }
});

Deno.test("push() waits for room and pop() for an element, in the order of the calls", async () => {
  await using runtime = await start();
  using queue = Numbers.make(runtime);
  using producer = Numbers.producer(runtime, queue.address);
  using consumer = Numbers.consumer(runtime, queue.address);
  const order: string[] = [];
  const pushes = [1, 2, 3, 4, 5, 6].map((n) => producer.push(n).then(() => order.push(`in ${n}`)));
  await Promise.all(pushes.slice(0, 4));
  assertEquals([producer.tryPush(7), order.length], [false, 4]);
  assertEquals(await consumer.pop(), 1);
  await pushes[4];
  assertEquals(consumer.tryPopMany(9), [2, 3, 4, 5]);
  await pushes[5];
  assertEquals(consumer.tryPop(), 6);
  const pops = [consumer.pop(), consumer.popMany(5), consumer.pop()];
  assertEquals(consumer.tryPop(), undefined);
  await producer.push(7);
  assertEquals(await pops[0], 7);
  assertEquals(producer.tryPushMany([8, 9]), 2);
  assertEquals(await pops[1], [8, 9]);
  const many = producer.pushMany(Array.from({ length: 10 }, (_, i) => 10 + i));
  assertEquals(await pops[2], 10);
  const rest: number[] = [];
  while (rest.length < 9) rest.push(...await consumer.popMany(4));
  await many;
  assertEquals(rest, [11, 12, 13, 14, 15, 16, 17, 18, 19]);
});

Deno.test("producer and consumer are on any two endpoints, and the queue on a third", async () => {
  await using runtime = await start();
  const count = 3000;
  const sum = count * (count + 1) / 2;
  const address = await runtime.submitTo(0, queueTasks.open);
  const sums = runtime.submitTo(2, queueTasks.sum, address);
  await runtime.submitTo(1, queueTasks.countUp, address, count);
  assertEquals(await sums, sum);

  using queue = Numbers.make(runtime);
  using consumer = Numbers.consumer(runtime, queue.address);
  const counting = runtime.submitTo(1, queueTasks.countUp, queue.address, count);
  let found = 0;
  for await (const n of consumer) found += n; // the host waits, too
  await counting;
  assertEquals([found, consumer.isOver, await consumer.pop()], [sum, true, undefined]);

  using lines = Lines.make(runtime);
  using lengths = Numbers.make(runtime);
  const echoing = runtime.submitTo(2, queueTasks.echoLines, lines.address, lengths.address);
  using producer = Lines.producer(runtime, lines.address);
  using echoed = Numbers.consumer(runtime, lengths.address);
  for (let n = 0; n < 200; n++) {
    await producer.push("z".repeat(n % 31));
    assertEquals(await echoed.pop(), n % 31); // there and back, each sleeps in between
  }
  await producer.close();
  assertEquals([await echoing, await echoed.pop()], [200, undefined]);
});

Deno.test("a loop over a SharedQueue that ends early leaves the rest in it", async () => {
  await using runtime = await start();
  using queue = Numbers.make(runtime);
  using producer = Numbers.producer(runtime, queue.address);
  using consumer = Numbers.consumer(runtime, queue.address);
  assertEquals(producer.tryPushMany([1, 2, 3, 4]), 4);
  for await (const n of consumer) if (n === 2) break;
  assertEquals([consumer.tryPop(), await consumer.pop()], [3, 4]);
});

Deno.test("a closed SharedQueue is drained, and then ends", async () => {
  await using runtime = await start();
  using queue = Numbers.make(runtime);
  using producer = Numbers.producer(runtime, queue.address);
  using consumer = Numbers.consumer(runtime, queue.address);
  const pushes = [1, 2, 3, 4, 5].map((n) => producer.push(n));
  const closing = producer.close();
  const found: number[] = [];
  for await (const n of consumer) found.push(n);
  assertEquals(found, [1, 2, 3, 4, 5]); // also what waited for room
  await Promise.all([...pushes, closing, producer.close()]);
  assertEquals([consumer.tryPop(), await consumer.popMany(3), consumer.isOver], [
    undefined,
    [],
    true,
  ]);
  for (const push of [() => producer.push(6), () => producer.pushMany([6])]) {
    await assertRejects(
      push,
      QueueClosedError,
      "Cannot push to SharedQueue Numbers of 4 f64: it was closed",
    );
  }
  assertThrows(() => producer.tryPush(6), QueueClosedError);
  // One that waits hears of it.
  const address = await runtime.submitTo(0, queueTasks.open);
  const sum = runtime.submitTo(1, queueTasks.sum, address);
  using other = Numbers.producer(runtime, address);
  await other.push(40);
  await other.push(2);
  other[Symbol.dispose]();
  assertEquals(await sum, 42);
  await runtime.submitTo(0, queueTasks.dispose);
});

Deno.test("a producer learns that its consumer has left, and a consumer that is disposed of stops waiting", async () => {
  await using runtime = await start();
  const address = await runtime.submitTo(0, queueTasks.open);
  using producer = Numbers.producer(runtime, address);
  assertEquals(producer.tryPushMany([1, 2, 3, 4]), 4);
  const pushing = producer.push(5);
  assertEquals(await runtime.submitTo(1, queueTasks.consumeAndKeep, address, 1), [1]);
  await pushing;
  const waiting = assertRejects(() => producer.push(6), QueueClosedError, "its consumer has left");
  await runtime.submitTo(1, queueTasks.closeKept);
  await waiting;
  assertThrows(() => producer.tryPush(6), QueueClosedError);
  assertThrows(() => producer.tryPushMany([6]), QueueClosedError);
  await assertRejects(() => producer.pushMany([6]), QueueClosedError);
  await runtime.submitTo(0, queueTasks.dispose);

  using queue = Numbers.make(runtime);
  const consumer = Numbers.consumer(runtime, queue.address);
  const pops = [consumer.pop(), consumer.popMany(2)].map((pop) => {
    return assertRejects(() => pop, TypeError, "it was disposed of");
  });
  consumer[Symbol.dispose]();
  consumer[Symbol.dispose]();
  await Promise.all(pops);
  await assertRejects(() => consumer.pop(), TypeError, "it was disposed of");
  assertThrows(() => consumer.isOver, TypeError);
});

Deno.test("each side has one holder alone", async () => {
  await using runtime = await start();
  using queue = Numbers.make(runtime);
  {
    using producer = Numbers.producer(runtime, queue.address);
    assertThrows(
      () => Numbers.producer(runtime, queue.address),
      TypeError,
      "Cannot be the producer of SharedQueue Numbers of 4 f64: endpoint 3 is or was it, and there is one alone",
    );
    assert(producer.tryPush(1));
    await assertRejects(() => runtime.submitTo(0, queueTasks.countUp, queue.address, 1), TypeError);
  }
  assertThrows(() => Numbers.producer(runtime, queue.address), TypeError);
  using consumer = Numbers.consumer(runtime, queue.address);
  assertEquals(consumer.tryPop(), 1);
  await assertRejects(
    () => runtime.submitTo(0, queueTasks.sum, queue.address),
    TypeError,
    "Cannot be the consumer of",
  );
  await assertRejects(
    () => runtime.submitTo(0, queueTasks.sum, queue as unknown as number),
    TypeError,
    "an object of class SharedQueue does not travel between shards: send its address",
  );
});

Deno.test("a SharedQueue that is disposed of rejects what waits, and frees its memory when both have let go", async () => {
  await using runtime = await start();
  const before = await runtime.submitTo(0, queueTasks.liveBlocks);
  const address = await runtime.submitTo(0, queueTasks.open);
  const consumer = Numbers.consumer(runtime, address);
  await runtime.submitTo(1, queueTasks.produceAndKeep, address, [1, 2]);
  assertEquals(await consumer.popMany(9), [1, 2]);
  const waiting = assertRejects(
    () => consumer.pop(),
    StaleStructureError,
    "its owner has disposed of it",
  );
  await runtime.submitTo(0, queueTasks.dispose);
  await waiting;
  assertThrows(() => consumer.tryPop(), StaleStructureError);
  consumer[Symbol.dispose]();
  assertEquals(await runtime.submitTo(0, queueTasks.liveBlocks), before + 1); // the producer's
  await runtime.submitTo(1, queueTasks.closeKept);
  await runtime.submitTo(0, queueTasks.open);
  await runtime.submitTo(0, queueTasks.dispose);
  assertEquals(await runtime.submitTo(0, queueTasks.liveBlocks), before);

  using queue = Numbers.make(runtime);
  using producer = Numbers.producer(runtime, queue.address);
  using own = Numbers.consumer(runtime, queue.address);
  await producer.pushMany([1, 2, 3, 4]);
  const pushing = assertRejects(() => producer.push(5), StaleStructureError);
  queue[Symbol.dispose]();
  queue[Symbol.dispose]();
  await pushing;
  assertThrows(() => own.tryPop(), StaleStructureError);
});

Deno.test("a closed SharedQueue ends as such, also when its owner has disposed of it", async () => {
  await using runtime = await start();
  const address = await runtime.submitTo(0, queueTasks.open);
  await runtime.submitTo(1, queueTasks.produceAndKeep, address, [1, 2]);
  using consumer = Numbers.consumer(runtime, address);
  await runtime.submitTo(1, queueTasks.closeKept);
  await runtime.submitTo(0, queueTasks.dispose);
  assertEquals(await consumer.popMany(9), [1, 2]);
  assertEquals(await consumer.pop(), undefined);
});

Deno.test("the death of a side, or of the owner, rejects what waits on the other", async () => {
  await using runtime = await start({ onCrash: "keep", onWarning: () => {} });
  const address = await runtime.submitTo(0, queueTasks.open);
  await runtime.submitTo(1, queueTasks.produceAndKeep, address, [1, 2]);
  using consumer = Numbers.consumer(runtime, address);
  assertEquals(await consumer.pop(), 1);
  await runtime.submitTo(1, queueTasks.pushKept, 3);
  await assertRejects(() => runtime.submitTo(1, queueTasks.exit), ShardCrashedError);
  assertEquals(await consumer.popMany(9), [2, 3]); // what it had put in
  await assertRejects(() => consumer.pop(), ShardCrashedError, "Shard 1 crashed");
  assertThrows(() => consumer.tryPop(), ShardCrashedError);

  using queue = Numbers.make(runtime);
  using producer = Numbers.producer(runtime, queue.address);
  assertEquals(producer.tryPushMany([1, 2, 3, 4]), 4);
  await runtime.submitTo(2, queueTasks.consumeAndKeep, queue.address, 1);
  await producer.push(5);
  const pushing = assertRejects(() => producer.push(6), ShardCrashedError, "Shard 2 crashed");
  await assertRejects(() => runtime.submitTo(2, queueTasks.exit), ShardCrashedError);
  await pushing;
  assertThrows(() => producer.tryPush(6), ShardCrashedError);

  const last = await runtime.submitTo(0, queueTasks.open);
  using orphan = Numbers.consumer(runtime, last);
  const popping = assertRejects(() => orphan.pop(), ShardCrashedError, "Shard 0 crashed");
  await assertRejects(() => runtime.submitTo(0, queueTasks.exit), ShardCrashedError);
  await popping;
  await assertRejects(() => orphan.popMany(3), ShardCrashedError);
});

Deno.test("a side whose shard was started again is gone", async () => {
  const restarted = Promise.withResolvers<void>();
  await using runtime = await start({
    onCrash: "restart",
    onRestart: () => restarted.resolve(),
    onWarning: () => {},
  });
  using queue = Numbers.make(runtime);
  using consumer = Numbers.consumer(runtime, queue.address);
  await runtime.submitTo(1, queueTasks.produceAndKeep, queue.address, [1]);
  assertEquals(await consumer.pop(), 1);
  const waiting = assertRejects(() => consumer.pop(), ShardCrashedError);
  await assertRejects(() => runtime.submitTo(1, queueTasks.exit));
  await waiting;
  await restarted.promise;
  await assertRejects(() => consumer.pop(), ShardCrashedError, "it was started again since");
});

Deno.test("what waits on the host for a SharedQueue ends with the runtime", async () => {
  const runtime = await start();
  const queue = Numbers.make(runtime);
  const consumer = Numbers.consumer(runtime, queue.address); // nobody is its producer
  const waiting = assertRejects(() => consumer.pop(), StoppedError, "the runtime has stopped");
  await runtime.stop();
  await waiting;
  await assertRejects(() => consumer.pop(), StoppedError);
});

Deno.test("elements that are refused leave the queue as it is", async () => {
  await using runtime = await start();
  using queue = Orders.make(runtime);
  using producer = Orders.producer(runtime, queue.address);
  using consumer = Orders.consumer(runtime, queue.address);
  const wrong = { id: 1, price: "2" as unknown as number };
  assertThrows(() => producer.tryPush(wrong), TypeError, "Cannot store");
  await assertRejects(() => producer.push(wrong), TypeError);
  assertThrows(() => producer.tryPushMany([{ id: 1 }, wrong, { id: 2 }]), TypeError);
  await assertRejects(() => producer.pushMany([wrong]), TypeError);
  const again = {
    get id(): number {
      producer.tryPush({ id: 9 });
      return 8;
    },
  };
  assertThrows(() => producer.tryPush(again), TypeError, "another element is just being written");
  assertEquals(consumer.tryPopMany(9), [{ id: 1, price: 0, side: "" }]);

  using lines = Lines.make(runtime);
  using linesIn = Lines.producer(runtime, lines.address);
  assertThrows(
    () => linesIn.tryPush(7 as unknown as string),
    TypeError,
    "Cannot push a value of type number to a SharedQueue: expected a string",
  );
  assertThrows(
    () => linesIn.tryPush("潮".repeat(11)),
    RangeError,
    ": expected 30 at most",
  );
  using blobs = Blobs.make(runtime);
  using blobsIn = Blobs.producer(runtime, blobs.address);
  assertThrows(
    () => blobsIn.tryPush("x" as unknown as Uint8Array),
    TypeError,
    "expected a Uint8Array",
  );
  assertThrows(() => blobsIn.tryPush(new Uint8Array(1001)), RangeError, "Cannot push 1001 bytes");
  for (const limit of [0, -1, 1.5, NaN]) {
    assertThrows(() => consumer.tryPopMany(limit), RangeError, `Cannot pop ${limit} elements`);
    await assertRejects(() => consumer.popMany(limit), RangeError);
  }
  assertThrows(() => consumer.tryPopMany("1" as unknown as number), TypeError, 'Cannot pop "1" of');
});

Deno.test("a definition of a SharedQueue that is not valid is refused", async () => {
  const define = (options: unknown) =>
    sharedQueue("Jobs", options as { element: typeof f64; capacity: 1 });
  assertThrows(() => define(null), TypeError, "Cannot define SharedQueue Jobs by null");
  assertThrows(
    () => define({ element: f64 }),
    TypeError,
    "Cannot define SharedQueue Jobs with a capacity that is undefined: expected a number",
  );
  for (const capacity of [0, 1.5, -1, NaN, 2 ** 24 + 1]) {
    assertThrows(
      () => define({ element: f64, capacity }),
      RangeError,
      `Cannot define SharedQueue Jobs with a capacity of ${capacity}: expected a whole number from 1 to 16777216`,
    );
  }
  assertThrows(
    () => define({ element: 7, capacity: 1 }),
    TypeError,
    "expected a field type such as f64",
  );
  assertThrows(
    () => define({ element: f64, capacity: 1, maxBytes: 8 }),
    TypeError,
    "Cannot define SharedQueue Jobs of f64 with maxBytes: its elements have a fixed length",
  );
  assertThrows(
    () => define({ element: text(), capacity: 1 }),
    TypeError,
    "Cannot define SharedQueue Jobs of text with maxBytes that is undefined: expected how long an element may be",
  );
  for (const maxBytes of [0, 0.5, 2 ** 20 + 1]) {
    assertThrows(
      () => define({ element: text(), capacity: 1, maxBytes }),
      RangeError,
      `with maxBytes of ${maxBytes}: expected a whole number from 1 to 1048576`,
    );
  }
  await using runtime = await start();
  using queue = Numbers.make(runtime);
  const Longer = sharedQueue("Numbers", { element: f64, capacity: 5 });
  assertThrows(
    () => Longer.consumer(runtime, queue.address),
    TypeError,
    "Cannot read SharedQueue Numbers of 5 f64 at address",
  );
});

Deno.test("a SharedQueue is as an array with two ends, for random pushes and pops of every kind", async () => {
  await using runtime = await start();
  const Small = struct("Small", { a: u8, b: array(u8, 2) });
  await withRandom((random) => {
    const kinds = [
      [bool, () => random.below(2) === 1],
      [i64, () => BigInt(random.next()) * -1_000_000_000n],
      [string(6), () => String(random.below(1000))],
      [array(f64, 2), () => [random.next(), -random.next()]],
      [Small, () => ({ a: random.below(256), b: [random.below(256), 1] })],
    ] as const;
    for (const [element, valueOf] of kinds) {
      for (const capacity of [1, 2, 3, 7, 8]) {
        const Any = sharedQueue("Any", { element: element as unknown as typeof f64, capacity });
        using queue = Any.make(runtime);
        using producer = Any.producer(runtime, queue.address);
        using consumer = Any.consumer(runtime, queue.address);
        const model: unknown[] = [];
        for (let step = 0; step < 200; step++) {
          const values = Array.from(
            { length: random.below(4) },
            () => valueOf() as unknown as number,
          );
          const room = capacity - model.length;
          if (values.length === 1) assertEquals(producer.tryPush(values[0]!), room > 0);
          else assertEquals(producer.tryPushMany(values), Math.min(values.length, room));
          model.push(...values.slice(0, room));
          const limit = random.below(4);
          if (limit === 0) assertEquals(consumer.tryPop(), model.shift() as number | undefined);
          else assertEquals(consumer.tryPopMany(limit), model.splice(0, limit) as number[]);
        }
      }
    }
    return Promise.resolve();
  });
});

Deno.test("no element is lost, doubled or out of order between two threads that push and pop in every way", async () => {
  await using runtime = await start({ debugHeap: true });
  await withRandom(async (random) => {
    for (const [from, to] of [[0, 1], [1, 2], [2, 0]] as const) {
      const address = await runtime.submitTo(0, queueTasks.open);
      const count = 30_000;
      const consuming = runtime.submitTo(
        to,
        queueTasks.randomConsumer,
        address,
        count,
        random.next(),
      );
      const producing = runtime.submitTo(
        from,
        queueTasks.randomProducer,
        address,
        count,
        random.next(),
      );
      assertEquals(await consuming, count);
      await producing;
      await runtime.submitTo(0, queueTasks.dispose);
    }
  });
  runtime.checkHeap(0);
});
