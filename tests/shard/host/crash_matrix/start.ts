// deno-lint-ignore-file no-console -- a program run by a test
/** A shard that dies while it starts, `start.ts ENDING`: prints what came of it, and ends by itself. */
import { Runtime } from "@tidepool/core";
import { workerThreads } from "../../../harness/worker_threads.ts";

await import(`./dies_at_start.ts?${Deno.args[0]}`);
try {
  await Runtime.start({ shards: 3, memory: "16MiB" });
} catch (error) {
  console.log(String(error));
  if (error instanceof Error) console.log(`cause ${error.cause}`);
}
await workerThreads.ended(0);
