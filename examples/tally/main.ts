// deno-lint-ignore-file no-console -- a command-line program
/** The program of the README: `deno run --allow-read examples/tally/main.ts`. */
import { Runtime } from "@tidepool/core";
import { tallies, Tally } from "./tally.ts";

await using runtime = await Runtime.start({ shards: 4, memory: "256MiB" });

await using tally = await runtime.submitTo(2, tallies.open); // a ForeignPtr: the tally stays on shard 2
await runtime.submitTo(tally.ownerShard, tallies.add, tally.get(), 41.5); // runs where it lives
const { count, sum } = tally.view(Tally); // read from here, without a message
console.log(`${count} value, sum ${sum}`);
