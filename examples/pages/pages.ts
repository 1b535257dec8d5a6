/** Visits of pages, over all shards: any shard counts one and reads all. */
import { text, u32 } from "@tidepool/core/allocator";
import { partitionedMap } from "@tidepool/core/structures";

/** What every shard knows the map by. */
export const pages = partitionedMap(import.meta.url, "pages", {
  key: text(),
  value: u32,
  updates: {
    /** Keeps the higher one: runs on the shard of the page. */
    atLeast: (visits = 0, other: number) => Math.max(visits, other),
  },
});
