/** What the tests of undelivered, lost and crashed pointers run on shards. */
import {
  defineTasks,
  type ForeignPtr,
  localAllocator,
  makeForeign,
  SharedPtr,
  submitTo,
  type Task,
  thisShard,
} from "@tidepool/core";
import { foreignStatistics } from "@tidepool/core/foreign";
import type { ForeignStatistics } from "@tidepool/core/shard";
import { runInNewContext } from "node:vm";
import { setFlagsFromString } from "node:v8";

/** Names of the objects destroyed on this shard. */
const destroyed: string[] = [];
let kept: ForeignPtr<Piece>[] = [];

/** An object whose end is written down. */
export class Piece {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
  nameHere(): string {
    return `${this.name} on ${thisShard()}`;
  }
  [Symbol.dispose](): void {
    destroyed.push(this.name);
    if (this.name.startsWith("bad")) throw new RangeError(`${this.name} resists`);
  }
}

class SlowPiece {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
  async [Symbol.asyncDispose](): Promise<void> {
    for (let i = 0; i < 10; i++) await submitTo(thisShard(), outcomeTasks.tick);
    destroyed.push(this.name);
    if (this.name.startsWith("bad")) throw new RangeError(`${this.name} resists`);
  }
}

type Unique = ForeignPtr<Piece>;
type Shared = ForeignPtr<Piece, "shared">;

interface OutcomeTasks {
  readonly tick: Task<[], void>;
  readonly open: Task<[string], Unique>;
  readonly openShared: Task<[string], Shared>;
  readonly openSlow: Task<[string], ForeignPtr<SlowPiece>>;
  readonly openNull: Task<[], Unique>;
  readonly openWithFunction: Task<[string], unknown>;
  readonly openLater: Task<[string, number], Unique>;
  readonly begun: Task<[number], void>;
  readonly openKeeping: Task<[string], void>;
  readonly openSlowKeeping: Task<[string], void>;
  readonly figures: Task<[number], ForeignStatistics>;
  readonly destroyed: Task<[], string[]>;
  readonly keep: Task<[...unknown[]], number>;
  readonly take: Task<[unknown, Piece], void>;
  readonly dropKept: Task<[], void>;
  readonly giveBack: Task<[], Unique[]>;
  readonly passKept: Task<[number], void>;
  readonly same: Task<[Unique], string>;
  readonly compareAtHome: Task<[], string[]>;
  readonly word: Task<[], number>;
  readonly wait: Task<[number], void>;
  readonly waitThenExit: Task<[number], void>;
  readonly letGo: Task<[number], void>;
  readonly exit: Task<[], void>;
  readonly passAndExit: Task<[number, Unique], void>;
  readonly copyAndExit: Task<[Shared], void>;
  readonly askForCopies: Task<[Shared, number], void>;
  readonly sayAndWait: Task<[number, number], void>;
  readonly sayWaitAndExit: Task<[number, number], void>;
  readonly callLater: Task<[number, string, number], void>;
  readonly loseKept: Task<[number], void>;
  readonly makeAndLose: Task<[string], void>;
  readonly collect: Task<[], void>;
}

function words(address: number): Int32Array {
  return new Int32Array(localAllocator().bytes(address, 4).buffer, address, 1);
}

function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  runInNewContext("gc")();
}

export const outcomeTasks: OutcomeTasks = defineTasks(import.meta.url, {
  tick: (): void => {},
  open: (name: string) => makeForeign(new Piece(name)),
  openShared: (name: string) => makeForeign(new SharedPtr(new Piece(name))),
  openSlow: (name: string) => makeForeign(new SlowPiece(name)),
  openNull: () => makeForeign<Piece>(null),
  /** A result that cannot be sent, with pointers in front of and behind what stops it. */
  openWithFunction: (name: string) => ({
    first: makeForeign(new Piece(`${name}1`)),
    then1: () => 1,
    second: new Map([[1, [makeForeign(new Piece(`${name}2`))]]]),
  }),
  /** A pointer that is there only when the word at `address` is set. */
  openLater: async (name: string, address: number) => {
    outcomeTasks.letGo.run(address + 4);
    await outcomeTasks.begun.run(address - 4);
    return makeForeign(new Piece(name));
  },
  /** Waits until `openLater` has begun, with the address of `word`. */
  begun: async (address: number): Promise<void> => {
    const waiting = Atomics.waitAsync(words(address + 4), 0, 0);
    if (waiting.async) await waiting.value;
  },
  openKeeping: (name: string) => void kept.push(makeForeign(new Piece(name))),
  openSlowKeeping: (name: string) =>
    void kept.push(makeForeign(new SlowPiece(name)) as unknown as Unique),
  figures: (shard: number) => foreignStatistics(shard),
  destroyed: () => destroyed.splice(0),
  keep: (...pointers: unknown[]) => kept.push(...pointers as Unique[]),
  take: (pointers: unknown, _object: Piece) => void kept.push(...[pointers].flat() as Unique[]),
  dropKept: () => {
    for (const pointer of kept.splice(0)) pointer[Symbol.dispose]();
  },
  giveBack: () => kept.splice(0),
  passKept: async (to: number) => {
    await submitTo(to, outcomeTasks.keep, ...kept.splice(0));
  },
  same: (pointer: Unique) => {
    using mine = pointer;
    return `${mine.ownerShard} ${mine.isNull}`;
  },
  /** What equality says where the objects live; the names of what is wrong. */
  compareAtHome: async () => {
    const shared = makeForeign(new SharedPtr(new Piece("shared")));
    const copy = await shared.copy();
    const other = makeForeign(new SharedPtr(new Piece("other")));
    const failures: string[] = [];
    if (!shared.equals(copy) || !copy.equals(shared)) failures.push("copies are equal");
    if (shared.equals(other)) failures.push("others are not");
    for (const pointer of [shared, copy, other]) pointer[Symbol.dispose]();
    if (!shared.equals(other)) failures.push("null equals null");
    return failures;
  },
  /** The address of a word of this shard's that holds 0. */
  word: () => localAllocator().calloc(1, 8),
  /** Blocks the thread until the word at `address` is set. */
  wait: (address: number) => void Atomics.wait(words(address), 0, 0),
  waitThenExit: (address: number): void => {
    Atomics.wait(words(address), 0, 0);
    outcomeTasks.exit.run();
  },
  letGo: (address: number) => {
    Atomics.store(words(address), 0, 1);
    Atomics.notify(words(address), 0);
  },
  /** Ends the thread here and now: what is in its rings stays unread, what it wrote unpublished. */
  exit: (): void => {
    Deno.exit();
    for (;;);
  },
  passAndExit: (to: number, pointer: Unique): void => {
    submitTo(to, outcomeTasks.keep, pointer).catch(() => {});
    outcomeTasks.exit.run();
  },
  copyAndExit: (pointer: Shared): void => {
    pointer.copy().catch(() => {});
    outcomeTasks.exit.run();
  },
  /** Asks for copies and does not wait for them. */
  askForCopies: (pointer: Shared, count: number): void => {
    pointer.copy(count).catch(() => {});
  },
  /** Says in one word that it blocks the thread, until the other is set. */
  sayAndWait: (here: number, until: number): void => {
    outcomeTasks.letGo.run(here);
    Atomics.wait(words(until), 0, 0);
  },
  sayWaitAndExit: (here: number, until: number): void => {
    outcomeTasks.sayAndWait.run(here, until);
    outcomeTasks.exit.run();
  },
  /** Asks another shard for a pointer that is there only later. */
  callLater: async (to: number, name: string, address: number) => {
    kept.push(await submitTo(to, outcomeTasks.openLater, name, address));
  },
  /** Forgets what it keeps; resolves when `count` pointers have been found by the collector. */
  loseKept: async (_count: number) => {
    kept = [];
    await outcomeTasks.collect.run();
  },
  makeAndLose: (name: string): void => {
    makeForeign(new Piece(name));
  },
  collect: async (): Promise<void> => {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve)); // the callbacks are tasks of the event loop
  },
});
