/** Tasks that the tests of maps over all shards run. */
import { defineTasks, type Task, thisShard } from "@tidepool/core";
import { map, mapReduceSettled, mapSettled } from "@tidepool/core/shard";

interface SettledTasks {
  readonly shard: Task<[number?], number>;
  readonly failOn: Task<[number], number>;
  readonly never: Task<[], void>;
  readonly mapped: Task<[], number[]>;
  readonly page: Task<[], string>;
  readonly settled: Task<[number], string[]>;
}

/** A line for each shard. */
export function lineOf(page: string, outcome: PromiseSettledResult<number>, shard: number): string {
  const value = outcome.status === "fulfilled" ? outcome.value : outcome.reason.name;
  return `${page}shard ${shard}: ${value}\n`;
}

export const settledTasks: SettledTasks = defineTasks(import.meta.url, {
  shard: (add = 0): number => thisShard() + add,
  failOn: (shard: number): number => {
    if (thisShard() === shard) throw new RangeError(`shard ${shard} fails`);
    return thisShard();
  },
  never: (): Promise<void> => new Promise(() => {}),
  mapped: (): Promise<number[]> => map(settledTasks.shard, 10),
  page: (): Promise<string> => mapReduceSettled(settledTasks.shard, [10], "", lineOf),
  settled: async (shard: number): Promise<string[]> =>
    (await mapSettled(settledTasks.failOn, shard)).map((outcome) => outcome.status),
});
