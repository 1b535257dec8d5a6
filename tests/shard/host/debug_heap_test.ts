import { DoubleFreeError, HeapCheckError, InvalidAddressError, Runtime } from "@tidepool/core";
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { debugHeapTasks } from "./debug_heap_tasks.ts";

async function withDebugHeap(use: (runtime: Runtime) => Promise<void>): Promise<string[]> {
  const warnings: string[] = [];
  const runtime = await Runtime.start({
    shards: 2,
    memory: "16MiB",
    debugHeap: true,
    onWarning: ({ message }) => warnings.push(message),
  });
  try {
    await use(runtime);
  } finally {
    await runtime.stop();
  }
  return warnings;
}

Deno.test("a debug heap catches misuse from another shard, at once", async () => {
  const warnings = await withDebugHeap(async (runtime) => {
    const address = await runtime.submitTo(0, debugHeapTasks.malloc, 100);
    await assertRejects(
      () => runtime.submitTo(1, debugHeapTasks.free, address + 8),
      InvalidAddressError,
    );
    await runtime.submitTo(1, debugHeapTasks.free, address);
    await assertRejects(() => runtime.submitTo(1, debugHeapTasks.free, address), DoubleFreeError);
    const other = await runtime.submitTo(0, debugHeapTasks.malloc, 40);
    await runtime.submitTo(1, debugHeapTasks.overrun, other, 40);
    await assertRejects(() => runtime.submitTo(0, debugHeapTasks.free, other), HeapCheckError);
  });
  assertEquals(warnings, []); // the block that was overrun was freed, if with an error
});

Deno.test("a debug heap reports at stop() what is still live, with where it was allocated", async () => {
  const warnings = await withDebugHeap(async (runtime) => {
    await runtime.submitTo(1, debugHeapTasks.malloc, 1234);
  });
  assertEquals(warnings.length, 1);
  assertMatch(warnings[0]!, /1,?234/);
  assertMatch(warnings[0]!, /debug_heap_tasks\.ts/);
});

Deno.test("a debug heap has nothing to report of a program that frees all", async () => {
  const warnings = await withDebugHeap(async (runtime) => {
    const address = await runtime.submitTo(1, debugHeapTasks.malloc, 10);
    await runtime.submitTo(0, debugHeapTasks.free, address);
  });
  assertEquals(warnings, []);
});
