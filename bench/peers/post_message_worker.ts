/**
 * The other end of `post_message.ts`.
 *
 * @module
 */
import { serve } from "./plain_worker_end.ts";

serve({
  add: (a: number, b: number): number => a + b,
  echo: (value: unknown): unknown => value,
});
