/** The processes that keep the cores busy: they spin, and none of them outlives what it was for. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { fileURLToPath } from "node:url";
import { besideBusyProcesses } from "../../bench/subjects/busy_cores.ts";

const MAIN = fileURLToPath(new URL("./busy_cores_main.ts", import.meta.url));

/** Continues a process that was never stopped: nothing happens, except that an absent one throws. */
function touch(processId: number): void {
  Deno.kill(processId, "SIGCONT");
}

/** Processor time of a process, in ticks of 10 ms. */
function ticksOf(processId: number): number {
  const fields = Deno.readTextFileSync(`/proc/${processId}/stat`).split(") ")[1]!.split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

Deno.test({
  name: "besideBusyProcesses() runs the work beside processes that use processor time",
  ignore: Deno.build.os !== "linux", // Elsewhere there is no /proc to read the time from.
  fn: async () => {
    const ids = await besideBusyProcesses(2, async (processIds) => {
      const before = processIds.map(ticksOf);
      // Ends when both have run for 50 ms; a process that waits instead makes it end at the deadline.
      const deadline = performance.now() + 20_000;
      while (processIds.some((id, index) => ticksOf(id) - before[index]! < 5)) {
        assert(performance.now() < deadline, "A busy process does not run");
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
      return processIds;
    });
    assertEquals(new Set(ids).size, 2);
    for (const id of ids) assertThrows(() => touch(id), Deno.errors.NotFound);
  },
});

Deno.test("besideBusyProcesses() ends its processes when the work throws", async () => {
  let id = 0;
  const work = ([processId]: readonly number[]) => {
    id = processId!;
    touch(id);
    return Promise.reject(new Error("no figure"));
  };
  await assertRejects(() => besideBusyProcesses(1, work), Error, "no figure");
  assertThrows(() => touch(id), Deno.errors.NotFound);
});

Deno.test("besideBusyProcesses() refuses figures that were taken beside fewer processes", async () => {
  const work = async ([processId]: readonly number[]) => {
    Deno.kill(processId!, "SIGKILL");
    for (;;) {
      try {
        touch(processId!);
      } catch {
        return; // It has ended, and its parent knows.
      }
      await new Promise((resolve) => setTimeout(resolve));
    }
  };
  await assertRejects(
    () => besideBusyProcesses(2, work),
    Error,
    "1 of 2 busy processes ended too early",
  );
});

for (const signal of ["SIGINT", "SIGKILL"] as const) {
  Deno.test(`a busy process ends by itself when its parent is ended by ${signal}`, async () => {
    const parent = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-lock", "--no-check", "--quiet", "--allow-run", MAIN],
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const reader = parent.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const id = Number((await reader.read()).value);
    touch(id);
    parent.kill(signal);
    assertEquals((await parent.status).signal, signal);
    // The busy process has inherited the parent's stderr: it reads to its end once both are gone.
    const deadline = setTimeout(() => Deno.kill(id, "SIGKILL"), 10_000);
    const begin = performance.now();
    await parent.stderr.pipeTo(new WritableStream());
    clearTimeout(deadline);
    await reader.cancel();
    assert(performance.now() - begin < 10_000, "It had to be killed");
  });
}
