// deno-lint-ignore-file no-console -- a program run by a test
/** A shard in an endless loop, with a watchdog. */
import { Runtime } from "@tidepool/core";
import { busTasks } from "../../bus/bus_tasks.ts";

const runtime = await Runtime.start({
  shards: 2,
  memory: "16MiB",
  watchdogMs: 200,
  onCrash: "keep",
});
// Idle for longer than the watchdog's time: another shard's call is awaited that long.
const { promise, resolve } = Promise.withResolvers<void>();
setTimeout(resolve, 600);
await promise;
console.log("idle", await runtime.submitTo(1, busTasks.add, 1, 2));
try {
  await runtime.submitTo(1, busTasks.loop);
} catch (error) {
  console.log(String(error));
}
Deno.exit(await runtime.submitTo(0, busTasks.add, 0, 0));
