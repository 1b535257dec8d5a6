/**
 * The other end of `payload_plain.ts`, where values come as they are.
 *
 * @module
 */
import { serve } from "./plain_worker_end.ts";

serve({
  add: (a: number, b: number): number => a + b,
  echo: (value: unknown): unknown => value,
});
