/** What shards do with SharedQueues in tests. */
import { defineTasks, f64, i32, localAllocator, string, struct, type Task } from "@tidepool/core";
import { bytes, text } from "@tidepool/core/allocator";
import {
  type QueueConsumer,
  type QueueProducer,
  type SharedQueue,
  sharedQueue,
} from "@tidepool/core/structures";
import { SeededRandom } from "../../harness/seeded_random.ts";

export const Numbers = sharedQueue("Numbers", { element: f64, capacity: 4 });
export const Order = struct("Order", { id: i32, price: f64, side: string(4) });
export const Orders = sharedQueue("Orders", { element: Order, capacity: 3 });
export const Lines = sharedQueue("Lines", { element: text(), capacity: 5, maxBytes: 30 });
export const Blobs = sharedQueue("Blobs", { element: bytes(), capacity: 100, maxBytes: 1000 });

let queue: SharedQueue | undefined;
let producer: QueueProducer<typeof f64> | undefined;
let consumer: QueueConsumer<typeof f64> | undefined;

interface QueueTasks {
  readonly open: Task<[], number>;
  readonly dispose: Task<[], void>;
  readonly sum: Task<[number], number>;
  readonly countUp: Task<[number, number], void>;
  readonly produceAndKeep: Task<[number, number[]], void>;
  readonly consumeAndKeep: Task<[number, number], number[]>;
  readonly closeKept: Task<[], void>;
  readonly pushKept: Task<[number], void>;
  readonly popKept: Task<[], number | undefined>;
  readonly randomProducer: Task<[number, number, number], void>;
  readonly randomConsumer: Task<[number, number, number], number>;
  readonly echoLines: Task<[number, number], number>;
  readonly exit: Task<[], void>;
  readonly liveBlocks: Task<[], number>;
}

export const queueTasks: QueueTasks = defineTasks(import.meta.url, {
  open(): number {
    queue = Numbers.make();
    return queue.address;
  },
  dispose(): void {
    queue![Symbol.dispose]();
  },
  /** The sum of all numbers up to the end. */
  async sum(address: number): Promise<number> {
    using numbers = Numbers.consumer(address);
    let sum = 0;
    for await (const number of numbers) sum += number;
    return sum;
  },
  /** Pushes 1, 2, … `count`, and closes the queue. */
  async countUp(address: number, count: number): Promise<void> {
    using numbers = Numbers.producer(address);
    for (let n = 1; n <= count; n++) await numbers.push(n);
  },
  async produceAndKeep(address: number, values: number[]): Promise<void> {
    producer = Numbers.producer(address);
    await producer.pushMany(values);
  },
  consumeAndKeep(address: number, limit: number): Promise<number[]> {
    consumer = Numbers.consumer(address);
    return consumer.popMany(limit);
  },
  closeKept(): void {
    producer?.[Symbol.dispose]();
    consumer?.[Symbol.dispose]();
  },
  pushKept: (value: number): Promise<void> => producer!.push(value),
  popKept: (): Promise<number | undefined> => consumer!.pop(),
  /** Pushes 1, 2, … `count` in every way, and closes the queue. */
  async randomProducer(address: number, count: number, seed: number): Promise<void> {
    const random = new SeededRandom(seed);
    using numbers = Numbers.producer(address);
    for (let next = 1; next <= count;) {
      const group = Array.from(
        { length: Math.min(random.between(1, 9), count - next + 1) },
        (_, i) => {
          return next + i;
        },
      );
      const way = random.below(4);
      if (way === 0) next += numbers.tryPushMany(group);
      else if (way === 1) next += Number(numbers.tryPush(next));
      else if (way === 2) {
        await numbers.pushMany(group);
        next += group.length;
      } else {
        const all = group.map((value) => numbers.push(value)); // several wait at a time
        next += group.length;
        await Promise.all(all);
      }
      if (random.below(8) === 0) await undefined;
    }
    await numbers.close();
  },
  /** Pops in every way up to the end; gives how many there were, each the one after the one before. */
  async randomConsumer(address: number, count: number, seed: number): Promise<number> {
    const random = new SeededRandom(seed);
    using numbers = Numbers.consumer(address);
    let last = 0;
    const take = (values: readonly (number | undefined)[]) => {
      for (const value of values) {
        if (value === undefined) continue;
        if (value !== ++last) throw new Error(`${value} came in place of ${last}`);
      }
    };
    while (last < count) {
      const limit = random.between(1, 6);
      const way = random.below(4);
      if (way === 0) take(numbers.tryPopMany(limit));
      else if (way === 1) take([numbers.tryPop()]);
      else if (way === 2) take(await numbers.popMany(limit));
      else {take(
          await Promise.all(
            Array.from({ length: Math.min(limit, count - last) }, () => numbers.pop()),
          ),
        );}
      if (random.below(8) === 0) await undefined;
    }
    if (await numbers.pop() !== undefined || !numbers.isOver) throw new Error("there is more");
    return last;
  },
  /** Takes lines from one queue, and puts their lengths into another. */
  async echoLines(from: number, to: number): Promise<number> {
    using lines = Lines.consumer(from);
    using lengths = Numbers.producer(to);
    let count = 0;
    for await (const line of lines) {
      await lengths.push(line.length);
      count++;
    }
    return count;
  },
  exit(): void {
    Deno.exit();
  },
  liveBlocks: (): number => localAllocator().liveBlocks,
});
