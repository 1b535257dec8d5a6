/**
 * What the compiler says of services and of calls to several shards. Each `@ts-expect-error` is a
 * line that must not compile: `deno task check` fails where it does.
 */
import type { ForeignPtr, Runtime, Sharded } from "@tidepool/core";
import { containerOf, defineService, defineTasks, shardedParameter } from "@tidepool/core";

class Store {
  readonly label: string;
  constructor(label: string, size?: number) {
    this.label = `${label} ${size}`;
  }
  get(key: string): number | undefined {
    return key.length;
  }
  put(key: string, value: number): Promise<boolean> {
    return Promise.resolve(key.length === value);
  }
  /** Inside, the container is typed by the class. */
  async copyTo(shard: number): Promise<boolean> {
    return await containerOf<Store>(this).invokeOn(shard, "put", this.label, 1);
  }
}

const store = defineService(import.meta.url, "store", Store);
const tasks = defineTasks(import.meta.url, {
  size: (base: number) => base * 2,
  use: (stores: Sharded<Store>, key: string) => stores.local().get(key),
});

// Never run: the types are the test.
export async function typesOfServices(
  runtime: Runtime,
  pointer: ForeignPtr<Store>,
): Promise<void> {
  const stores: Sharded<Store> = await runtime.startSharded(store, "name");
  await runtime.startSharded(store, "name", shardedParameter(tasks.size, 3));
  // @ts-expect-error -- the constructor wants a label
  await runtime.startSharded(store);
  // @ts-expect-error -- the wrong kind
  await runtime.startSharded(store, 1);
  // @ts-expect-error -- the parameter is a number, the label a string
  await runtime.startSharded(store, shardedParameter(tasks.size, 3));
  // @ts-expect-error -- the task takes a number
  shardedParameter(tasks.size, "3");
  // @ts-expect-error -- a class is no definition
  await runtime.startSharded(Store, "name");

  const got: number | undefined = await stores.invokeOn(0, "get", "key");
  const put: boolean = await stores.invokeOn(0, "put", "key", 1); // not Promise<Promise>
  await stores.invokeOn(0, "put", "key", shardedParameter(tasks.size, 3));
  // @ts-expect-error -- a field is no method
  await stores.invokeOn(0, "label");
  // @ts-expect-error -- too few arguments
  await stores.invokeOn(0, "put", "key");
  // @ts-expect-error -- the wrong kind
  await stores.invokeOn(0, "put", "key", got);
  // @ts-expect-error -- the result is a boolean
  const text: string = await stores.invokeOn(0, "put", "key", 1);

  const all: boolean[] = await stores.map("put", "key", 1);
  const sum: number = await stores.mapReduce("get", ["key"], 0, (n, one) => n + (one ?? 0));
  // @ts-expect-error -- the reducer gives a number
  const joined: string = await stores.mapReduce("get", ["key"], "", (_, one) => one ?? 0);
  // @ts-expect-error -- no such method
  await stores.invokeOnAll("drop");
  // @ts-expect-error -- a call without a reply has no result to give
  stores.with({ noReply: true });

  await runtime.submitTo(1, tasks.use, stores, "key");
  await runtime.invokeOnAll(tasks.use, stores, "key");
  // @ts-expect-error -- too few arguments
  await runtime.invokeOnAll(tasks.use, stores);
  // @ts-expect-error -- the wrong kind
  await runtime.invokeOnAll(tasks.use, stores, sum);
  // @ts-expect-error -- lent to one shard, an object cannot be lent to all
  await runtime.invokeOnAll(tasks.use, pointer.get(), "key");
  const most: number = await runtime.mapReduce(tasks.size, [2], 0, (a, b) => Math.max(a, b));
  // @ts-expect-error -- the task takes a number
  await runtime.mapReduce(tasks.size, [text], most, (a) => a);
  void [put, all, joined];
}

// Never run: the types are the test.
export async function typesOfKeyedCalls(runtime: Runtime, stores: Sharded<Store>): Promise<void> {
  const got: number | undefined = await stores.at("key").get("key");
  const put: boolean = await stores.at(7).put("key", 1); // not Promise<Promise>
  // @ts-expect-error -- it may be a promise
  const now: boolean = stores.at("key").put("key", 1);
  // @ts-expect-error -- a field is no method: elsewhere it cannot be read
  void stores.at("key").label;
  // @ts-expect-error -- the wrong kind
  await stores.at("key").get(1);
  // @ts-expect-error -- no key
  await stores.at({}).get("key");
  const outcomes: PromiseSettledResult<boolean>[] = await stores.mapSettled("put", "key", 1);
  const results: (number | undefined)[] = await stores.mapLimit(0, ["a"], "get");
  for await (const one of stores.pipeline((key) => key.length, ["a"], "get")) results.push(one);
  // @ts-expect-error -- the method wants two arguments
  await stores.mapLimit(0, ["a"], "put");
  // @ts-expect-error -- the items are of the wrong kind
  await stores.mapLimit(0, [1], "get");
  const squares: number[] = await runtime.mapLimit(0, [1, 2], tasks.size);
  // @ts-expect-error -- the items are of the wrong kind
  await runtime.mapLimit(0, ["a"], tasks.size);
  void [got, put, now, outcomes, squares];
}
