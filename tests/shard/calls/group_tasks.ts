/** Tasks for the tests of service groups: a shard that counts how many calls it has at once. */
import { defineTasks, ServiceGroup, submitTo, type Task } from "@tidepool/core";

let running = 0;
let most = 0;
let served = 0;
let opened = Promise.withResolvers<void>();

interface Observed {
  readonly runningAtFirst: number;
  readonly mostAtOnce: number;
  readonly served: number;
}

interface GroupTasks {
  readonly work: Task<[], void>;
  readonly runningNow: Task<[], number>;
  readonly open: Task<[], void>;
  readonly figures: Task<[], { readonly most: number; readonly served: number }>;
  readonly callThroughGroup: Task<[number, number], Observed>;
  readonly overfill: Task<[], void>;
}

export const groupTasks: GroupTasks = defineTasks(import.meta.url, {
  /** Runs until the shard is opened. */
  work: async (): Promise<void> => {
    running++;
    most = Math.max(most, running);
    await opened.promise;
    running--;
    served++;
  },
  runningNow: (): number => running,
  open: (): void => opened.resolve(),
  figures: () => {
    opened = Promise.withResolvers();
    return { most, served };
  },
  /** Makes `calls` calls to shard 1 through a group of `cap`. */
  callThroughGroup: async (cap: number, calls: number): Promise<Observed> => {
    const group = new ServiceGroup({ maxInFlight: cap });
    const all = Array.from(
      { length: calls },
      () => group.run(() => submitTo(1, groupTasks.work)),
    );
    // Calls to one shard start in order: the second of these finds every call that was admitted.
    await submitTo(1, groupTasks.runningNow);
    const runningAtFirst = await submitTo(1, groupTasks.runningNow);
    await submitTo(1, groupTasks.open);
    await Promise.all(all);
    const { most, served } = await submitTo(1, groupTasks.figures);
    return { runningAtFirst, mostAtOnce: most, served };
  },
  overfill: async (): Promise<void> => {
    const group = new ServiceGroup({ maxInFlight: 1, maxWaiting: 0 });
    await group.acquire();
    await group.acquire();
  },
});
