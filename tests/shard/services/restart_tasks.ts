/** Services that come back with their shard, and tasks that look at them. */
import {
  containerOf,
  defineService,
  defineTasks,
  type ForeignPtr,
  isShard,
  localAllocator,
  makeForeign,
  type Replicated,
  type ServiceDefinition,
  type Sharded,
  startSharded,
  submitTo,
  type Task,
  thisShard,
} from "@tidepool/core";

/** What has happened on this shard, in this life. */
const log: string[] = [];

/** Ends this thread. */
function die(): Promise<never> {
  (globalThis as unknown as { close(): void }).close();
  return new Promise(() => {});
}

/** Turns of the event loop, in which others' calls would be served. */
async function turns(count: number): Promise<void> {
  for (let turn = 0; turn < count; turn++) await submitTo(thisShard(), restartTasks.tick);
}

/** Its methods throw before init() has ended. */
class Store {
  readonly #name: string;
  readonly #limits: Replicated<number> | undefined;
  #limit = -1;
  #calls = 0;

  constructor(name: string, limits?: Replicated<number>) {
    this.#name = name;
    this.#limits = limits;
    log.push(`new ${name}`);
  }
  async init(): Promise<void> {
    const limit = this.#limits?.local() ?? 0;
    await turns(20);
    this.#limit = limit;
    log.push(`init ${this.#name}`);
  }
  add(): number {
    if (this.#limit < 0) throw new RangeError(`${this.#name} is not open yet`);
    return ++this.#calls;
  }
  limit(): number {
    this.add();
    return this.#limit;
  }
  peers(): Promise<number[]> {
    return containerOf<Store>(this).map("add");
  }
}
export const stores: ServiceDefinition<[string, Replicated<number>?], Store> = defineService(
  import.meta.url,
  "stores",
  Store,
);

/** What init() of the next kind does in a life that is not the first of its shard. */
export type Fate = "throws" | "hangs" | "dies" | "asks a peer" | "is well";

/** Words of the host's slice say what to do: a shard that has died forgets. */
class Fated {
  readonly #address: number;
  constructor(address: number) {
    this.#address = address;
  }
  async init(): Promise<void> {
    const word = new Int32Array(localAllocator().buffer, this.#address, 3);
    if (thisShard() !== 1 || Atomics.load(word, 1) === 0) return;
    const fate = FATES[Atomics.load(word, 0)]; // before the host, which waits for this, decides the next
    Atomics.add(word, 2, 1);
    Atomics.notify(word, 2);
    switch (fate) {
      case "throws":
        throw new SyntaxError("init does not like it here");
      case "hangs":
        return await new Promise(() => {});
      case "dies":
        return await die();
      case "asks a peer":
        log.push(`answered ${await submitTo(0, restartTasks.whoAmI)}`);
    }
  }
  id(): number {
    return thisShard();
  }
}
export const FATES: readonly Fate[] = ["throws", "hangs", "dies", "asks a peer", "is well"];
export const fated: ServiceDefinition<[number], Fated> = defineService(
  import.meta.url,
  "fated",
  Fated,
);

class Item {
  [Symbol.dispose](): void {
    log.push("destroyed");
  }
}

interface RestartTasks {
  readonly tick: Task<[], void>;
  readonly whoAmI: Task<[], number>;
  readonly log: Task<[], string[]>;
  readonly note: Task<[string], void>;
  readonly die: Task<[], never>;
  readonly open: Task<[string], Sharded<Store>>;
  readonly hammer: Task<[Sharded<Store>, number, number], string[]>;
  readonly callAndDie: Task<[number], never>;
  readonly makeItem: Task<[], ForeignPtr<Item>>;
  readonly take: Task<[ForeignPtr<Item>], boolean>;
  readonly bytes: Task<[ArrayBuffer], number>;
  readonly never: Task<[], void>;
  readonly relay: Task<[number], number>;
}

export const restartTasks: RestartTasks = defineTasks(import.meta.url, {
  tick: (): void => {},
  whoAmI: (): number => isShard() ? thisShard() : -1,
  log: (): string[] => log,
  note: (text: string): void => void log.push(text),
  die,
  open: (name: string) => startSharded(stores, name),
  /** Calls the instances on `shard` until the word at `address` is set; the errors that are no deaths. */
  hammer: async (service: Sharded<Store>, shard: number, address: number): Promise<string[]> => {
    const word = new Int32Array(localAllocator().buffer, address, 1);
    const errors: string[] = [];
    while (Atomics.load(word, 0) === 0) {
      try {
        await service.invokeOn(shard, "add");
      } catch (error) {
        if ((error as Error).name !== "ShardCrashedError") errors.push(String(error));
      }
    }
    return errors;
  },
  callAndDie: (shard: number): Promise<never> => {
    submitTo(shard, restartTasks.note, "from a dead shard").catch(() => {});
    return die();
  },
  makeItem: () => makeForeign(new Item()),
  take: (pointer: ForeignPtr<Item>): boolean => {
    using taken = pointer;
    return taken.isNull;
  },
  bytes: (buffer: ArrayBuffer) => buffer.byteLength,
  relay: (shard: number): Promise<number> => submitTo(shard, restartTasks.whoAmI),
  never: (): Promise<void> => new Promise(() => {}),
});
