/**
 * Pipelines: what is taken, called, read, and left behind, over sources that are async and that are not.
 * An error that nobody handles fails the test that it comes in.
 */
import { Pipeline, type PipelineOptions } from "../../../shard/flow/pipeline.ts";
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { countListeners } from "../../harness/counted_listeners.ts";
import { Calls, Numbers, settled } from "./flow_probes.ts";

interface Bench {
  readonly numbers: Numbers;
  readonly calls: Calls;
  readonly pipeline: Pipeline<number, string>;
  /** Asks for one more result. */
  read(): Promise<string>;
}

/** The result as text, or how the pipeline has ended. */
async function outcomeOf(step: Promise<IteratorResult<string>>): Promise<string> {
  try {
    const { value, done } = await step;
    return done ? "done" : value;
  } catch (error) {
    return error instanceof Error ? `Error: ${error.message}` : String(error);
  }
}

function open(count: number, isAsync: boolean, options: PipelineOptions): Bench {
  const numbers = new Numbers(count, isAsync);
  const calls = new Calls();
  const pipeline = new Pipeline(numbers.items, calls.call, options);
  return { numbers, calls, pipeline, read: () => outcomeOf(pipeline.next()) };
}

for (const isAsync of [false, true]) {
  const of = isAsync ? "an async source" : "a plain source";

  Deno.test(`a pipeline over ${of} gives results in the order of the items`, async () => {
    const { calls, read } = open(3, isAsync, { inFlight: 3 });
    const reads = [read(), read(), read(), read(), read()];
    await settled();
    for (const item of [2, 0, 1]) calls.end(item);
    assertEquals(await Promise.all(reads), ["result 0", "result 1", "result 2", "done", "done"]);
  });

  Deno.test(`a pipeline over ${of} that is not ordered gives results as they come`, async () => {
    const { calls, read } = open(3, isAsync, { inFlight: 3, ordered: false });
    const first = read();
    await settled();
    for (const item of [2, 0, 1]) calls.end(item);
    assertEquals(await first, "result 2");
    assertEquals([await read(), await read(), await read()], ["result 0", "result 1", "done"]);
  });

  Deno.test(`a pipeline over ${of} takes nothing before it is read, and then no more than it may`, async () => {
    const { calls, numbers, read } = open(1000, isAsync, { inFlight: 4 });
    await settled();
    assertEquals(numbers.taken, 0);
    const first = read();
    await settled();
    assertEquals([numbers.taken, calls.underWay.length], [4, 4]);
    calls.endAll();
    assertEquals(await first, "result 0");
    for (let round = 0; round < 10; round++) {
      await settled();
      calls.endAll();
    }
    // One has been read; 12 are ahead of the reader, none of them under way.
    assertEquals([numbers.taken, calls.underWay.length, calls.most], [13, 0, 4]);
    // The calls go on when the reader has but 4 results left.
    for (let result = 1; result < 8; result++) assertEquals(await read(), `result ${result}`);
    await settled();
    assertEquals(numbers.taken, 13);
    assertEquals(await read(), "result 8");
    await settled();
    assertEquals([numbers.taken, calls.most], [17, 4]);
  });

  Deno.test(`a reader that waits for a slow call keeps the others going, over ${of}`, async () => {
    const { calls, numbers, read } = open(1000, isAsync, { inFlight: 4 });
    const first = read();
    for (let round = 0; round < 10; round++) {
      await settled();
      calls.end(...calls.underWay.filter((item) => item > 0));
    }
    assertEquals([numbers.taken, calls.underWay], [12, [0]]);
    calls.end(0);
    assertEquals(await first, "result 0");
  });

  for (const ordered of [true, false]) {
    const kind = ordered ? "" : " that is not ordered";

    Deno.test(`an error takes its place in a pipeline over ${of}${kind}, and ends it`, async () => {
      const { calls, numbers, read } = open(100, isAsync, { inFlight: 4, ordered });
      const first = read();
      await settled();
      calls.end(1);
      await settled(); // one more is called
      calls.fail(2);
      await settled();
      const { taken } = numbers;
      assertEquals(numbers.closed, 1);
      calls.end(0);
      calls.end(3);
      const outcomes = [await first, await read(), await read(), await read()];
      assertEquals(
        outcomes,
        ordered
          ? ["result 0", "result 1", "Error: call 2", "done"]
          : ["result 1", "Error: call 2", "done", "done"],
      );
      await settled();
      assertEquals([numbers.taken, numbers.closed], [taken, 1]);
      // Whoever is under way may fail: nobody hears of it.
      for (const item of calls.underWay) calls.fail(item);
      await settled();
      assertEquals(await read(), "done");
    });

    Deno.test(`a source that throws ends a pipeline over ${of}${kind} behind its calls`, async () => {
      const { calls, numbers, read } = open(100, isAsync, { inFlight: 4, ordered });
      numbers.failsAt = 2;
      const reads = [read(), read(), read(), read()];
      await settled();
      calls.end(1);
      calls.end(0);
      const results = ordered ? ["result 0", "result 1"] : ["result 1", "result 0"];
      assertEquals(await Promise.all(reads), [...results, "Error: source", "done"]);
      assertEquals(numbers.closed, 0); // it has failed: nothing is left to be closed
    });

    Deno.test(`an abort ends a pipeline over ${of}${kind} at once`, async () => {
      const controller = new AbortController();
      const listeners = countListeners(controller.signal);
      const options = { inFlight: 4, ordered, signal: controller.signal };
      const { calls, numbers, read } = open(100, isAsync, options);
      const reads = [read(), read()];
      await settled();
      assertEquals(listeners(), 1);
      controller.abort("enough");
      assertEquals(await Promise.all(reads), ["enough", "done"]);
      assertEquals([numbers.taken, numbers.closed, listeners()], [4, 1, 0]);
      calls.fail(0);
      calls.end(1);
      await settled();
      assertEquals([await read(), numbers.taken], ["done", 4]);
    });
  }

  Deno.test(`an abort between two reads is the next thing read, and drops results, over ${of}`, async () => {
    const controller = new AbortController();
    const options = { inFlight: 4, signal: controller.signal };
    const { calls, numbers, read } = open(100, isAsync, options);
    const first = read();
    await settled();
    calls.endAll();
    await first;
    await settled();
    controller.abort("enough");
    assertEquals(numbers.closed, 1);
    assertEquals([await read(), await read()], ["enough", "done"]);
    calls.endAll();
  });

  Deno.test(`a pipeline whose signal has aborted takes nothing, and closes ${of}`, async () => {
    const { numbers, read } = open(100, isAsync, { signal: AbortSignal.abort("enough") });
    assertEquals([await read(), await read()], ["enough", "done"]);
    assertEquals([numbers.taken, numbers.closed], [0, 1]);
  });

  Deno.test(`leaving the loop closes ${of}, and what that throws is thrown`, async () => {
    for (const isFailing of [false, true]) {
      const { calls, numbers, pipeline } = open(100, isAsync, { inFlight: 4 });
      if (isFailing) {
        numbers.atClose = () => {
          throw new Error("close");
        };
      }
      const leave = async () => {
        for await (const result of pipeline) {
          assertEquals(result, "result 0");
          break;
        }
      };
      const left = leave();
      await settled();
      calls.end(0);
      if (isFailing) await assertRejects(() => left, Error, "close");
      else await left;
      const { taken } = numbers;
      calls.fail(1);
      await settled();
      assertEquals([numbers.taken, numbers.closed], [taken, 1]);
    }
  });

  Deno.test(`a pipeline that is disposed of closes ${of}, read or not`, async () => {
    const unread = open(100, isAsync, {});
    {
      await using _ = unread.pipeline;
    }
    assertEquals([unread.numbers.taken, unread.numbers.closed, await unread.read()], [
      0,
      1,
      "done",
    ]);
    const { pipeline, numbers, calls, read } = open(2, isAsync, {});
    {
      await using _ = pipeline;
      const reads = [read(), read(), read()];
      await settled();
      calls.endAll();
      assertEquals(await Promise.all(reads), ["result 0", "result 1", "done"]);
    }
    assertEquals(numbers.closed, 0); // it had ended
  });

  Deno.test(`readers that wait when a pipeline over ${of} is left get nothing`, async () => {
    const { pipeline, calls, read } = open(100, isAsync, { inFlight: 2 });
    const reads = [read(), read()];
    await settled();
    await pipeline.return();
    assertEquals(await Promise.all(reads), ["done", "done"]);
    calls.endAll();
  });

  Deno.test(`a call that throws before there is a promise is a call that fails, over ${of}`, async () => {
    const numbers = new Numbers(100, isAsync);
    const pipeline = new Pipeline(numbers.items, (item: number): Promise<number> => {
      if (item === 1) throw new Error("at once");
      return Promise.resolve(item);
    });
    assertEquals((await pipeline.next()).value, 0);
    await assertRejects(() => pipeline.next(), Error, "at once");
    assertEquals([numbers.taken, numbers.closed], [2, 1]);
  });

  Deno.test(`a pipeline over ${of} without items is over at once`, async () => {
    const { numbers, read } = open(0, isAsync, {});
    assertEquals([await read(), await read(), numbers.closed], ["done", "done", 0]);
  });
}

Deno.test("leaving does not wait for an item that may never come, and closes the source behind it", async () => {
  const { calls, numbers, pipeline, read } = open(100, true, { inFlight: 4 });
  const item = Promise.withResolvers<void>();
  numbers.before = (number) => number === 1 ? item.promise : undefined;
  const first = read();
  await settled();
  calls.end(0);
  assertEquals(await first, "result 0");
  await pipeline.return(); // while item 1 is awaited
  item.resolve();
  await settled();
  assertEquals([numbers.closed, calls.made], [1, 1]);
});

Deno.test("what a source throws that was left while an item was awaited is nobody's", async () => {
  const { numbers, pipeline, read } = open(100, true, { inFlight: 4 });
  const item = Promise.withResolvers<void>();
  numbers.before = () => item.promise;
  const first = read();
  await pipeline.return();
  item.reject(new Error("too late"));
  await settled();
  assertEquals([await first, numbers.closed], ["done", 0]);
});

Deno.test("a source may abort in the middle of an item: it is closed when it has given that", async () => {
  const controller = new AbortController();
  let closed = 0;
  function* numbers() {
    try {
      yield 0;
      controller.abort("by the source");
      yield 1;
    } finally {
      closed++;
    }
  }
  const { signal } = controller;
  const pipeline = new Pipeline(numbers(), (item: number) => Promise.resolve(item), { signal });
  await assertRejects(() => pipeline.next().catch((reason) => Promise.reject(new Error(reason))));
  await settled();
  assertEquals(closed, 1);
});

Deno.test("a stream is a source, and is cancelled when the pipeline is left", async () => {
  let cancelled = 0;
  let next = 0;
  const stream = new ReadableStream<number>({
    pull: (controller) => controller.enqueue(next++),
    cancel: () => void cancelled++,
  });
  const results: number[] = [];
  const doubled = new Pipeline(stream, (item: number) => Promise.resolve(2 * item), {
    inFlight: 2,
  });
  for await (const result of doubled) {
    if (results.push(result) === 5) break;
  }
  assertEquals(results, [0, 2, 4, 6, 8]);
  await settled();
  assertEquals(cancelled, 1);
});

Deno.test("a pipeline refuses options and items that are not fit, when it is made", () => {
  const call = (item: number) => Promise.resolve(item);
  const refuse = (options: unknown, kind: typeof TypeError, message: string) => {
    const make = () => new Pipeline([1], call, options as PipelineOptions);
    assertThrows(make, kind, message);
  };
  const expected = "expected a whole number from 1 to 65536";
  for (const inFlight of [0, -1, 1.5, NaN, Infinity, 65_537]) {
    refuse({ inFlight }, RangeError, `Cannot pipe with ${inFlight} calls in flight: ${expected}`);
  }
  refuse(
    { inFlight: "4" },
    TypeError,
    `Cannot pipe with inFlight that is the text "4": ${expected}`,
  );
  refuse(
    { signal: {} },
    TypeError,
    "Cannot pipe with signal that is of type object: expected an AbortSignal",
  );
  refuse(
    { ordered: 1 },
    TypeError,
    "Cannot pipe with ordered that is of type number: expected a boolean",
  );
  refuse(
    { limit: 4 },
    TypeError,
    'Cannot pipe with an option "limit": expected inFlight, signal, ordered',
  );
  refuse(null, TypeError, "Cannot pipe with options that are null: expected an object");
  for (const [items, kind] of [[5, "of type number"], [null, "null"], [{}, "of type object"]]) {
    assertThrows(
      () => new Pipeline(items as number[], call),
      TypeError,
      `Cannot pipe items that are ${kind}: expected an iterable or an async iterable`,
    );
  }
});

Deno.test("a million items pass through a pipeline, and the heap stays as it was", async () => {
  const COUNT = 1_000_000;
  function* numbers() {
    for (let item = 0; item < COUNT; item++) yield item;
  }
  const call = (item: number) => Promise.resolve({ item, text: `item ${item}` });
  for (const ordered of [true, false]) {
    let read = 0;
    let early = 0;
    let late = 0;
    for await (const { item } of new Pipeline(numbers(), call, { ordered })) {
      assertEquals(item, read++);
      // The least of many looks: what is left behind counts, not what has yet to be collected.
      if (read % 1000 !== 0) continue;
      const { heapUsed } = Deno.memoryUsage();
      if (read > COUNT / 10 && read <= COUNT / 2) early = Math.min(early || heapUsed, heapUsed);
      if (read > COUNT / 2) late = Math.min(late || heapUsed, heapUsed);
    }
    assertEquals(read, COUNT);
    // A byte kept of each item would be half a million.
    assert(late - early < 400_000, `${late - early} bytes more`);
  }
});
