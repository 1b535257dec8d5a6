// deno-lint-ignore-file no-import-prefix -- fetched by who compares, not by everyone
/**
 * `npm:piscina`: a pool, here of one worker, with its default options.
 *
 * @module
 */
import type { Caller } from "./caller.ts";

/** Starts a pool of one worker. */
export async function openPiscina(): Promise<Caller> {
  const { Piscina } = await import("npm:piscina@5.3.2");
  const filename = new URL("./piscina_worker.ts", import.meta.url).href;
  const pool = new Piscina({ filename, minThreads: 1, maxThreads: 1 });
  return {
    add: (a, b) => pool.run({ a, b }, { name: "add" }),
    echo: (bytes) => pool.run(bytes, { name: "echo" }),
    close: () => pool.destroy(),
  };
}
