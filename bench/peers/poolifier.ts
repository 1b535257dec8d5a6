// deno-lint-ignore-file no-import-prefix -- fetched by who compares, not by everyone
/**
 * `npm:poolifier`: a fixed pool, here of one worker thread.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import type { Caller } from "./caller.ts";

/** Starts a pool of one worker. */
export async function openPoolifier(): Promise<Caller> {
  const { FixedThreadPool } = await import("npm:poolifier@5.3.2");
  const script = fileURLToPath(new URL("./poolifier_worker.ts", import.meta.url));
  const sums = new FixedThreadPool<{ a: number; b: number } | Uint8Array, number | Uint8Array>(
    1,
    script,
  );
  return {
    add: (a, b) => sums.execute({ a, b }, "add") as Promise<number>,
    echo: (bytes) => sums.execute(bytes, "echo") as Promise<Uint8Array>,
    close: () => sums.destroy(),
  };
}
