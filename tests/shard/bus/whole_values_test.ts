/** Texts and bytes that are the one value of a message, which lies in its block as it is. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { defineTasks, type Task } from "@tidepool/core";
import { callableOf, findTask } from "../../../shard/calls/task.ts";
import { startEndpoints } from "./endpoints_of_one_thread.ts";

interface WholeTasks {
  readonly echo: Task<[unknown], unknown>;
  readonly make: Task<[string], unknown>;
}

/** Sent back by `make`, so that only the reply is out of the record. */
const kept = new Map<string, unknown>();

const tasks: WholeTasks = defineTasks(import.meta.url, {
  echo: (value: unknown) => value,
  make: (name: string) => kept.get(name),
});

/** Two endpoints on this thread that know each other's tasks. */
class Pair implements AsyncDisposable {
  readonly ends = startEndpoints();

  static async start(): Promise<Pair> {
    await findTask(import.meta.url, "echo"); // polls alone do not wait for the module
    const pair = new Pair();
    await pair.call("echo", 0);
    await pair.call("make", "");
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
