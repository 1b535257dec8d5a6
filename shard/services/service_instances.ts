/**
 * The instances of sharded services that one shard holds.
 *
 * @module
 */

import { type Endpoint, NoShardedInstanceError } from "../calls/mod.ts";
import { LeftBehind, type Life } from "./left_behind.ts";

/** An instance on this shard. */
interface Instance {
  readonly service: object;
  /** Name of the service, for messages. */
  readonly name: string;
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
  readonly #formerNames = new Map<number, string>();
  readonly #leftBehind: LeftBehind;

  constructor(endpoint: Endpoint) {
    this.#shard = endpoint.id;
    this.#leftBehind = new LeftBehind(endpoint);
  }

  /**
   * Makes an instance of a class that of service `id` here.
   *
   * @throws {RangeError} If there is one.
   */
  make<Arguments extends readonly unknown[]>(
    id: number,
    name: string,
    serviceClass: new (...args: Arguments) => object,
    args: Arguments,
  ): void {
    const present = this.#instances.get(id);
    if (present !== undefined) {
      throw new RangeError(`Cannot start ${name} as service ${id}: ${present.name} runs as that`);
    }
    const life = this.#leftBehind.begin(name, serviceClass);
    const outer = this.#leftBehind.enter(life);
    let service: object | undefined;
    try {
      service = new serviceClass(...args);
    } finally {
      this.#leftBehind.leave(outer);
      if (service === undefined) this.#leftBehind.end(life, false);
    }
    this.#instances.set(id, { service, name, stopping: undefined, life, isGiven: false });
    this.#idsByService.set(service, id);
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
    if (instance !== undefined) await (instance.stopping ??= this.#within(instance, stopInstance));
  }

  /** Second phase: there is no instance from now on. */
  async drop(id: number): Promise<void> {
    const instance = this.#instances.get(id);
    if (instance === undefined) return;
    this.#instances.delete(id);
    const names = this.#formerNames;
    names.set(id, instance.name);
    if (names.size > MAX_FORMER_NAMES) names.delete(names.keys().next().value!);
    try {
      await this.#within(instance, destroy);
    } finally {
      const isShared = this.#instances.values().some(({ isGiven }) => isGiven);
      this.#leftBehind.end(instance.life, isShared);
    }
  }

  /** Runs code of an instance, until it awaits something. */
  #within({ service, life }: Instance, run: (service: object) => Promise<void>): Promise<void> {
    const outer = this.#leftBehind.enter(life);
    const ended = run(service);
    this.#leftBehind.leave(outer);
    return ended;
  }
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
