/** Tasks for pipelines over real shards, and tasks that use pipelines themselves. */
import { defineTasks, type Task } from "@tidepool/core";
import { mapLimit } from "../../../shard/flow/map_limit.ts";
import { pipeline } from "../../../shard/flow/pipeline.ts";

interface FlowTasks {
  readonly twice: Task<[number], number>;
  readonly die: Task<[number], void>;
}

export const flowTasks: FlowTasks = defineTasks(import.meta.url, {
  twice: (n: number): number => 2 * n,
  die: (): void => self.close(),
});

interface Users {
  readonly sumOfTwice: Task<[number, number], number>;
  readonly doubled: Task<[number], number[]>;
}

export const flowUsers: Users = defineTasks(import.meta.url, {
  sumOfTwice: async (shard: number, count: number): Promise<number> => {
    let sum = 0;
    const numbers = Array.from({ length: count }, (_, n) => n);
    for await (const result of pipeline(shard, numbers, flowTasks.twice)) sum += result;
    return sum;
  },
  /** Of the first so many numbers, on every other shard. */
  doubled: (count: number): Promise<number[]> => {
    const numbers = Array.from({ length: count }, (_, n) => n);
    return mapLimit((_, index) => index % 2, numbers, flowTasks.twice, { inFlight: 10 });
  },
});
