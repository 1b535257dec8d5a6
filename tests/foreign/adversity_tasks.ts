/** What the tests of awkward messages run on shards. */
import {
  defineTasks,
  type ForeignPtr,
  makeForeign,
  submitTo,
  type Task,
  UniquePtr,
} from "@tidepool/core";
import { gate } from "./late_gate.ts";
import { outcomeTasks, Piece } from "./outcome_tasks.ts";

type Unique = ForeignPtr<Piece>;
type Shared = ForeignPtr<Piece, "shared">;

/** An error that carries a pointer. */
export interface Carrier extends Error {
  cause: { pointer: Unique };
  list: Unique[];
}

interface AdversityTasks {
  readonly dropEach: Task<[unknown], number>;
  readonly areSame: Task<[Unique, { readonly again: Unique }], boolean>;
  readonly throwWithPointers: Task<[string], void>;
  readonly throwAndKeep: Task<[string], void>;
  readonly keptByThrower: Task<[], boolean>;
  readonly use: Task<[Unique], string>;
  readonly emptyAndReset: Task<[Unique, string], Unique>;
  readonly emptyInside: Task<[Shared], void>;
  readonly callLate: Task<[string, number, Unique], void>;
  readonly letLateLoad: Task<[], void>;
}

/** The pointers anywhere in a value. */
function* pointersIn(value: unknown): Generator<Unique> {
  if (typeof value !== "object" || value === null) return;
  if ("ownerShard" in value) yield value as Unique;
  else if (value instanceof Map || value instanceof Set) {
    for (const [key, item] of value.entries()) {
      yield* pointersIn(key);
      if (item !== key) yield* pointersIn(item);
    }
  } else {for (const key of Object.getOwnPropertyNames(value)) {
      yield* pointersIn(Reflect.get(value, key));
    }}
}

let thrown: Unique | undefined;

export const adversityTasks: AdversityTasks = defineTasks(import.meta.url, {
  /** Destroys every pointer in a value; how many there were. */
  dropEach: async (value: unknown) => {
    const pointers = [...pointersIn(value)];
    await Promise.all(pointers.map((pointer) => pointer.destroy()));
    return pointers.length;
  },
  areSame: (pointer: Unique, { again }: { readonly again: Unique }) => {
    using mine = pointer;
    return mine === again;
  },
  throwWithPointers: (name: string) => {
    const pointers = [1, 2].map((i) => makeForeign(new Piece(`${name}${i}`)));
    throw Object.assign(new RangeError("with pointers", { cause: { pointer: pointers[0]! } }), {
      list: [pointers[1]!],
    });
  },
  /** Throws an error one of whose fields holds a pointer and cannot travel. */
  throwAndKeep: (name: string) => {
    thrown = makeForeign(new Piece(name));
    throw Object.assign(new RangeError("it stays"), { state: { thrown, close: () => {} } });
  },
  keptByThrower: () => {
    using pointer = thrown!;
    return !pointer.isNull;
  },
  use: async (pointer: Unique) => {
    using mine = pointer;
    return await mine.invoke("nameHere");
  },
  /** Ends the object from inside its pointer, which has been away, and lets it own another. */
  emptyAndReset: (pointer: Unique, name: string) => {
    pointer.unwrapOnOwnerShard()[Symbol.dispose]();
    pointer.reset(new UniquePtr(new Piece(name)));
    return pointer;
  },
  emptyInside: (pointer: Shared) => {
    pointer.unwrapOnOwnerShard()[Symbol.dispose]();
    pointer[Symbol.dispose]();
  },
  /** Calls a task of a module that this thread does not load itself. */
  callLate: async (module: string, to: number, pointer: Unique) => {
    const { take } = defineTasks(module, { take: (_pointer: Unique): void => {} });
    const taken = submitTo(to, take, pointer);
    await submitTo(to, outcomeTasks.tick).catch(() => {}); // held behind it
    await taken;
  },
  letLateLoad: () => gate.resolve(),
});
