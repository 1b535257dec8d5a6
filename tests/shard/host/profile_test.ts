/**
 * What Deno writes when it ends a thread, which is its profile, is there when the runtime has stopped.
 * Deno itself does not wait for threads when a process ends.
 */
import { assert, assertEquals } from "@std/assert";

/** What a `.cpuprofile` has, as far as it is read here. */
interface CpuProfile {
  readonly nodes: readonly { readonly callFrame: { readonly functionName: string } }[];
}

const RUNS = 4;

for (const how of ["stop", "abort"]) {
  Deno.test(`--cpu-prof has a profile of every shard after ${how}(), run after run`, async () => {
    for (let run = 0; run < RUNS; run++) {
      const directory = await Deno.makeTempDir();
      try {
        await profile(directory, how);
        assertEquals(await shardsThatName("sumOfRoots", directory), 2, `run ${run}`);
      } finally {
        await Deno.remove(directory, { recursive: true });
      }
    }
  });
}

/** Runs the program under the profiler, which writes to `directory`. */
async function profile(directory: string, how: string): Promise<void> {
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-check",
      "--allow-read",
      `--cpu-prof-dir=${directory}`,
      new URL("./programs/profiled.ts", import.meta.url).href,
      how,
    ],
    stderr: "inherit",
    signal: AbortSignal.timeout(60_000), // only to fail instead of hanging
  }).output();
  assertEquals(code, 0);
}

/** How many threads other than the main one have a whole profile that names `functionName`. */
async function shardsThatName(functionName: string, directory: string): Promise<number> {
  let count = 0;
  for await (const { name } of Deno.readDir(directory)) {
    if (!name.includes("worker")) continue;
    const { nodes } = JSON.parse(await Deno.readTextFile(`${directory}/${name}`)) as CpuProfile;
    assert(nodes.some(({ callFrame }) => callFrame.functionName === functionName), name);
    count++;
  }
  return count;
}
