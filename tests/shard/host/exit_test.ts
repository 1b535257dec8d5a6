/** Programs that use a runtime end by themselves. */
import { assertEquals } from "@std/assert";

for (const how of ["stop", "crash"]) {
  Deno.test(`a program ends by itself after the runtime's ${how}`, async () => {
    const { code, stdout } = await new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "--no-check",
        "--allow-read",
        new URL("./programs/ends.ts", import.meta.url).href,
        how,
      ],
      stderr: "inherit",
      signal: AbortSignal.timeout(20_000), // only to fail instead of hanging
    }).output();
    assertEquals([code, new TextDecoder().decode(stdout)], [0, "42"]);
  });
}
