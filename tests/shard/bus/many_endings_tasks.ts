/** What ends in great numbers, for the tests of what that costs. */
import {
  defineService,
  defineTasks,
  type ForeignPtr,
  localAllocator,
  makeForeign,
  SharedPtr,
  submitTo,
  taskSignal,
} from "@tidepool/core";
import { localEndpoint } from "@tidepool/core/shard/unstable-layers";

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
  /** A word of this shard's that is 0, by its address. */
  makeLatch: () => localAllocator().calloc(1, 4),
  /** So that messages to this shard stay unread until the word is not 0. */
  block: (latch: number) => {
    const words = new Int32Array(localEndpoint().buffer);
    while (Atomics.load(words, latch >> 2) === 0);
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
