/** Bounded maps, over sources that are async and that are not. */
import { mapCalls } from "../../../shard/flow/map_limit.ts";
import type { WindowOptions } from "../../../shard/flow/call_window.ts";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { countListeners } from "../../harness/counted_listeners.ts";
import { Calls, Numbers, settled } from "./flow_probes.ts";

function start(count: number, isAsync: boolean, options: WindowOptions, failsAt = -1) {
  const numbers = new Numbers(count, isAsync);
  numbers.failsAt = failsAt;
  const calls = new Calls();
  return { numbers, calls, results: mapCalls(numbers.items, calls.call, options) };
}

for (const isAsync of [false, true]) {
  const of = isAsync ? "an async source" : "a plain source";

  Deno.test(`mapLimit() over ${of} keeps so many calls under way, and gives results in order`, async () => {
    const { numbers, calls, results } = start(10, isAsync, { inFlight: 3 });
    await settled();
    assertEquals([numbers.taken, calls.underWay], [3, [0, 1, 2]]);
    calls.end(2, 1); // the first holds nobody up
    await settled();
    assertEquals(calls.underWay, [0, 3, 4]);
    calls.end(3, 4);
    await settled();
    calls.end(5, 6);
    await settled();
    assertEquals(calls.underWay, [0, 7, 8]);
    calls.endAll();
    await settled();
    calls.endAll();
    assertEquals(await results, Array.from({ length: 10 }, (_, item) => `result ${item}`));
    assertEquals([calls.most, numbers.closed], [3, 0]);
  });

  Deno.test(`mapLimit() over ${of} gives an array without holes, of no items too`, async () => {
    const { calls, results } = start(5000, isAsync, { inFlight: 5000 });
    while (calls.made < 5000) await settled();
    calls.end(4999);
    await settled();
    calls.endAll();
    assertEquals(Object.keys(await results).length, 5000);
    assertEquals(await start(0, isAsync, {}).results, []);
  });

  Deno.test(`the first error rejects mapLimit() over ${of} at once, and leaves the rest`, async () => {
    const { numbers, calls, results } = start(100, isAsync, { inFlight: 4 });
    await settled();
    calls.fail(2);
    await assertRejects(() => results, Error, "call 2");
    calls.fail(0); // nobody hears of it
    calls.end(1);
    await settled();
    assertEquals([numbers.taken, numbers.closed, calls.underWay], [4, 1, [3]]);
    calls.endAll();
  });

  Deno.test(`a source that throws rejects mapLimit() over ${of} at once, and is not closed`, async () => {
    const { numbers, calls, results } = start(100, isAsync, { inFlight: 4 }, 2);
    await assertRejects(() => results, Error, "source");
    assertEquals([calls.underWay, numbers.closed], [[0, 1], 0]);
    calls.fail(0);
    calls.endAll();
    await settled();
  });

  Deno.test(`an abort rejects mapLimit() over ${of} at once, and closes it`, async () => {
    const controller = new AbortController();
    const listeners = countListeners(controller.signal);
    const { signal } = controller;
    const { numbers, calls, results } = start(100, isAsync, { inFlight: 4, signal });
    await settled();
    assertEquals(listeners(), 1);
    controller.abort(new Error("enough"));
    await assertRejects(() => results, Error, "enough");
    calls.fail(1);
    await settled();
    assertEquals([numbers.taken, numbers.closed, listeners()], [4, 1, 0]);
    calls.endAll();
    const late = start(100, isAsync, { signal });
    await assertRejects(() => late.results, Error, "enough");
    assertEquals([late.numbers.taken, late.numbers.closed], [0, 1]);
  });

  Deno.test(`mapLimit() over ${of} leaves no listener behind, however it ends`, async () => {
    const { signal } = new AbortController();
    const listeners = countListeners(signal);
    const { calls, results } = start(2, isAsync, { signal });
    await settled();
    calls.endAll();
    await results;
    assertEquals(listeners(), 0);
    const failing = start(2, isAsync, { signal });
    await settled();
    failing.calls.fail(0);
    await assertRejects(() => failing.results);
    assertEquals(listeners(), 0);
    failing.calls.endAll();
  });

  Deno.test(`mapLimit() over ${of} rejects with what a call throws before there is a promise`, async () => {
    const numbers = new Numbers(100, isAsync);
    const results = mapCalls(numbers.items, (): Promise<number> => {
      throw new Error("at once");
    });
    await assertRejects(() => results, Error, "at once");
    await settled();
    assertEquals([numbers.taken, numbers.closed], [1, 1]);
  });
}

Deno.test("mapLimit() refuses options and items that are not fit, as a rejection", async () => {
  const call = (item: number) => Promise.resolve(item);
  const expected = "expected a whole number from 1 to 65536";
  await assertRejects(
    () => mapCalls([1], call, { inFlight: Infinity }),
    RangeError,
    `Cannot map with Infinity calls in flight: ${expected}`,
  );
  await assertRejects(
    () => mapCalls([1], call, { ordered: true } as WindowOptions),
    TypeError,
    'Cannot map with an option "ordered": expected inFlight, signal',
  );
  await assertRejects(
    () => mapCalls(undefined as unknown as number[], call),
    TypeError,
    "Cannot map items that are undefined: expected an iterable or an async iterable",
  );
});

Deno.test("mapLimit() does as well without options", async () => {
  const numbers = new Numbers(1000, false);
  const results = await mapCalls(numbers.items, (item) => Promise.resolve(item));
  assert(results.every((result, index) => result === index));
});
