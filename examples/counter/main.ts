// deno-lint-ignore-file no-console -- a command-line program
/** Counts on another core: `deno run -A examples/counter/main.ts`. */
import { Runtime } from "@tidepool/core";
import { counter } from "./counter.ts";

await using runtime = await Runtime.start({ shards: 2, memory: "64MiB" });

// A counter is made on shard 1, and owned by it. Here there is a pointer.
await using pointer = await runtime.submitTo(1, counter.open, 10);
console.log(`made on shard ${pointer.ownerShard}`);

// To use the object, call its home shard: get() lends it to a task that runs there.
await runtime.submitTo(pointer.ownerShard, counter.add, pointer.get(), 5);

// The same, in short.
console.log(`the count is ${await pointer.invoke("add", 27)}`);
