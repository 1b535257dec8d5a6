// deno-lint-ignore-file no-console -- a program run by a test
/** Ends when its work is done, whatever time its calls would have had. */
import { Runtime } from "@tidepool/core";
import { busTasks } from "../../bus/bus_tasks.ts";

const signal = AbortSignal.timeout(3_600_000);
{
  await using runtime = await Runtime.start({ shards: 2, memory: "16MiB" });
  const add = busTasks.add.with({ signal, timeoutMs: 3_600_000 });
  console.log(await runtime.submitTo(1, add, 1, 2));
}
