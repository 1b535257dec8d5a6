/** What ends in great numbers, for the tests of what that costs. */
import {
  defineService,
  defineTasks,
  type ForeignPtr,
  makeForeign,
  SharedPtr,
  submitTo,
  taskSignal,
} from "@tidepool/core";

export class Endless {
  wait(): Promise<void> {
    return new Promise(() => {});
  }
}

export const endless = defineService(import.meta.url, "endless", Endless);

export const endingTasks = defineTasks(import.meta.url, {
  /** Runs until it is given up. */
  never: () =>
    new Promise<void>((resolve) => taskSignal().addEventListener("abort", () => resolve())),
  nothing: () => {},
  close: () => self.close(),
  /** From another shard: the calls of the host to that one all wait. */
  closeOther: (shard: number) => submitTo(shard, endingTasks.close),
  open: () => makeForeign(new Endless()),
  openShared: () => makeForeign(new SharedPtr(new Endless())),
  /** So that a message to this shard stays unread. */
  block: (ms: number) => {
    for (const begin = performance.now(); performance.now() - begin < ms;);
  },
  /** Gives up so many calls of this shard to itself, and says how long that took. */
  giveUpOwn: async (shard: number, calls: number) => {
    const all = new AbortController();
    const task = endingTasks.never.with({ signal: all.signal });
    const settled = Promise.allSettled(
      Array.from({ length: calls }, () => submitTo(shard, task)),
    );
    await submitTo(shard, endingTasks.nothing);
    const begin = performance.now();
    all.abort();
    await settled;
    return performance.now() - begin;
  },
  take: (pointer: ForeignPtr<Endless, "shared">) => pointer[Symbol.dispose](),
});
