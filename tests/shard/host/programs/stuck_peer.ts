// deno-lint-ignore-file no-console -- a program run by a test
/** A shard in an endless loop, and one that dies meanwhile and is to be started again. */
import { Runtime } from "@tidepool/core";
import { busTasks } from "../../bus/bus_tasks.ts";

const runtime = await Runtime.start({
  shards: 3,
  memory: "16MiB",
  watchdogMs: 200,
  onCrash: "restart",
  onRestart: () => console.log("started again"),
});
const { allocator } = runtime["endpoint"];
const counter = allocator.calloc(1, 4);
const word = new Int32Array(allocator.buffer, counter, 1);
runtime.submitTo(1, busTasks.countTo, counter, Infinity).catch(() => {}); // told by `closed` below
while (Atomics.load(word, 0) === 0) await runtime.submitTo(0, busTasks.id);
await runtime.submitTo(2, busTasks.crash, "throw").catch((error) => console.log(String(error)));
await runtime.closed.catch((error) => console.log(String(error)));
await runtime.stop({ deadlineMs: Infinity }).catch(() => console.log("stopped"));
Deno.exit(0);
