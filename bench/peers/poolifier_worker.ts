// deno-lint-ignore-file no-import-prefix -- fetched by who compares, not by everyone
/**
 * The other end of `poolifier.ts`.
 *
 * @module
 */
import { ThreadWorker } from "npm:poolifier@5.3.2";

export default new ThreadWorker<{ a: number; b: number } | Uint8Array, number | Uint8Array>({
  add: (task) => {
    const { a, b } = task as { a: number; b: number };
    return a + b;
  },
  echo: (bytes) => bytes as Uint8Array,
});
