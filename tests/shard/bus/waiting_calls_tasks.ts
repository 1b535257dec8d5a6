/** Tasks that hold what other calls wait for. */
import { defineTasks, submitTo, type Task, taskSignal } from "@tidepool/core";

const gates = new Map<string, PromiseWithResolvers<void>>();
let entered = 0;
let aborted = 0;
/** Who wants to know when so many calls have seen their signal abort. */
const watchers: { readonly count: number; readonly resolve: () => void }[] = [];

function gate(name: string): PromiseWithResolvers<void> {
  let found = gates.get(name);
  if (found === undefined) gates.set(name, found = Promise.withResolvers<void>());
  return found;
}

interface WaitingCallTasks {
  readonly length: Task<[unknown?], number>;
  readonly other: Task<[unknown?], number>;
  readonly pass: Task<[string, unknown?], void>;
  readonly open: Task<[string], void>;
  readonly openOn: Task<[number, string], void>;
  readonly subscribe: Task<[], void>;
  readonly entered: Task<[], number>;
  readonly askEntered: Task<[number], number>;
  readonly whenAborted: Task<[number], number>;
  readonly askWhenAborted: Task<[number, number], number>;
  readonly die: Task<[], void>;
}

export const waitingCallTasks: WaitingCallTasks = defineTasks(import.meta.url, {
  length: (value?: unknown): number => value instanceof Uint8Array ? value.length : 0,
  /** The same; a task that a shard has not met. */
  other: (value?: unknown): number => value instanceof Uint8Array ? value.length : 0,
  /** Resolves when the gate opens. */
  pass: (name: string, _ballast?: unknown): Promise<void> => gate(name).promise,
  open: (name: string): void => gate(name).resolve(),
  /** Opens a gate elsewhere, over another ring than the caller's. */
  openOn: (shard: number, name: string): Promise<void> =>
    submitTo(shard, waitingCallTasks.open, name),
  /** Ends when its caller gives it up. */
  subscribe: (): Promise<void> => {
    entered++;
    const signal = taskSignal();
    const { promise, resolve } = Promise.withResolvers<void>();
    signal.addEventListener("abort", () => {
      aborted++;
      for (const watcher of watchers) if (aborted >= watcher.count) watcher.resolve();
      resolve();
    });
    return promise;
  },
  entered: (): number => entered,
  askEntered: (shard: number): Promise<number> => submitTo(shard, waitingCallTasks.entered),
  /** Resolves when `count` calls have seen their signals abort. */
  whenAborted: async (count: number): Promise<number> => {
    if (aborted < count) {
      await new Promise<void>((resolve) => watchers.push({ count, resolve }));
    }
    return aborted;
  },
  askWhenAborted: (shard: number, count: number): Promise<number> =>
    submitTo(shard, waitingCallTasks.whenAborted, count),
  die: (): Promise<void> => {
    queueMicrotask(() => {
      throw new RangeError("thrown outside of a task");
    });
    return new Promise(() => {});
  },
});
