/** Tasks for pipelines over real shards, and tasks that use pipelines themselves. */
import {
  BusyError,
  defineService,
  defineTasks,
  type ServiceDefinition,
  submitTo,
  type Task,
} from "@tidepool/core";
import { mapLimit, pipeline, room } from "@tidepool/core/shard";
import { localEndpoint } from "@tidepool/core/shard/unstable-layers";
import { callableOf } from "../../../shard/calls/task.ts";

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
  readonly sumWithRoom: Task<[number, number], number>;
  readonly floodHost: Task<[], [string, number | undefined]>;
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
  /** Of so many calls, made as there is room for each. */
  sumWithRoom: async (shard: number, count: number): Promise<number> => {
    let sum = 0;
    const calls: Promise<void>[] = [];
    for (let n = 0; n < count; n++) {
      await room(shard);
      calls.push(submitTo(shard, flowTasks.twice, n).then((twice) => void (sum += twice)));
    }
    await Promise.all(calls);
    return sum;
  },
  /** What the host is found busy with: it serves no task of a program, and these fail when it has read them. */
  floodHost: async (): Promise<[string, number | undefined]> => {
    const { bus, layout: { host } } = localEndpoint();
    const calls = Array.from(
      { length: 70_000 },
      (_, n) => bus.call(host, callableOf(flowTasks.twice), [n]),
    );
    for (const outcome of await Promise.allSettled(calls)) {
      if (outcome.status === "rejected" && outcome.reason instanceof BusyError) {
        return [outcome.reason.message, outcome.reason.shard];
      }
    }
    throw new Error("no call was refused");
  },
});

/** A service whose methods take an item. */
export class Doubler {
  twice(n: number): number {
    return 2 * n;
  }
  sum(a: number, b: number): number {
    return a + b;
  }
  never(_: number): Promise<number> {
    return new Promise(() => {});
  }
}
export const doubler: ServiceDefinition<[], Doubler> = defineService(
  import.meta.url,
  "doubler",
  Doubler,
);
