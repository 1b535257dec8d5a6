import { assertEquals } from "@std/assert";

Deno.test("the counter example counts on another shard and ends by itself", async () => {
  const { code, stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-check",
      "--allow-read",
      new URL("../../examples/counter/main.ts", import.meta.url).href,
    ],
    stderr: "inherit",
    signal: AbortSignal.timeout(20_000), // only to fail instead of hanging
  }).output();
  assertEquals([code, new TextDecoder().decode(stdout)], [
    0,
    "made on shard 1\nthe count is 42\n",
  ]);
});
