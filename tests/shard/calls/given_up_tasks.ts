/** What the tests of calls that are given up at odd moments call. */
import {
  defineTasks,
  flush,
  type ForeignPtr,
  makeForeign,
  submitTo,
  taskSignal,
  thisShard,
} from "@tidepool/core";

const told = Promise.withResolvers<void>();
const gate = Promise.withResolvers<void>();
const begun = Promise.withResolvers<void>();
const destroyed = Promise.withResolvers<void>();

export const givenUpTasks = defineTasks(import.meta.url, {
  nothing: () => {},
  /** Runs until it is told that its call was given up. */
  listen: () =>
    new Promise<void>((resolve) => {
      taskSignal().addEventListener("abort", () => {
        told.resolve();
        resolve();
      });
      begun.resolve();
    }),
  begun: () => begun.promise,
  told: () => told.promise,
  toldOn: (shard: number) => submitTo(shard, givenUpTasks.told),
  isGivenUp: () => taskSignal().aborted,
  open: () => gate.resolve(),
  /** A pointer that is there when the gate is opened. */
  openLater: async (): Promise<ForeignPtr<Disposable>> => {
    begun.resolve();
    await gate.promise;
    return makeForeign({ [Symbol.dispose]: () => destroyed.resolve() });
  },
  /** Gives up a call to the own shard whose result is a pointer; resolves when its object is destroyed. */
  giveUpOwn: async (): Promise<string> => {
    const abort = new AbortController();
    const task = givenUpTasks.openLater.with({ signal: abort.signal });
    const call = submitTo(thisShard(), task).then(() => "answered", String);
    await begun.promise;
    abort.abort(new RangeError("enough"));
    const outcome = await call;
    gate.resolve();
    await destroyed.promise;
    return outcome;
  },
  /** Waits for calls without reply to another shard, and dies while one of them is held there. */
  flushAndDie: async (to: number, module: string): Promise<void> => {
    const { loading } = await import(module);
    await submitTo(to, givenUpTasks.pass.with({ noReply: true }));
    flush().catch(() => {}); // it dies
    await submitTo(to, loading.size.with({ noReply: true }));
    await submitTo(2, givenUpTasks.nothing); // what was sent before is read by then, or on its way
    self.close();
    await new Promise(() => {});
  },
  pass: () => gate.promise,
  /** Has calls wait for room, and dies. */
  waitAndDie: async (to: number): Promise<void> => {
    for (let i = 0; i < 10; i++) submitTo(to, givenUpTasks.pass).catch(() => {});
    await submitTo(2, givenUpTasks.nothing);
    self.close();
    await new Promise(() => {});
  },
});
