/** A module that defines its tasks, and then fails on shard 1 while it is told to. */
import { defineService, defineTasks, isShard, submitTo, thisShard } from "@tidepool/core";

export const FAILS = "TIDEPOOL_TEST_MODULE_FAILS";

const accounts: string[] = [];

export class Accounts {
  count(): number {
    return accounts.length;
  }
}

export const services = defineService(import.meta.url, "accounts", Accounts);

export const failing = defineTasks(import.meta.url, {
  count: () => accounts.length,
  withdraw: () => `went on with ${accounts.length} accounts`,
  grow: (value: number) => value + accounts.length,
  relay: (shard: number): Promise<unknown> => submitTo(shard, failing.withdraw),
});

if (isShard() && thisShard() === 1 && Deno.env.has(FAILS)) {
  throw new RangeError("cannot open the database");
}
accounts.push("root");
