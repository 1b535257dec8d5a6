/** Texts and bytes that are the one value of a message, which lies in its block as it is. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { defineTasks, type Task } from "@tidepool/core";
import { callableOf, findTask } from "../../../shard/calls/task.ts";
import { startEndpoints } from "./endpoints_of_one_thread.ts";

interface WholeTasks {
  readonly lengthen: Task<[string], string>;
  readonly later: Task<[unknown], unknown>;
  readonly callOut: Task<[string], string>;
  readonly echo: Task<[unknown], unknown>;
  readonly make: Task<[string], unknown>;
}

/** Called within `callOut`. */
let onCall = (): void => {};

/** Sent back by `make`, so that only the reply is out of the record. */
const kept = new Map<string, unknown>();

const tasks: WholeTasks = defineTasks(import.meta.url, {
  echo: (value: unknown) => value,
  lengthen: (text: string) => text + text,
  later: async (value: unknown) => {
    await undefined;
    return value;
  },
  callOut: (text: string) => {
    onCall();
    return text;
  },
  make: (name: string) => kept.get(name),
});

/** Two endpoints on this thread that know each other's tasks. */
class Pair implements AsyncDisposable {
  readonly ends = startEndpoints();

  static async start(): Promise<Pair> {
    await findTask(import.meta.url, "echo"); // polls alone do not wait for the module
    const pair = new Pair();
    for (const name of ["echo", "make", "later", "callOut"] as const) await pair.call(name, "");
    await pair.call("lengthen", "");
    return pair;
  }

  async call(name: keyof WholeTasks, value: unknown): Promise<unknown> {
    const [caller, callee] = this.ends;
    let done = false;
    const call = caller.bus.call(1, callableOf(tasks[name]), [value]).finally(() => done = true);
    for (let poll = 0; !done && poll < 1_000; poll++) {
      caller.bus.flush();
      callee.bus.poll();
      caller.bus.poll();
      await undefined;
    }
    return await call;
  }

  /** The value as it arrives as an argument and back, and as a result alone. */
  async both(value: unknown): Promise<unknown[]> {
    kept.set("it", value);
    return [await this.call("echo", value), await this.call("make", "it")];
  }

  liveBlocks(): number[] {
    for (const { bus } of [...this.ends, ...this.ends]) bus.poll(); // what is freed has come home
    return this.ends.map(({ allocator }) => allocator.statistics().liveBlocks);
  }

  [Symbol.asyncDispose](): Promise<void> {
    for (const { bus } of this.ends) bus.close(new Error("the end"));
    return Promise.resolve();
  }
}

Deno.test("a text of any kind and length arrives as it is, and its block is freed", async () => {
  await using pair = await Pair.start();
  await pair.both("a".repeat(100)); // makes what an allocator makes once
  const before = pair.liveBlocks();
  const ends = ["", "z", "\0", "\x80", "é", "ÿ", "Ā", "汉", "\ufeff", "\ud800", "\udc00", "😀"];
  for (const length of [1, 23, 43, 44, 45, 60, 255, 256, 1_023, 4_096, 70_000]) {
    for (const end of ends) {
      for (const text of ["a".repeat(length) + end, end + "b".repeat(length), end.repeat(length)]) {
        for (const arrived of await pair.both(text)) {
          assert(arrived === text, `${length} characters and ${JSON.stringify(end)}`);
        }
      }
    }
  }
  assertEquals(pair.liveBlocks(), before);
});

Deno.test("bytes arrive in a buffer of their own, and their block is freed", async () => {
  await using pair = await Pair.start();
  await pair.both(new Uint8Array(100));
  const before = pair.liveBlocks();
  for (const length of [0, 1, 7, 8, 63, 64, 1_000, 1_024, 70_001]) {
    const buffer = new ArrayBuffer(length + 10, { maxByteLength: length + 20 });
    const of = (bytes: Uint8Array) => bytes.map((_, i) => i * 7);
    const views = [
      of(new Uint8Array(length)),
      of(new Uint8Array(new ArrayBuffer(length + 10), 3, length)),
      of(new Uint8Array(buffer, 3, length)),
      of(new Uint8Array(new SharedArrayBuffer(length + 10), 5, length)),
    ];
    for (const view of views) {
      for (const arrived of await pair.both(view) as Uint8Array[]) {
        assertEquals(Object.getPrototypeOf(arrived), Uint8Array.prototype);
        assertEquals(arrived, new Uint8Array(view));
        assertEquals([arrived.byteOffset, arrived.buffer.byteLength], [0, length]);
        assert(arrived.buffer instanceof ArrayBuffer && !arrived.buffer.resizable);
      }
    }
  }
  assertEquals(pair.liveBlocks(), before);
});

Deno.test("bytes that lie about their length, and those of a subclass, arrive as they are", async () => {
  await using pair = await Pair.start();
  class Packet extends Uint8Array {}
  const lying = new Uint8Array([1, 2, 3]);
  for (const key of ["length", "byteLength", "buffer"]) {
    Object.defineProperty(lying, key, { value: 0 });
  }
  const named = Object.assign(new Uint8Array([4, 5]), { name: "a field" });
  for (const [sent, bytes] of [[lying, [1, 2, 3]], [named, [4, 5]], [Packet.of(6), [6]]] as const) {
    for (const arrived of await pair.both(sent)) assertEquals(arrived, new Uint8Array(bytes));
  }
  const detached = new Uint8Array(8);
  structuredClone(detached, { transfer: [detached.buffer] });
  await assertRejects(
    () => pair.call("echo", detached),
    TypeError,
    "its ArrayBuffer is detached",
  );
  for (const { allocator } of pair.ends) allocator.checkHeap();
});

Deno.test("a text or bytes for which there is no memory are refused, and the next are served", async () => {
  await using pair = await Pair.start();
  const [caller, callee] = pair.ends;
  for (const value of ["a".repeat(100_000), "é".repeat(100_000), new Uint8Array(100_000)]) {
    for (const [name, { allocator }] of [["echo", caller], ["make", callee]] as const) {
      kept.set("it", value);
      const held: number[] = [];
      for (let bytes = 1 << 22; bytes >= 32_768; bytes /= 2) {
        for (let at = allocator.malloc(bytes); at !== 0; at = allocator.malloc(bytes)) {
          held.push(at);
        }
      }
      const live = pair.liveBlocks();
      await assertRejects(
        () => pair.call(name, name === "echo" ? value : "it"),
        Error,
        "Cannot send a message of ",
      );
      assertEquals(pair.liveBlocks(), live);
      for (const address of held) allocator.free(address);
      for (const arrived of await pair.both(value)) assertEquals(arrived, value);
    }
  }
});

Deno.test("a reply that fits the block of its request lies there, and else in one of its own", async () => {
  await using pair = await Pair.start();
  const [caller, callee] = pair.ends;
  const text = "a text of the caller's ".repeat(40);
  await pair.both(text);
  const before = pair.liveBlocks();
  const list = Array.from({ length: 20 }, (_, i) => ({ i, text: `number ${i}` }));
  const cases: [keyof WholeTasks, unknown, unknown, number][] = [
    ["echo", text, text, 0],
    ["echo", "é".repeat(500), "é".repeat(500), 0],
    ["echo", new Uint8Array(300).fill(7), new Uint8Array(300).fill(7), 0],
    ["echo", list, list, 0],
    ["lengthen", text, text + text, 1],
    ["later", text, text, 1],
  ];
  for (const [name, value, expected, blocks] of cases) {
    const call = caller.bus.call(1, callableOf(tasks[name]), [value]);
    caller.bus.flush();
    callee.bus.poll();
    await undefined; // what `later` does after its first await
    await undefined;
    callee.bus.flush();
    const { liveBlocks } = callee.allocator.statistics();
    assertEquals(liveBlocks - before[1]!, blocks, `${name} of ${value}`);
    caller.bus.poll();
    assertEquals(await call, expected);
    assertEquals(pair.liveBlocks(), before);
  }
  for (const { allocator } of pair.ends) allocator.checkHeap();
});

Deno.test("replies in the blocks of their requests are kept apart, also where a task calls others meanwhile", async () => {
  await using pair = await Pair.start();
  const [caller, callee, third] = pair.ends;
  await pair.both("a".repeat(100));
  const before = pair.liveBlocks();
  const textOf = (i: number) => `text ${i} `.repeat(20);
  const outward: Promise<unknown>[] = [];
  onCall = () => outward.push(callee.bus.call(0, callableOf(tasks.echo), ["b".repeat(100)]));
  const calls = Array.from({ length: 30 }, (_, i) => {
    const task = [tasks.echo, tasks.later, tasks.callOut][i % 3]!;
    return (i % 2 === 0 ? caller : third).bus.call(
      1,
      callableOf(task as Task<[unknown], unknown>),
      [
        textOf(i),
      ],
    );
  });
  const all = Promise.all(calls);
  let done = false;
  all.finally(() => done = true);
  for (let poll = 0; !done && poll < 1_000; poll++) {
    for (const { bus } of pair.ends) {
      bus.flush();
      bus.poll();
    }
    await undefined;
  }
  assertEquals(await all, calls.map((_, i) => textOf(i)));
  for (let poll = 0; poll < 9; poll++) {
    for (const { bus } of pair.ends) bus.poll();
    await undefined;
  }
  assertEquals(await Promise.all(outward), outward.map(() => "b".repeat(100)));
  assertEquals(pair.liveBlocks(), before);
  for (const { allocator } of pair.ends) allocator.checkHeap();
});
