/**
 * The instances of sharded services that one shard holds.
 *
 * @module
 */

import { type Endpoint, NoShardedInstanceError } from "../calls/mod.ts";
import { HomeKeys } from "./home_keys.ts";
import { LeftBehind, type Life } from "./left_behind.ts";

/** An instance on this shard. */
interface Instance {
  readonly service: object;
  /** Name of the service, for messages. */
  readonly name: string;
  /** Keys that belong to it, once one was asked for. */
  homeKeys: HomeKeys | undefined;
  /** Not undefined once it was told to stop. */
  stopping: Promise<void> | undefined;
  readonly life: Life;
  /** Whether code of this shard was given the object. */
  isGiven: boolean;
}

/** A service and its name. */
export interface RunningService {
  /** Its number. */
  readonly id: number;
  /** Name of its class. */
  readonly name: string;
}

/** How many names of services that are no more are kept, for messages to those who call them late. */
const MAX_FORMER_NAMES = 256;

/** The instances of one endpoint, a part of it: see `Endpoint.part()`. A host has none. */
export class ServiceInstances {
  readonly #shard: number;
  /** By the number of their service. */
  readonly #instances = new Map<number, Instance>();
  readonly #idsByService = new WeakMap<object, number>();
  /** Those that have been constructed, or are about to be, and cannot be called yet. */
  readonly #making = new Map<number, Promise<void>>();
  readonly #formerNames = new Map<number, string>();
  readonly #leftBehind: LeftBehind;

  constructor(endpoint: Endpoint) {
    this.#shard = endpoint.id;
    this.#leftBehind = new LeftBehind(endpoint);
  }

  /**
   * Makes an instance of a class that of service `id` here, unless there is one, or the service has stopped
   * here: who starts it, and who starts it again with its shard, may both ask for it. Resolves when it can
   * be called, which is after its `init()`, if it has one.
   */
  make<Arguments extends readonly unknown[]>(
    id: number,
    name: string,
    serviceClass: new (...args: Arguments) => object,
    findArguments: () => Promise<Arguments>,
  ): Promise<void> {
    if (this.#instances.has(id) || this.#formerNames.has(id)) return Promise.resolve();
    let making = this.#making.get(id);
    if (making === undefined) {
      making = this.#make(id, name, serviceClass, findArguments)
        .finally(() => this.#making.delete(id));
      this.#making.set(id, making);
    }
    return making;
  }

  async #make<Arguments extends readonly unknown[]>(
    id: number,
    name: string,
    serviceClass: new (...args: Arguments) => object,
    findArguments: () => Promise<Arguments>,
  ): Promise<void> {
    const args = await findArguments();
    const life = this.#leftBehind.begin(name, serviceClass);
    let isRunning = false;
    try {
      const service = this.#within(life, () => new serviceClass(...args));
      this.#idsByService.set(service, id);
      await this.#within(life, () => initialize(service));
      if (this.#formerNames.has(id)) { // it has stopped meanwhile
        return await this.#within(life, () => destroy(service));
      }
      this.#instances.set(id, {
        service,
        name,
        homeKeys: undefined,
        stopping: undefined,
        life,
        isGiven: false,
      });
      isRunning = true;
    } finally {
      if (!isRunning) this.#endLife(life);
    }
  }

  /** Whether there is an instance of service `id`. */
  has(id: number): boolean {
    return this.#instances.has(id);
  }

  /** The instance of service `id`, for code of this shard. */
  find(id: number): object | undefined {
    const instance = this.#instances.get(id);
    if (instance === undefined) return undefined;
    instance.isGiven = true;
    return instance.service;
  }

  /** The keys of the instance of service `id`, if there is one. */
  homeKeysOf(id: number): HomeKeys | undefined {
    const instance = this.#instances.get(id);
    if (instance === undefined) return undefined;
    instance.isGiven = true;
    return instance.homeKeys ??= new HomeKeys(instance.service);
  }

  /** Which service `service` is an instance of here, also when it has stopped. */
  idOf(service: object): number | undefined {
    return this.#idsByService.get(service);
  }

  /** The name of service `id`, as far as it is known here. */
  nameOf(id: number): string {
    return this.#instances.get(id)?.name ?? this.#formerNames.get(id) ?? `service ${id}`;
  }

  /** The services that have an instance here. */
  get running(): RunningService[] {
    return [...this.#instances].map(([id, { name }]) => ({ id, name }));
  }

  /** Calls a method of the instance of service `id`. */
  call(id: number, method: string, args: readonly unknown[]): unknown {
    const instance = this.#instances.get(id);
    if (instance === undefined) throw new NoShardedInstanceError(this.#shard, this.nameOf(id));
    const { service, life } = instance;
    const run: unknown = Reflect.get(service, method);
    if (typeof run !== "function") {
      throw new TypeError(`Cannot invoke "${method}" of ${this.nameOf(id)}: it has no such method`);
    }
    const outer = this.#leftBehind.enter(life);
    try {
      return run.apply(service, args);
    } finally {
      this.#leftBehind.leave(outer);
    }
  }

  /** First phase of stopping: the instance can still be called. Told twice, it stops once. */
  async stop(id: number): Promise<void> {
    const instance = this.#instances.get(id);
    if (instance === undefined) return;
    const { life, service } = instance;
    await (instance.stopping ??= this.#within(life, () => stopInstance(service)));
  }

  /** Second phase: there is no instance from now on. */
  async drop(id: number): Promise<void> {
    const instance = this.#instances.get(id);
    const names = this.#formerNames;
    names.set(id, this.nameOf(id)); // also where it is still to be made: it is not, any more
    if (names.size > MAX_FORMER_NAMES) names.delete(names.keys().next().value!);
    if (instance === undefined) return;
    this.#instances.delete(id);
    instance.homeKeys?.forget();
    const { service, life } = instance;
    try {
      await this.#within(life, () => destroy(service));
    } finally {
      this.#endLife(life);
    }
  }

  /** Runs code of an instance, until it awaits something. */
  #within<Result>(life: Life, run: () => Result): Result {
    const outer = this.#leftBehind.enter(life);
    try {
      return run();
    } finally {
      this.#leftBehind.leave(outer);
    }
  }

  #endLife(life: Life): void {
    const isShared = this.#instances.values().some(({ isGiven }) => isGiven);
    this.#leftBehind.end(life, isShared);
  }
}

async function initialize(service: object): Promise<void> {
  if ("init" in service && typeof service.init === "function") await service.init();
}

async function stopInstance(service: object): Promise<void> {
  if ("stop" in service && typeof service.stop === "function") await service.stop();
}

async function destroy(service: object): Promise<void> {
  const { [Symbol.asyncDispose]: later, [Symbol.dispose]: now } = service as Partial<
    AsyncDisposable & Disposable
  >;
  if (later !== undefined) await later.call(service);
  else now?.call(service);
}
