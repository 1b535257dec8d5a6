/** A stranger's own tasks and service: published nowhere, beside the program that uses them. */
import {
  containerOf,
  defineService,
  defineTasks,
  f64,
  localAllocator,
  makeForeign,
  struct,
  submitTo,
  thisShard,
  type ViewOf,
} from "@tidepool/core";

/** An object that stays on its shard. */
export class Account {
  #balance: number;

  constructor(balance: number) {
    this.#balance = balance;
  }

  deposit(amount: number): number {
    return this.#balance += amount;
  }
}

/** Memory of a shard that every shard can read. */
export const Point = struct("Point", { x: f64, y: f64 });

/** A service: an instance on every shard. */
export class Places {
  where(): number {
    return thisShard();
  }

  total(): Promise<number> {
    return containerOf<Places>(this).mapReduce("where", [], 0, (sum, shard) => sum + shard);
  }
}

export const places = defineService(import.meta.url, "places", Places);

export const tasks = defineTasks(import.meta.url, {
  open: (balance: number) => makeForeign(new Account(balance)),
  deposit: (account: Account, amount: number) => account.deposit(amount),
  makePoint: (x: number, y: number) => makeForeign(Point.make(localAllocator(), { x, y })),
  readPoint: (point: ViewOf<typeof Point>) => point.x * 10 + point.y,
  /** A shard that calls another. */
  whereIs: (shard: number): Promise<number> => submitTo(shard, tasks.where),
  where: (): number => thisShard(),
  fail: (): never => {
    throw new RangeError("too far");
  },
});
