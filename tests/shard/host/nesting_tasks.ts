/** Runtimes inside of runtimes. */
import { defineTasks, Runtime, type Task } from "@tidepool/core";

/** What innermost runtimes fail with, and how many runtimes there were around that. */
export type Innermost = [message: string, depth: number];

export const nestingTasks: { readonly nest: Task<[number], Innermost> } = defineTasks(
  import.meta.url,
  {
    /** Starts a runtime inside of `depth` others, and has its shard do the same. */
    nest: async (depth: number): Promise<Innermost> => {
      try {
        await using inner = await Runtime.start({ shards: 1, memory: "2MiB", hostMemory: "1MiB" });
        return await inner.submitTo(0, nestingTasks.nest, depth + 1);
      } catch (error) {
        return [(error as Error).message, depth];
      }
    },
  },
);
