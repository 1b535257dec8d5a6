/** The other end of `compare partitioned` for postMessage: a JS Map of counts. */
import { KEYS } from "./partitioned_keys.ts";
import { serve } from "./plain_worker_end.ts";

const own = new Map(KEYS.map((key, index) => [key, index]));

serve({
  get: (key: string): number => own.get(key)!,
  add: (key: string, by: number): number => {
    const count = own.get(key)! + by;
    own.set(key, count);
    return count;
  },
});
