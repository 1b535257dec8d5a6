// deno-lint-ignore-file no-console -- a program run by a test
/** A shard in an endless loop, which is to be started again. */
import { Runtime } from "@tidepool/core";
import { busTasks } from "../../bus/bus_tasks.ts";

const runtime = await Runtime.start({
  shards: 2,
  memory: "16MiB",
  watchdogMs: 200,
  onCrash: "restart",
  onRestart: () => console.log("started again"),
});
runtime.submitTo(1, busTasks.loop).catch(() => {}); // it is told by `closed` below
try {
  await runtime.closed;
} catch (error) {
  console.log(String(error));
  console.log(String((error as Error).cause));
}
Deno.exit(0);
