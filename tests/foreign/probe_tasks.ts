/** An object that knows where it is destroyed, and tasks that make and use it on real shards. */
import {
  defineTasks,
  type ForeignPtr,
  localAllocator,
  makeForeign,
  SharedPtr,
  submitTo,
  type Task,
  thisShard,
  UniquePtr,
} from "@tidepool/core";

/** Names of the probes destroyed on this shard. */
const destroyed: string[] = [];

export class Probe {
  readonly name: string;
  readonly madeOn: number = thisShard();
  hits = 0;

  constructor(name: string) {
    this.name = name;
  }

  hit(times: number): number {
    return this.hits += times;
  }

  where(): number {
    return thisShard();
  }

  [Symbol.dispose](): void {
    if (this.name.startsWith("bad")) throw new RangeError(`${this.name} cannot be destroyed`);
    destroyed.push(this.name);
  }
}

class AsyncProbe {
  async [Symbol.asyncDispose](): Promise<void> {
    await submitTo(thisShard(), probeTasks.tick);
    destroyed.push("async");
  }
}

/** A block of this shard's slice, freed when the object is destroyed. */
class Block {
  readonly address: number = localAllocator().malloc(1000);
  [Symbol.dispose](): void {
    localAllocator().free(this.address);
  }
}

type SharedProbe = ForeignPtr<Probe, "shared">;
let kept: SharedPtr<Probe> | undefined;
const held: ForeignPtr<Probe>[] = [];

interface ProbeTasks {
  readonly tick: Task<[], void>;
  readonly open: Task<[string], ForeignPtr<Probe>>;
  readonly openShared: Task<[string], SharedProbe>;
  readonly openAsync: Task<[], ForeignPtr<AsyncProbe>>;
  readonly openBlock: Task<[], ForeignPtr<Block>>;
  readonly openMany: Task<[string, number], ForeignPtr<Probe>[]>;
  readonly openKept: Task<[string], SharedProbe>;
  readonly keptUseCount: Task<[], number>;
  readonly dropKept: Task<[], void>;
  readonly destroyed: Task<[], string[]>;
  readonly hit: Task<[Probe, number], number>;
  readonly nameOf: Task<[Probe], string>;
  readonly keep: Task<[ForeignPtr<Probe>], number>;
  readonly dropHeld: Task<[], void>;
  readonly giveBack: Task<[], ForeignPtr<Probe>>;
  readonly isHome: Task<[ForeignPtr<Probe>], boolean>;
  readonly destroyThere: Task<[SharedProbe], void>;
  readonly copyThere: Task<[SharedProbe], SharedProbe>;
  readonly nested: Task<[{ list: ForeignPtr<Probe>[] }], Map<string, ForeignPtr<Probe>>>;
  readonly checkCpu: Task<[number], string[]>;
  readonly checkLocal: Task<[], string[]>;
}

export const probeTasks: ProbeTasks = defineTasks(import.meta.url, {
  tick: (): void => {},
  open: (name: string) => makeForeign(new Probe(name)),
  openShared: (name: string) => makeForeign(new SharedPtr(new Probe(name))),
  openAsync: () => makeForeign(new AsyncProbe()),
  openBlock: () => makeForeign(new Block()),
  openMany: (name: string, count: number) =>
    Array.from({ length: count }, (_, i) => makeForeign(new Probe(`${name}${i}`))),
  openKept: (name: string) => {
    kept = new SharedPtr(new Probe(name));
    return makeForeign(kept.clone());
  },
  keptUseCount: () => kept!.useCount,
  dropKept: () => kept![Symbol.dispose](),
  destroyed: () => destroyed.splice(0),
  hit: (probe: Probe, times: number) => probe.hit(times),
  nameOf: (probe: Probe) => probe.name,
  keep: (pointer: ForeignPtr<Probe>) => held.push(pointer),
  dropHeld: () => held.pop()!.destroy(),
  giveBack: () => held.pop()!,
  isHome: (pointer: ForeignPtr<Probe>) => {
    const home = pointer.ownerShard === thisShard() && pointer.unwrapOnOwnerShard().get() !== null;
    pointer[Symbol.dispose]();
    return home;
  },
  destroyThere: (pointer: SharedProbe) => pointer.destroy(),
  copyThere: async (pointer: SharedProbe) => {
    using mine = pointer;
    return await mine.copy();
  },
  nested: ({ list }: { list: ForeignPtr<Probe>[] }) =>
    new Map(list.map((pointer, i) => [`p${i}`, pointer])),
  /** foreign_ptr_cpu_test, move_assignment_test and destroy_test, seen from one shard. */
  checkCpu: async (other: number) => {
    const steps: string[] = [];
    const step = async (what: string) => {
      await undefined; // what this turn destroys elsewhere goes out at its end
      const there = await submitTo(other, probeTasks.destroyed);
      steps.push(`${what}: there ${there.join()}, here ${destroyed.splice(0).join()}`);
    };
    const pointer = await submitTo(other, probeTasks.open, "a");
    pointer.reset(new UniquePtr(new Probe("b")));
    await step("reset to a local object");
    await pointer.destroy();
    await step("destroy");
    const remote = await submitTo(other, probeTasks.open, "c");
    const local = makeForeign(new Probe("d"));
    remote.assign(local);
    await step("assign a local pointer");
    steps.push(`owner ${remote.ownerShard}, other null ${local.isNull}`);
    remote.assign(remote);
    steps.push(`self ${remote.isNull}`);
    remote.reset();
    await step("reset to null");
    steps.push(`null ${remote.isNull}, owner ${remote.ownerShard}`);
    return steps;
  },
  /** The cases of foreign_ptr_test.cc that stay on one shard. */
  checkLocal: async () => {
    const failures: string[] = [];
    const expect = (what: string, holds: boolean) => void (holds || failures.push(what));
    const probe = new Probe("local");
    const unique = makeForeign(new UniquePtr(probe));
    expect("get() is the object", unique.get() === probe);
    const released = unique.release();
    expect("release() gives the pointer", released.get() === probe);
    expect("release() leaves null", unique.isNull);
    released[Symbol.dispose]();
    const shared = makeForeign(new SharedPtr(new Probe("shared")));
    const copy = await shared.copy();
    expect("copy() is the same object", copy.get() === shared.get());
    expect("copy() counts", shared.unwrapOnOwnerShard().useCount === 2);
    copy[Symbol.dispose]();
    expect("a dropped copy does not count", shared.unwrapOnOwnerShard().owned);
    expect("nothing is destroyed twice", destroyed.join() === "local");
    await shared.destroy();
    expect("the last one destroys", destroyed.splice(0).join() === "local,shared");
    return failures;
  },
});
