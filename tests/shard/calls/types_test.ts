/**
 * What the compiler says of calls. Each `@ts-expect-error` is a line that must not compile: `deno
 * task check` fails where it does.
 */
import type { ForeignPtr, Runtime, SharedPtr, UniquePtr } from "@tidepool/core";
import type { Reference } from "@tidepool/core/shard";
import { defineTasks, makeForeign } from "@tidepool/core";

interface Counter {
  readonly label: string;
  add(k: number): number;
}

const tasks = defineTasks(import.meta.url, {
  add: (a: number, b: number) => a + b,
  later: (text: string) => Promise.resolve(text.length),
  count: (counter: Counter, k: number) => counter.add(k),
  take: (pointer: ForeignPtr<Counter>) => pointer,
});

// Never run: the types are the test.
export async function typesOfCalls(
  runtime: Runtime,
  unique: ForeignPtr<Counter>,
  shared: ForeignPtr<Counter, "shared">,
): Promise<void> {
  const sum: number = await runtime.submitTo(0, tasks.add, 1, 2);
  const length: number = await runtime.submitTo(0, tasks.later, "x"); // not Promise<Promise>
  // @ts-expect-error -- too few arguments
  await runtime.submitTo(0, tasks.add, sum);
  // @ts-expect-error -- too many
  await runtime.submitTo(0, tasks.add, 1, 2, 3);
  // @ts-expect-error -- the wrong kind
  await runtime.submitTo(0, tasks.add, "1", length);
  // @ts-expect-error -- a function is not a task
  await runtime.submitTo(0, (a: number) => a, 1);
  // @ts-expect-error -- the result is a number
  const text: string = await runtime.submitTo(0, tasks.add, 1, 2);

  const lent: Counter | Reference<Counter> = unique.get();
  await runtime.submitTo(0, tasks.count, lent, 5);
  await runtime.submitTo(0, tasks.count, unique.get(), 5);
  // @ts-expect-error -- a pointer is not its object
  await runtime.submitTo(0, tasks.count, unique, 5);
  // @ts-expect-error -- elsewhere it may be a reference, which has no members
  lent.add(1);
  const back: ForeignPtr<Counter> = await runtime.submitTo(0, tasks.take, unique);

  const added: number = await back.invoke("add", 1);
  // @ts-expect-error -- add() takes a number
  await back.invoke("add", text);
  // @ts-expect-error -- a field is no method
  await back.invoke("label");
  // @ts-expect-error -- only shared pointers have copies
  await back.copy();
  const copy: ForeignPtr<Counter, "shared"> = await shared.copy();
  const inside: SharedPtr<Counter> = copy.release();
  const alone: UniquePtr<Counter> = back.unwrapOnOwnerShard();
  const made: ForeignPtr<Counter, "shared"> = makeForeign(inside);
  const madeAlone: ForeignPtr<Counter> = makeForeign(alone);
  // @ts-expect-error -- a number is not an object
  makeForeign(added);
  // @ts-expect-error -- unique and shared do not mix
  madeAlone.assign(made);
}
