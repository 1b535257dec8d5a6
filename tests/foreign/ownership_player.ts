/**
 * Random moves of foreign pointers, as each thread plays them: steps name pointers by numbers that
 * the model has given out, see ownership_model.ts. Runs on the host and on every shard.
 */
import {
  defineTasks,
  type ForeignPtr,
  makeForeign,
  ShardCrashedError,
  SharedPtr,
  StaleForeignPtrError,
  submitTo,
  type Task,
  thisShard,
} from "@tidepool/core";
import type { Tasks } from "@tidepool/core/shard";

/** Kinds of steps. Each is six numbers: kind, pointer, and what the kind says. */
export const OPEN = 0; // new pointer, object, 1 if shared
export const DROP = 1; // pointer
export const DESTROY = 2; // pointer
export const MOVE = 3; // pointer, -, -, shard
export const COPY = 4; // pointer, new pointer
export const COPY_DROP = 5; // pointer, new pointer: the source is dropped at once
export const COPY_MOVE = 6; // pointer, new pointer, -, shard: the source is moved at once
export const COPY_MANY = 7; // pointer, first of new pointers, how many
export const INVOKE = 8; // pointer, object
export const FETCH = 9; // pointer, -, -, shard: the host asks for it
export const CRASH = 10; // nothing
export const NUMBERS_PER_STEP = 4;

type Any = ForeignPtr<Tracked, "shared">;

/** Numbers of the objects destroyed on this thread. */
const destroyed: number[] = [];
/** What this thread holds, by the model's numbers. */
const held = new Map<number, Any>();
const objectOf = new Map<number, number>();

/** An object whose end is written down where it happens. */
class Tracked {
  readonly number: number;
  constructor(number: number) {
    this.number = number;
  }
  is(number: number): boolean {
    return this.number === number;
  }
  [Symbol.dispose](): void {
    destroyed.push(this.number);
  }
}

/** How this thread calls a shard. */
export type Submit = <Arguments extends readonly unknown[], Result>(
  shard: number,
  task: Task<Arguments, Result>,
  ...args: Arguments
) => Promise<Result>;

function keep(pointer: number, object: number, foreign: Any): void {
  held.set(pointer, foreign);
  objectOf.set(pointer, object);
}

function letGo(pointer: number): [Any, number] {
  const foreign = held.get(pointer);
  if (foreign === undefined) throw new Error(`Pointer ${pointer} is not here`);
  held.delete(pointer);
  const object = objectOf.get(pointer)!;
  objectOf.delete(pointer);
  return [foreign, object];
}

/** Starts all steps at once; resolves when all are over. */
export async function play(steps: Int32Array, mayCrash: boolean, submit: Submit): Promise<void> {
  const endings: Promise<void>[] = [];
  for (let i = 0; i < steps.length; i += NUMBERS_PER_STEP) {
    const ending = playStep(steps.subarray(i, i + NUMBERS_PER_STEP), submit);
    endings.push(mayCrash ? ending.catch(expectDeath) : ending);
  }
  await Promise.all(endings);
}

/** What may happen to steps when a shard dies. */
export function expectDeath(error: unknown): void {
  if (error instanceof ShardCrashedError || error instanceof StaleForeignPtrError) return;
  throw error;
}

async function playStep(
  [kind, pointer, second, third]: Int32Array,
  submit: Submit,
): Promise<void> {
  switch (kind) {
    case OPEN:
      return keep(pointer!, second!, open(second!, third === 1));
    case DROP:
      return letGo(pointer!)[0][Symbol.dispose]();
    case DESTROY:
      return await letGo(pointer!)[0].destroy();
    case MOVE: {
      const [foreign, object] = letGo(pointer!);
      return await move(pointer!, object, foreign, third!, submit);
    }
    case COPY:
    case COPY_DROP:
    case COPY_MOVE: {
      const object = objectOf.get(pointer!)!;
      const copying = held.get(pointer!)!.copy();
      let moving: Promise<void> | undefined;
      if (kind === COPY_DROP) letGo(pointer!)[0][Symbol.dispose]();
      if (kind === COPY_MOVE) {
        const [source] = letGo(pointer!);
        moving = move(pointer!, object, source, third!, submit);
      }
      const kept = copying.then((copy) => keep(second!, object, copy));
      // Both are seen to their end: what one holds is not forgotten when the other fails.
      const outcomes = await Promise.allSettled([kept, moving]);
      for (const outcome of outcomes) if (outcome.status === "rejected") throw outcome.reason;
      return;
    }
    case COPY_MANY: {
      const object = objectOf.get(pointer!)!;
      const copies = await held.get(pointer!)!.copy(third!);
      return copies.forEach((copy, i) => keep(second! + i, object, copy));
    }
    case INVOKE:
      if (await held.get(pointer!)!.invoke("is", second!)) return;
      throw new Error(`Pointer ${pointer} is not to object ${second}`);
    case FETCH: {
      const [object, foreign] = await submit(third!, playerTasks.give, pointer!);
      return keep(pointer!, object, foreign);
    }
    case CRASH:
      Deno.exit();
  }
}

async function move(
  pointer: number,
  object: number,
  foreign: Any,
  to: number,
  submit: Submit,
): Promise<void> {
  try {
    await submit(to, playerTasks.receive, pointer, object, foreign);
  } catch (error) {
    if (!foreign.isNull) keep(pointer, object, foreign); // it was never sent
    throw error;
  }
}

function open(object: number, shared: boolean): Any {
  const tracked = new Tracked(object);
  return (shared ? makeForeign(new SharedPtr(tracked)) : makeForeign(tracked)) as Any;
}

/** What this thread holds: pointer and object, by turns. */
export function holdings(): number[] {
  return [...objectOf].flat();
}

/** Drops the pointers to these objects, whose shard has died. */
export function forget(objects: readonly number[]): void {
  const gone = new Set(objects);
  for (const [pointer, object] of [...objectOf]) {
    if (gone.has(object)) letGo(pointer)[0][Symbol.dispose]();
  }
}

/** What the host asks of shards, and they of each other. */
export const playerTasks: Tasks<{
  play: (steps: Int32Array, mayCrash: boolean) => Promise<void>;
  receive: (pointer: number, object: number, foreign: Any) => void;
  give: (pointer: number) => [number, Any];
  holdings: () => number[];
  forget: (objects: readonly number[]) => void;
  takeDestroyed: () => number[] | null;
  tick: () => number;
}> = defineTasks(import.meta.url, {
  play: (steps: Int32Array, mayCrash: boolean) => play(steps, mayCrash, submitTo as Submit),
  receive: keep,
  give: (pointer: number): [number, Any] => {
    const [foreign, object] = letGo(pointer);
    return [object, foreign];
  },
  holdings,
  forget,
  takeDestroyed: () => destroyed.length === 0 ? null : destroyed.splice(0),
  tick: () => thisShard(),
});
