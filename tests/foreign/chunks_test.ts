/** Streams of chunks: see foreign/chunks.ts, lent_blocks.ts and loans.ts. */
import {
  BadAllocError,
  type ForeignPtr,
  Runtime,
  type RuntimeOptions,
  ShardCrashedError,
} from "@tidepool/core";
import {
  type ByteReader,
  type ChunkOptions,
  chunks,
  type ChunkSource,
  type LentBytes,
} from "@tidepool/core/foreign";
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { withRandom } from "../harness/seeded_random.ts";
import { lendTasks, readerOf } from "./lend_tasks.ts";

function start(options: RuntimeOptions = {}): Promise<Runtime> {
  return Runtime.start({ shards: 2, memory: "16MiB", ...options });
}

async function live(runtime: Runtime): Promise<number[]> {
  for (let round = 0; round < 3; round++) await runtime.map(lendTasks.tick);
  return Array.from({ length: runtime.shardCount }, (_, shard) => {
    return runtime.memoryStatistics(shard).liveBlocks;
  });
}

/** What the chunks hold, each counted on its shard. */
function texts(runtime: Runtime, source: ChunkSource, options: ChunkOptions): Promise<string[]> {
  const cut = chunks(runtime, source, options);
  return Array.fromAsync(runtime.pipeline((chunk) => chunk.ownerShard, cut, lendTasks.text));
}

function textIn(chunk: ForeignPtr<LentBytes>): string {
  return new TextDecoder().decode(chunk.bytes().slice());
}

/** A source that gives lines for ever, and counts them. */
function endless(): ByteReader & { reads: number } {
  return {
    reads: 0,
    read(bytes: Uint8Array): Promise<number> {
      bytes.fill(0x61);
      bytes[bytes.length - 1] = 0x0a;
      this.reads++;
      return Promise.resolve(bytes.length);
    },
  };
}

Deno.test("chunks of a stream, of a file and of a socket end behind a separator", async () => {
  await using runtime = await start();
  const before = await live(runtime);
  const lines = Array.from({ length: 3000 }, (_, index) => `line ${index * 7919}\n`).join("");
  const path = await Deno.makeTempFile();
  await Deno.writeTextFile(path, lines);
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serve = async () => {
    using served = await listener.accept();
    await new Response(lines).body!.pipeTo(served.writable);
  };
  const sources: [string, () => Promise<ChunkSource & Partial<Disposable>>][] = [
    ["stream", () => Promise.resolve(new Response(lines).body!)],
    ["file", () => Deno.open(path)],
    ["file's stream", async () => (await Deno.open(path)).readable],
    ["socket", async () => {
      const connection = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
      return connection;
    }],
  ];
  for (const [name, open] of sources) {
    const served = name === "socket" ? serve() : undefined;
    const source = await open();
    const parts = await texts(runtime, source, { chunkBytes: 1000, separator: "\n" });
    assertEquals(parts.join(""), lines, name);
    assert(parts.every((part) => part.endsWith("\n") && part.length <= 1000), name);
    source[Symbol.dispose]?.();
    await served;
  }
  await Deno.remove(path);
  assertEquals(await live(runtime), before);
});

Deno.test("chunks are cut anywhere without a separator; the last may end without one", async () => {
  await using runtime = await start();
  assertEquals(await texts(runtime, readerOf(["abcdefg", "hi"]), { chunkBytes: 4, shard: 1 }), [
    "abcd",
    "efg",
    "hi",
  ]);
  const options = { chunkBytes: 8, shard: [0], separator: 0x2c };
  assertEquals(await texts(runtime, readerOf(["a,b", "c,d", "e"]), options), ["a,", "bc,", "de"]);
  assertEquals(await texts(runtime, readerOf([]), options), []);
});

Deno.test("a function chooses the shard of each chunk, and several shards take turns", async () => {
  await using runtime = await start();
  const owners = async (shard: ChunkOptions["shard"]) => {
    const found: number[] = [];
    const options = { chunkBytes: 1, ahead: 1, ...(shard === undefined ? {} : { shard }) };
    for await (const chunk of chunks(runtime, readerOf(["abcd"]), options)) {
      using own = chunk;
      found.push(own.ownerShard);
    }
    return found;
  };
  assertEquals(await owners((index) => index < 3 ? 0 : 1), [0, 0, 0, 1]);
  assertEquals(new Set(await owners(undefined)), new Set([0, 1]));
});

Deno.test("a task cuts chunks for another shard, and for its own", async () => {
  await using runtime = await start();
  const before = await live(runtime);
  for (const shard of [0, 1]) {
    assertEquals(
      await runtime.submitTo(0, lendTasks.cut, shard, ["one", "two", "three"], 3),
      ["one", "two", "thr", "ee"],
    );
  }
  assertEquals(await live(runtime), before);
});

Deno.test("no more blocks are out than `ahead`, and no further is read", async () => {
  await using runtime = await start();
  const before = await live(runtime);
  const source = endless();
  const cut = chunks(runtime, source, { shard: 0, chunkBytes: 100, ahead: 3 });
  const taken: ForeignPtr<LentBytes>[] = [];
  for (let i = 0; i < 3; i++) taken.push((await cut.next()).value!);
  const fourth = cut.next();
  assertEquals((await live(runtime))[0], before[0]! + 3);
  assertEquals(source.reads, 3);
  assertEquals(await runtime.submitTo(0, lendTasks.keep, taken.pop()!), 1);
  assertEquals((await live(runtime), source.reads), 3); // it is at home, and not done with
  await runtime.submitTo(0, lendTasks.dropHeld); // after the reply to the call that brought it
  taken.push((await fourth).value!);
  assertEquals((await live(runtime))[0], before[0]! + 3);
  taken.pop()![Symbol.dispose](); // here, which takes no message
  taken.push((await cut.next()).value!);
  assertEquals(source.reads, 5);
  await cut.return!();
  assert(taken.every(({ isNull }) => isNull));
  assertEquals(await live(runtime), before);
});

Deno.test("a stream of chunks takes no message but its calls", async () => {
  await using runtime = await start();
  const sent = () => runtime.busStatistics(0).callsReceived;
  await texts(runtime, readerOf(["first"]), { shard: 0 }); // the modules are there
  const run = async (count: number) => {
    const before = sent();
    const parts = await texts(runtime, readerOf(["x".repeat(count * 10)]), {
      shard: 0,
      chunkBytes: 10,
      ahead: 2,
    });
    assertEquals(parts.length, count);
    await runtime.submitTo(0, lendTasks.tick);
    return sent() - before;
  };
  // One lends, one frees, one is the tick.
  assert(await run(200) - await run(100) <= 101);
});

Deno.test("leaving the loop frees every block, and closes a stream", async () => {
  await using runtime = await start();
  const before = await live(runtime);
  for (const chunkBytes of [1, 1000]) {
    let reason: unknown = "not cancelled";
    const stream = new ReadableStream<Uint8Array>({
      pull: (controller) => controller.enqueue(new Uint8Array(100)),
      cancel: (why) => void (reason = why),
    });
    for await (const chunk of chunks(runtime, stream, { chunkBytes })) {
      assertEquals(chunk.bytes().length > 0, true);
      break;
    }
    assertEquals(reason, undefined);
    assertEquals(await live(runtime), before);
  }
  await using unread = chunks(runtime, endless()); // nothing is taken before the first next()
  assertEquals(await live(runtime), before);
  await unread.return!();
  assertEquals((await unread.next()).done, true);
});

Deno.test("chunks that were sent before the stream ended are freed when they are disposed of", async () => {
  await using runtime = await start();
  const before = await live(runtime);
  for await (const chunk of chunks(runtime, endless(), { shard: 1, chunkBytes: 10 })) {
    if (await runtime.submitTo(1, lendTasks.keep, chunk) === 2) break;
  }
  assertEquals((await live(runtime))[1], before[1]! + 2);
  await runtime.submitTo(1, lendTasks.dropHeld);
  assertEquals(await live(runtime), before);
});

Deno.test("an error of the source comes behind the chunks before it", async () => {
  await using runtime = await start();
  const before = await live(runtime);
  const parts = readerOf(["one", "two"]);
  const error = new Error("the disk is gone");
  const source = {
    read: async (bytes: Uint8Array) => {
      const count = await parts.read(bytes);
      if (count === null) throw error;
      return count;
    },
  };
  const cut = chunks(runtime, source, { chunkBytes: 3 });
  const found: string[] = [];
  const thrown = await assertRejects(async () => {
    for await (const chunk of cut) {
      using own = chunk;
      found.push(textIn(own));
    }
  });
  assertStrictEquals(thrown, error);
  assertEquals(found, ["one", "two"]);
  assertEquals((await cut.next()).done, true);
  assertEquals(await live(runtime), before);
});

Deno.test("an abort ends the wait for a source that gives nothing, and frees what is here", async () => {
  await using runtime = await start();
  const before = await live(runtime);
  const late = Promise.withResolvers<number>();
  const secondRead = Promise.withResolvers<void>();
  let reads = 0;
  const source = {
    read(bytes: Uint8Array): Promise<number> {
      if (++reads === 1) return Promise.resolve(bytes.length);
      secondRead.resolve();
      return late.promise;
    },
  };
  const controller = new AbortController();
  const options = { shard: 0, chunkBytes: 10, signal: controller.signal };
  const cut = chunks(runtime, source, options);
  const first = (await cut.next()).value!;
  const second = cut.next();
  await secondRead.promise;
  controller.abort(new Error("enough"));
  await assertRejects(() => second, Error, "enough");
  assert(first.isNull);
  assertEquals((await cut.next()).done, true);
  assertEquals((await live(runtime))[0], before[0]! + 1); // the source may still write to that one
  late.resolve(10);
  await late.promise;
  assertEquals(await live(runtime), before);
  await assertRejects(() => chunks(runtime, source, options).next(), Error, "enough");
});

Deno.test("a call that fails ends the pipeline, and no block is lost", async () => {
  await using runtime = await start();
  const before = await live(runtime);
  const cut = chunks(runtime, endless(), { shard: 0, chunkBytes: 10 });
  const calls = runtime.pipeline((chunk) => chunk.ownerShard, cut, lendTasks.refuse);
  await assertRejects(() => calls.next(), Error, "shard 0 does not count 10 bytes");
  await calls.return!();
  assertEquals(await live(runtime), before);
});

Deno.test("a chunk that is disposed of on a third shard is freed, and another is asked for", async () => {
  await using runtime = await start();
  const before = await live(runtime);
  const found: string[] = [];
  for await (
    const chunk of chunks(runtime, readerOf(["abcdef"]), { shard: 0, chunkBytes: 1, ahead: 1 })
  ) {
    found.push(await runtime.submitTo(1, lendTasks.text, chunk));
  }
  assertEquals(found.join(""), "abcdef");
  assertEquals(await live(runtime), before);
});

Deno.test("a shard that is short of memory lends fewer blocks, and one that has none says so", async () => {
  await using runtime = await Runtime.start({ shards: 1, memory: "4MiB" });
  const source = readerOf([new Uint8Array(5_000_000)]);
  const cut = chunks(runtime, source, { chunkBytes: 1_500_000, ahead: 100 });
  const lengths = await Array.fromAsync(runtime.pipeline(0, cut, lendTasks.length));
  assertEquals(lengths, [1_500_000, 1_500_000, 1_500_000, 500_000]);
  const tooLarge = await assertRejects(
    () => texts(runtime, readerOf(["x"]), { chunkBytes: 2 ** 28 }),
    BadAllocError,
  );
  assert(tooLarge.oversized);
});

Deno.test("chunks go on after their shard was started again", async () => {
  const restarted = Promise.withResolvers<void>();
  await using runtime = await start({
    onCrash: "restart",
    onRestart: () => restarted.resolve(),
    onWarning: () => {},
  });
  const source = endless();
  const cut = chunks(runtime, source, { shard: 1, chunkBytes: 10, ahead: 2 });
  const lost = [(await cut.next()).value!, (await cut.next()).value!];
  const third = cut.next();
  await assertRejects(() => runtime.submitTo(1, lendTasks.exit), ShardCrashedError);
  await restarted.promise;
  assertEquals(await runtime.submitTo(1, lendTasks.text, (await third).value!), "aaaaaaaaa\n");
  for (const chunk of lost) chunk[Symbol.dispose]();
  await cut.return!();
  await live(runtime);
  assertEquals(runtime.foreignStatistics(1).outstanding.reduce((sum, count) => sum + count), 0);
});

Deno.test("a shard that is gone for good ends the chunks", async () => {
  await using runtime = await start({ onCrash: "keep", onWarning: () => {} });
  const cut = chunks(runtime, endless(), { shard: 1, chunkBytes: 10, ahead: 1 });
  const kept = (await cut.next()).value!;
  const waiting = cut.next();
  await assertRejects(() => runtime.submitTo(1, lendTasks.exit), ShardCrashedError);
  await assertRejects(() => waiting, ShardCrashedError);
  assertEquals(kept.ownerShard, 1);
});

Deno.test("the blocks of a shard that cut chunks and has died are freed", async () => {
  await using runtime = await start({ onCrash: "keep", onWarning: () => {} });
  const before = runtime.memoryStatistics(1).liveBlocks;
  const cutting = runtime.submitTo(0, lendTasks.cut, 1, Array(100_000).fill("abc"), 3);
  // Else the reply that lent them may be unread, which has a block of its own in the slice.
  while (runtime.busStatistics(0).callsSent < 300) await runtime.submitTo(1, lendTasks.tick);
  await assertRejects(() => runtime.submitTo(0, lendTasks.exit), ShardCrashedError);
  await assertRejects(() => cutting, ShardCrashedError);
  for (let round = 0; round < 5; round++) await runtime.submitTo(1, lendTasks.tick);
  assertEquals(runtime.memoryStatistics(1).liveBlocks, before);
});

Deno.test("chunks() refuses what it cannot do", async () => {
  await using runtime = await start();
  const bad: [
    source: unknown,
    options: unknown,
    kind: typeof TypeError | typeof RangeError,
    text: string,
  ][] = [
    [
      {},
      {},
      TypeError,
      "Cannot cut chunks from a source of type object: expected a ReadableStream, or an object with a method read(bytes)",
    ],
    [endless(), null, TypeError, "Cannot cut chunks with options of type null: expected an object"],
    [
      endless(),
      { size: 1 },
      TypeError,
      'Cannot cut chunks with an option "size": expected shard, chunkBytes, ahead, separator, signal',
    ],
    [
      endless(),
      { chunkBytes: 0 },
      RangeError,
      "Cannot cut chunks with chunkBytes of 0: expected a whole number from 1 to 4294967280",
    ],
    [
      endless(),
      { chunkBytes: "1MiB" },
      TypeError,
      "Cannot cut chunks with chunkBytes of type string: expected a number",
    ],
    [
      endless(),
      { ahead: "1" },
      TypeError,
      "Cannot cut chunks with ahead of type string: expected a number",
    ],
    [
      endless(),
      { ahead: 0 },
      RangeError,
      "Cannot cut chunks with 0 of a shard at a time: expected a whole number from 1 to 1024",
    ],
    [
      endless(),
      { shard: {} },
      TypeError,
      "Cannot cut chunks with shard of type object: expected a number, an array or a function",
    ],
    [endless(), { shard: [] }, RangeError, "Cannot cut chunks for no shard: expected one at least"],
    [
      endless(),
      { separator: true },
      TypeError,
      "Cannot cut chunks with separator of type boolean: expected a byte or a character",
    ],
    [
      endless(),
      { separator: "ab" },
      RangeError,
      'Cannot cut chunks at "ab": expected a byte from 0 to 255, or one character of ASCII',
    ],
    [endless(), { separator: "é" }, RangeError, 'Cannot cut chunks at "é": expected'],
    [endless(), { separator: 256 }, RangeError, "Cannot cut chunks at 256: expected"],
    [
      endless(),
      { signal: {} },
      TypeError,
      "Cannot cut chunks with signal of type object: expected an AbortSignal",
    ],
  ];
  for (const [source, options, kind, text] of bad) {
    assertThrows(
      () => chunks(runtime, source as ChunkSource, options as ChunkOptions),
      kind,
      text,
    );
  }
  assertThrows(() => chunks(endless()), TypeError, "This thread is not a shard");
  const first = (source: unknown, options: ChunkOptions) =>
    chunks(runtime, source as ChunkSource, options).next();
  await assertRejects(() => first(endless(), { shard: 7 }), RangeError, "shards 0 to 1");
  await assertRejects(
    () => first(readerOf(["abcdef"]), { chunkBytes: 5, separator: "\n" }),
    RangeError,
    "Cannot cut chunks of 5 bytes: a record is longer, expected a separator in each",
  );
  for (const count of [-1, 6, NaN, 0.5]) {
    await assertRejects(
      () => first({ read: () => Promise.resolve(count) }, { chunkBytes: 5 }),
      RangeError,
      `Cannot cut chunks from a source that says it has read ${count} bytes: expected 0 to 5, or null at the end`,
    );
  }
  await assertRejects(
    () => first(ReadableStream.from(["text"]), {}),
    TypeError,
    "Cannot cut chunks from a stream that gives what is of type string: expected Uint8Array",
  );
});

Deno.test("random sources, cut at random, give what a plain reader gives", async () => {
  await using runtime = await start();
  const before = await live(runtime);
  await withRandom(async (random) => {
    for (let round = 0; round < 60; round++) {
      const chunkBytes = random.between(1, 60);
      const records: Uint8Array[] = [];
      for (let count = random.below(80); count > 0; count--) {
        const record = new Uint8Array(random.between(1, chunkBytes));
        for (let i = 0; i < record.length - 1; i++) record[i] = random.between(1, 255);
        records.push(record); // 0 ends it
      }
      const all = new Uint8Array(records.flatMap((record) => [...record]));
      const rest = new Uint8Array(random.below(chunkBytes)).fill(1); // a last record that nothing ends
      const whole = new Uint8Array([...all, ...rest]);
      const parts: Uint8Array[] = [];
      for (let at = 0; at < whole.length;) {
        const length = random.below(random.below(2) === 0 ? 8 : 200);
        parts.push(whole.subarray(at, at + length));
        at += length;
      }
      const isCut = random.below(3) > 0;
      const source = random.below(2) === 0 ? readerOf(parts) : ReadableStream.from(parts);
      const cut = chunks(runtime, source as ChunkSource, {
        chunkBytes,
        ahead: random.between(1, 4),
        ...(isCut ? { separator: 0 } : {}),
        ...(random.below(2) === 0 ? { shard: random.below(2) } : {}),
      });
      const found: number[] = [];
      let length = 0;
      for await (const chunk of cut) {
        const bytes = chunk.bytes();
        assert(bytes.length > 0 && bytes.length <= chunkBytes);
        found.push(...bytes);
        length += bytes.length;
        if (isCut && length < whole.length - rest.length) assertEquals(bytes.at(-1), 0);
        if (random.below(2) === 0) chunk[Symbol.dispose]();
        else await runtime.submitTo(chunk.ownerShard, lendTasks.text, chunk);
      }
      assertEquals(found, [...whole]);
    }
  });
  assertEquals(await live(runtime), before);
});
