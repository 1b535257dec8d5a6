// deno-lint-ignore-file no-console -- a program run by a test
/**
 * Fills a shard, frees most of it, gives it back, fills it again; a line of JSON says what came of each.
 * Its argument is what `Runtime.start()` is given beyond that.
 */
import { Runtime, type RuntimeOptions } from "@tidepool/core";
import { trimTasks } from "../trim_tasks.ts";

const MIB = 2 ** 20;
const options: RuntimeOptions = JSON.parse(Deno.args[0] ?? "{}");
await using runtime = await Runtime.start({ shards: 1, memory: "96MiB", ...options });

const untouched = await runtime.submitTo(0, trimTasks.trim);
const filled = await runtime.submitTo(0, trimTasks.fill, 64 * MIB);
const before = Deno.memoryUsage().rss;
const freed = await runtime.submitTo(0, trimTasks.free, 40); // one of 40 stays
const given = await runtime.submitTo(0, trimTasks.trim);
const after = Deno.memoryUsage().rss;
const again = await runtime.submitTo(0, trimTasks.trim);
const keptWrong = await runtime.submitTo(0, trimTasks.wrongBytes);
await runtime.submitTo(0, trimTasks.check);
const refilled = await runtime.submitTo(0, trimTasks.fill, 60 * MIB);
const wrong = await runtime.submitTo(0, trimTasks.wrongBytes);
await runtime.submitTo(0, trimTasks.check);
await runtime.submitTo(0, trimTasks.free, Infinity);
const last = await runtime.submitTo(0, trimTasks.trim);
console.log(JSON.stringify({
  untouched,
  filled,
  freed,
  given,
  fallen: before - after,
  again,
  keptWrong,
  refilled,
  wrong,
  last,
}));
