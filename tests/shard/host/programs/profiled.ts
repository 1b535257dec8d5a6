/**
 * A program to be profiled: every shard works, and the process exits as soon as the runtime has ended:
 * `profiled.ts stop|abort`.
 */
import { Runtime } from "@tidepool/core";
import { profiledTasks } from "../profiled_tasks.ts";

const runtime = await Runtime.start({ shards: 2, memory: "16MiB" });
await runtime.invokeOnAll(profiledTasks.work);
if (Deno.args[0] === "abort") runtime.abort();
await runtime.stop();
Deno.exit(); // at once: the process does not even write its own profile, which would take a while
