/** Holds `module_loading.ts` back on a shard that is told to, until another shard opens the gate. */
import { defineTasks, submitTo } from "@tidepool/core";

export const gate: PromiseWithResolvers<void> = Promise.withResolvers();
export const reached: PromiseWithResolvers<void> = Promise.withResolvers();

export const gateTasks = defineTasks(import.meta.url, {
  reached: () => reached.promise,
  open: () => gate.resolve(),
  /** From here: whoever waits for the module has its own later calls wait, too. */
  reachedOn: (shard: number) => submitTo(shard, gateTasks.reached),
  openOn: (shard: number) => submitTo(shard, gateTasks.open),
  close: () => self.close(),
});
