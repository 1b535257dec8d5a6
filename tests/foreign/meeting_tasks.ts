/** What the tests of foreign pointers of two runtimes in one thread run on shards. */
import {
  defineTasks,
  type ForeignPtr,
  makeForeign,
  Runtime,
  type Task,
  UniquePtr,
} from "@tidepool/core";

class Resisting {
  [Symbol.dispose](): void {
    throw new RangeError("it resists");
  }
}

interface MeetingTasks {
  readonly open: Task<[], ForeignPtr<object>>;
  readonly openResisting: Task<[], ForeignPtr<object>>;
  readonly openNull: Task<[], ForeignPtr<object>>;
  readonly openSlow: Task<[], ForeignPtr<object>>;
  readonly stopInnerFirst: Task<[], string[]>;
}

export const meetingTasks: MeetingTasks = defineTasks(import.meta.url, {
  open: () => makeForeign<object>({}),
  openResisting: () => makeForeign<object>(new Resisting()),
  openNull: () => makeForeign<object>(null),
  openSlow: () =>
    makeForeign<object>({
      [Symbol.asyncDispose]: async () => {
        for (let i = 0; i < 10; i++) await new Promise((resolve) => setTimeout(resolve));
      },
    }),
  /**
   * Begins a destruction in the background, and stops a runtime of this shard's own meanwhile, which has
   * a destruction in the background too; then lets the own one end.
   */
  stopInnerFirst: async () => {
    const log: string[] = [];
    const gate = Promise.withResolvers<void>();
    const destroyed = Promise.withResolvers<void>();
    new UniquePtr({
      [Symbol.asyncDispose]: async () => {
        await gate.promise;
        log.push("the outer shard's object is destroyed");
        destroyed.resolve();
      },
    })[Symbol.dispose]();
    const inner = await Runtime.start({ shards: 1, memory: "4MiB" });
    (await inner.submitTo(0, meetingTasks.openSlow))[Symbol.dispose]();
    await inner.stop();
    log.push("the inner runtime has stopped");
    gate.resolve();
    await destroyed.promise;
    return log;
  },
});
