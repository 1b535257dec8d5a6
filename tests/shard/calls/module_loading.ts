/** A module that defines its tasks, and then takes its time on shard 1 before it has what they need. */
import { defineService, defineTasks, isShard, submitTo, thisShard } from "@tidepool/core";
import { gate, reached } from "./module_gate.ts";

export class Reader {
  readonly #found: string;
  constructor() {
    this.#found = table.get("a")!;
  }
  found(): string {
    return this.#found;
  }
}

export const readers = defineService(import.meta.url, "readers", Reader);

export const loading = defineTasks(import.meta.url, {
  get: (key: string) => table.get(key),
  size: () => table.size,
  grow: (value: number) => value + table.size,
  relay: (shard: number, key: string): Promise<string | undefined> =>
    submitTo(shard, loading.get, key),
  early: () => early,
});

/** A call to the own shard, from the midst of its module. */
const early = isShard() ? submitTo(thisShard(), loading.get, "a") : undefined;

if (isShard() && thisShard() === 1) {
  reached.resolve();
  await gate.promise;
}
const table = new Map([["a", "1"]]);
