/** What a program that starts, calls and stops does not have loaded. */
import { assertEquals } from "@std/assert";

Deno.test("a start, a call and a stop load no timers, buffers and streams of Deno", async () => {
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-check",
      "--allow-read",
      new URL("./programs/lean.ts", import.meta.url).href,
    ],
    stderr: "inherit",
    // Shorter than the deadline of its stop, which must not keep it alive.
    signal: AbortSignal.timeout(50_000),
  }).output();
  assertEquals([code, new TextDecoder().decode(stdout)], [0, "[[],[]]\n"]);
});
