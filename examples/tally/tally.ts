/** A tally in shared memory: one shard writes it, all can read it. */
import { defineTasks, f64, localAllocator, makeForeign, struct, u32 } from "@tidepool/core";
import type { ViewOf } from "@tidepool/core";

export const Tally = struct("Tally", { count: u32, sum: f64 });

export const tallies = defineTasks(import.meta.url, {
  open: () => makeForeign(Tally.make(localAllocator())), // owned by the shard that it runs on
  add: (tally: ViewOf<typeof Tally>, value: number) => {
    tally.count += 1;
    return tally.sum += value;
  },
});
