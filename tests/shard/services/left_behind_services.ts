/** Services and tasks that the tests of what is left behind start on real shards. */
import {
  defineService,
  defineTasks,
  type ForeignPtr,
  i32,
  localAllocator,
  makeForeign,
  type ServiceDefinition,
  type Sharded,
  struct,
  submitTo,
  type Task,
  thisShard,
  UniquePtr,
} from "@tidepool/core";
import { array } from "@tidepool/core/allocator";

const BLOCK_BYTES = 100;

/** Keeps blocks by key, and leaves them when it stops. */
export class Leaky {
  readonly addresses: number[] = [];
  put(count: number): void {
    for (let i = 0; i < count; i++) this.addresses.push(localAllocator().malloc(BLOCK_BYTES));
  }
  /** As `put`, but what it asks for is freed by the caller. */
  lend(count: number): number[] {
    return Array.from({ length: count }, () => localAllocator().malloc(BLOCK_BYTES));
  }
  /** Frees nothing while it runs without waiting. */
  async temporary(count: number): Promise<void> {
    const taken = this.lend(count);
    await Promise.resolve();
    for (const address of taken) localAllocator().free(address);
  }
}

/** Leaves what its constructor asks for. */
export class LeakyFromTheStart {
  readonly address: number = localAllocator().malloc(10_000);
}

/** The same as `Leaky`, but that it frees its blocks later, in the midst of stop(). */
export class Tidy extends Leaky {
  async stop(): Promise<void> {
    await Promise.resolve();
    for (const address of this.addresses) localAllocator().free(address);
  }
}

/** Takes its blocks from an arena. */
export class InArena implements Disposable {
  readonly #arena = localAllocator().arena();
  put(count: number): void {
    for (let i = 0; i < count; i++) this.#arena.malloc(BLOCK_BYTES);
  }
  [Symbol.dispose](): void {
    this.#arena[Symbol.dispose]();
  }
}

/** Has a cache, on the same shard, keep what it makes. */
export class Filler {
  readonly #cache: Sharded<Leaky>;
  constructor(cache: Sharded<Leaky>) {
    this.#cache = cache;
  }
  fillLocal(count: number): void {
    this.#cache.local().put(count);
  }
  async fillByCalls(count: number): Promise<void> {
    await this.#cache.invokeOn(thisShard(), "put", count);
  }
  async sendBytes(count: number): Promise<void> {
    const bytes = new Uint8Array(5000);
    await Promise.all(
      Array.from({ length: count }, () => submitTo(thisShard() === 0 ? 1 : 0, tasks.keep, bytes)),
    );
  }
}

const Row = struct("Row", { cells: array(i32, 1000) });

/** Hands its blocks on to whoever holds the pointer. */
export class Maker {
  make(): ForeignPtr<object> {
    return makeForeign(Row.make(localAllocator()));
  }
}

const kept: UniquePtr<object>[] = [];

export const tasks: {
  readonly keep: Task<[Uint8Array], void>;
  readonly free: Task<[number[]], void>;
  readonly hold: Task<[ForeignPtr<object>], void>;
  readonly used: Task<[], number>;
} = defineTasks(import.meta.url, {
  keep(bytes: Uint8Array): void {
    localAllocator().bytes(localAllocator().malloc(bytes.length), bytes.length).set(bytes);
  },
  free(addresses: number[]): void {
    for (const address of addresses) localAllocator().free(address);
  },
  hold(pointer: ForeignPtr<object>): void {
    kept.push(new UniquePtr(pointer));
  },
  used: () => localAllocator().usedBytes,
});

export const leaky: ServiceDefinition<[], Leaky> = defineService(
  import.meta.url,
  "leaky",
  Leaky,
);
export const leakyFromTheStart: ServiceDefinition<[], LeakyFromTheStart> = defineService(
  import.meta.url,
  "leakyFromTheStart",
  LeakyFromTheStart,
);
export const tidy: ServiceDefinition<[], Tidy> = defineService(import.meta.url, "tidy", Tidy);
export const inArena: ServiceDefinition<[], InArena> = defineService(
  import.meta.url,
  "inArena",
  InArena,
);
export const filler: ServiceDefinition<[Sharded<Leaky>], Filler> = defineService(
  import.meta.url,
  "filler",
  Filler,
);
export const maker: ServiceDefinition<[], Maker> = defineService(import.meta.url, "maker", Maker);
