// deno-lint-ignore-file no-console -- a program whose output a test reads
/** A program that defines its task in the module that starts the runtime: the argument says how it does so. */
import { defineTasks, Runtime } from "@tidepool/core";

const tasks = defineTasks(import.meta.url, { one: () => 1 });

async function run(): Promise<void> {
  await using runtime = await Runtime.start({ shards: 1, memory: "2MiB", hostMemory: "1MiB" });
  try {
    console.log(await runtime.submitTo(0, tasks.one));
  } catch (error) {
    const { cause } = error as Error;
    console.log(String(cause instanceof Error ? cause : error));
  }
}

const way = Deno.args[0];
if (way === "top level") await run();
else if (import.meta.main) await run();
