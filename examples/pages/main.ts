// deno-lint-ignore-file no-console -- a command-line program
/** Counts the visits of pages: `deno run -A examples/pages/main.ts`. */
import { Runtime } from "@tidepool/core";
import { pages } from "./pages.ts";

await using runtime = await Runtime.start({ shards: 4, memory: "64MiB" });
await using visits = await pages.start(runtime); // pass it to any task or service

await visits.add("/", 1); // a call, to the shard that "/" belongs to
await visits.update("/", "atLeast", 10);
console.log(`${visits.get("/")} visits`); // from any shard: no promise, no message
