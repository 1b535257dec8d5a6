/** Tasks for the tests of call options. */
import {
  defineTasks,
  flush,
  type ForeignPtr,
  makeForeign,
  submitTo,
  type Task,
  taskSignal,
  thisShard,
} from "@tidepool/core";

const reasons: string[] = [];
const gates = new Map<string, PromiseWithResolvers<void>>();
let destroyed = 0;

function gate(name: string): PromiseWithResolvers<void> {
  let found = gates.get(name);
  if (found === undefined) gates.set(name, found = Promise.withResolvers<void>());
  return found;
}

interface OptionTasks {
  readonly untilAborted: Task<[string], void>;
  readonly reasons: Task<[], string[]>;
  readonly neverAborts: Task<[], boolean>;
  readonly pass: Task<[string], void>;
  readonly open: Task<[string], void>;
  readonly lateObject: Task<[string], ForeignPtr<object>>;
  readonly destroyed: Task<[], number>;
  readonly failWith: Task<[string], void>;
  readonly failAfter: Task<[string, string], void>;
  readonly count: Task<[], number>;
  readonly counted: Task<[], number>;
  readonly askWithTimeout: Task<[number, string, number], string>;
  readonly sendAndFlush: Task<[number, string], string>;
}

let counted = 0;

export const optionTasks: OptionTasks = defineTasks(import.meta.url, {
  /** Runs until the caller gives up, and notes why; `name` is opened when it has begun. */
  untilAborted: async (name: string): Promise<void> => {
    const signal = taskSignal();
    gate(name).resolve();
    await new Promise<void>((resolve) => {
      signal.addEventListener("abort", () => resolve(), { once: true });
      if (signal.aborted) resolve();
    });
    reasons.push(String(signal.reason));
    gate(`${name} ended`).resolve();
  },
  reasons: () => reasons.splice(0),
  neverAborts: () => !taskSignal().aborted,
  pass: (name: string) => gate(name).promise,
  open: (name: string) => gate(name).resolve(),
  lateObject: async (name: string) => {
    const pointer = makeForeign({ [Symbol.dispose]: () => void destroyed++, n: 1 });
    await gate(name).promise;
    return pointer;
  },
  destroyed: () => destroyed,
  failWith: (text: string) => {
    throw new RangeError(text);
  },
  failAfter: async (name: string, text: string) => {
    await gate(name).promise;
    throw new RangeError(text);
  },
  count: () => ++counted,
  counted: () => counted,
  askWithTimeout: (shard: number, name: string, timeoutMs: number) =>
    submitTo(shard, optionTasks.untilAborted.with({ timeoutMs }), name)
      .then(() => "resolved", (error: Error) => `${error.name} on ${thisShard()}`),
  sendAndFlush: async (shard: number, text: string) => {
    await submitTo(shard, optionTasks.failWith.with({ noReply: true }), text);
    return await flush().then(() => "resolved", (error: Error) => String(error));
  },
});
