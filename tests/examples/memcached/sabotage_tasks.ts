/** What tests do to the shards of a server from inside. */

import { defineTasks, type Task } from "@tidepool/core";

interface SabotageTasks {
  readonly crash: Task<["throw" | "close"], Promise<never>>;
}

export const sabotageTasks: SabotageTasks = defineTasks(import.meta.url, {
  /** Ends the shard, by an error outside of any task or without a word. */
  crash(how: "throw" | "close"): Promise<never> {
    if (how === "close") (globalThis as unknown as { close(): void }).close();
    else {
      queueMicrotask(() => {
        throw new RangeError("a mistake outside of any task");
      });
    }
    return new Promise(() => {});
  },
});
