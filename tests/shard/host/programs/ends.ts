/** A program that must end by itself, however its runtime ends: `ends.ts stop|crash|start`. */
import { Runtime, ShardCrashedError } from "@tidepool/core";
import { busTasks } from "../../bus/bus_tasks.ts";

const how = Deno.args[0];
const runtime = await Runtime.start({ shards: 2, memory: "16MiB" });
const answer = await runtime.submitTo(1, busTasks.add, 40, 2);
if (how === "stop") await runtime.stop();
if (how === "crash") {
  try {
    await runtime.submitTo(0, busTasks.crash, "exit");
  } catch (error) {
    if (!(error instanceof ShardCrashedError)) throw error;
  }
}
await Deno.stdout.write(new TextEncoder().encode(String(answer)));
