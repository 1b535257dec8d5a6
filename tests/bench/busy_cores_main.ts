/** Prints the id of a busy process that it has started, and works beside it until it is killed. */
// deno-lint-ignore-file no-console -- a program of its own
import { besideBusyProcesses } from "../../bench/subjects/busy_cores.ts";

await besideBusyProcesses(1, async ([processId]) => {
  console.log(processId);
  await new Promise((resolve) => setTimeout(resolve, 60_000));
});
