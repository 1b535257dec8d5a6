/** A wire type that notes when the hooks of its endpoints run: for stop_hooks_test.ts. */
import { type Endpoint, registerWireType } from "@tidepool/core/shard/unstable-layers";

/** What never travels here. */
class Noted {}

/** One run of a hook. */
export interface HookRun {
  readonly host: Endpoint;
  readonly hook: "first" | "second";
  readonly shards: readonly number[];
}

/** The runs of all hooks, in order. */
export const runs: HookRun[] = [];

/** What the next runs of the second hook are to do: then it has set something in motion. */
export const work: ((host: Endpoint, failures: unknown[]) => Promise<void>)[] = [];

registerWireType({
  name: "Noted",
  module: import.meta.url,
  bind: (host) => {
    const note = (hook: "first" | "second", shards: readonly number[]) =>
      void runs.push({ host, hook, shards });
    host.beforeStop(async (shards) => {
      note("first", shards);
      return await Promise.resolve(false);
    });
    host.beforeStop(async (shards, failures) => {
      note("second", shards);
      const todo = work.shift();
      await todo?.(host, failures);
      return todo !== undefined;
    });
    return {
      class: Noted,
      words: 0,
      write: () => {},
      moved: () => {},
      read: () => new Noted(),
      undelivered: () => {},
    };
  },
});
