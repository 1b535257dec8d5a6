/** Programs of one file: their shards import the module that starts the runtime, and must not do so again. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { Runtime } from "@tidepool/core";
import { nestingTasks } from "./nesting_tasks.ts";

async function run(way: string): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-check",
      "--allow-read",
      "--allow-sys",
      new URL("./programs/one_file.ts", import.meta.url).href,
      way,
    ],
  }).output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

Deno.test("a program of one file starts its runtime in a block of if (import.meta.main)", async () => {
  assertEquals(await run("main"), "1\n");
});

Deno.test("a runtime at the top level of a module that a shard imports is refused there, and the call told", async () => {
  assertStringIncludes(
    await run("top level"),
    "TypeError: Cannot start a runtime at the top level of a module that a shard imports, as each shard would do so again: start it in a module that no shard imports, or in a block of if (import.meta.main)",
  );
});

Deno.test("runtimes lie four deep at most, so that none are started without end", async () => {
  await using runtime = await Runtime.start({ shards: 1, memory: "2MiB", hostMemory: "1MiB" });
  assertEquals(await runtime.submitTo(0, nestingTasks.nest, 1), [
    "Cannot start a runtime in a shard that lies 4 runtimes deep, as it seems that each shard does so: start it in a module that no shard imports, or in a block of if (import.meta.main)",
    4,
  ]);
});
