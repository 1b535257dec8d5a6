/**
 * The crash matrix: each way for a shard to end × each moment × each policy. Every promise settles, with
 * the class and the cause that belong to it; no thread is left; the process ends by itself. The cells of
 * an ending are played in a process of their own, see crash_matrix/program.ts; to play some of them by
 * hand: `deno run -A --no-check tests/shard/host/crash_matrix/program.ts "throw:service start"`.
 */
import { assert, assertEquals } from "@std/assert";
import {
  type CellReport,
  ENDINGS,
  expectedOutcomes,
  MOMENTS,
  POLICIES,
} from "./crash_matrix/table.ts";

/** Runs a program to its end, which must come by itself; its output. */
async function outputOf(program: string, argument: string): Promise<string> {
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-check",
      "--allow-all", // the list of threads in /proc asks for no less
      new URL(`./crash_matrix/${program}`, import.meta.url).href,
      argument,
    ],
    stderr: "inherit",
    signal: AbortSignal.timeout(300_000), // only to fail instead of hanging
  }).output();
  assertEquals(code, 0);
  return new TextDecoder().decode(stdout);
}

for (const ending of ENDINGS) {
  Deno.test(`crash matrix: ${ending} at every moment, under every policy`, async (t) => {
    const lines = (await outputOf("program.ts", ending)).trim().split("\n");
    const moments = Object.values(MOMENTS).filter((leftOut) => !leftOut.includes(ending));
    assertEquals(lines.length, moments.length * POLICIES.length);
    for (const line of lines) {
      const cell = JSON.parse(line) as CellReport;
      await t.step(`${cell.moment}, "${cell.policy}"`, () => {
        for (const [promise, outcome] of Object.entries(cell.outcomes)) {
          const expected = expectedOutcomes(cell, promise);
          assert(
            expected.some((text) => text === outcome || text !== "ok" && outcome.startsWith(text)),
            `${promise}: ${outcome}, expected ${expected.join(" or ")}`,
          );
        }
      });
    }
  });
}

for (
  const [ending, cause] of [
    ["throw", "SyntaxError: thrown while the module loads"],
    ["reject", "SyntaxError: nobody catches this"],
    ["close", "Error: its thread closed itself, by self.close() or Deno.exit()"],
    ["exit", "Error: its thread closed itself, by self.close() or Deno.exit()"],
  ] as const
) {
  Deno.test(`crash matrix: ${ending} during start fails it whole, with shard and cause`, async () => {
    assertEquals(
      await outputOf("start.ts", ending),
      `ShardStartError: Cannot start shard 1: ${cause}\ncause ${cause}\n`,
    );
  });
}
