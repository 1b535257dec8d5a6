/** Tasks that import the definition of their map when they run, so that who has the tasks need not know it. */
import { defineTasks } from "@tidepool/core";
import type { PartitionedMap } from "@tidepool/core/structures";

export const unknownTasks = defineTasks(import.meta.url, {
  start: async (): Promise<PartitionedMap<string, number>> => {
    const { counts } = await import("./partitioned_definitions.ts");
    return await counts.start();
  },
  addTwice: async (map: PartitionedMap<string, number>, key: string): Promise<number> => {
    await map.add(key, 1);
    return await map.add(key, 1);
  },
});
