/**
 * A runtime in which every allocation fails once, of the shard that calls or of the one that is called:
 * each call is answered, with its result or a clean error; nothing hangs, leaks or is spoilt, and the
 * next calls are served.
 */
import { Runtime } from "@tidepool/core";
import { assert, assertEquals } from "@std/assert";
import { failedAllocationTasks as tasks, type Outcome } from "./failed_allocation_tasks.ts";

const CALLER = 0;
const CALLEE = 1;

for (const failing of [CALLER, CALLEE]) {
  const side = failing === CALLER ? "caller" : "callee";
  Deno.test(`every allocation of a ${side} may fail: calls are answered, nothing is lost`, async () => {
    await using runtime = await Runtime.start({ shards: 2, memory: "4MiB" });
    const callAll = (failAfter: number): Promise<Outcome> => {
      return runtime.submitTo(CALLER, tasks.callAll, CALLEE, failAfter);
    };
    const live = async () => [
      await runtime.submitTo(CALLER, tasks.liveBlocks),
      await runtime.submitTo(CALLEE, tasks.liveBlocks),
      await runtime.submitTo(CALLER, tasks.liveBlocks), // what the callee gave back has come home
    ];
    assertEquals(await callAll(Infinity), { errors: [], failed: false });
    const before = await live();
    let runs = 0;
    for (let failed = true; failed; runs++) {
      let outcome: Outcome;
      if (failing === CALLER) {
        outcome = await callAll(runs);
        ({ failed } = outcome);
      } else {
        await runtime.submitTo(CALLEE, tasks.failAfter, runs);
        outcome = await callAll(Infinity);
        failed = await runtime.submitTo(CALLEE, tasks.cancel);
      }
      assertEquals(outcome.errors, failed ? ["MessageMemoryError"] : [], `run ${runs}`);
      assertEquals(await live(), before, `run ${runs}`);
      for (const shard of [CALLER, CALLEE]) runtime.checkHeap(shard);
    }
    assert(runs > 4, `${runs} runs`);
  });
}
