/**
 * The instances of sharded services that one shard holds.
 *
 * @module
 */

import { type Endpoint, NoShardedInstanceError } from "../calls/mod.ts";
import { HomeKeys } from "./home_keys.ts";

/** An instance on this shard. */
interface Instance {
  readonly service: object;
  /** Name of the service, for messages. */
  readonly name: string;
  /** Keys that belong to it, once one was asked for. */
  homeKeys: HomeKeys | undefined;
  /** Not undefined once it was told to stop. */
  stopping: Promise<void> | undefined;
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

  constructor({ id }: Pick<Endpoint, "id">) {
    this.#shard = id;
  }

  /**
   * Makes an instance of service `id` here, unless there is one, or the service has stopped here: who
   * starts it, and who starts it again with its shard, may both ask for it. Resolves when it can be called,
   * which is after its `init()`, if it has one.
   */
  make(id: number, name: string, construct: () => object | Promise<object>): Promise<void> {
    if (this.#instances.has(id) || this.#formerNames.has(id)) return Promise.resolve();
    let making = this.#making.get(id);
    if (making === undefined) {
      making = this.#make(id, name, construct).finally(() => this.#making.delete(id));
      this.#making.set(id, making);
    }
    return making;
  }

  async #make(
    id: number,
    name: string,
    construct: () => object | Promise<object>,
  ): Promise<void> {
    const service = await construct();
    this.#idsByService.set(service, id);
    if ("init" in service && typeof service.init === "function") await service.init();
    if (this.#formerNames.has(id)) return await destroy(service); // it has stopped meanwhile
    this.#instances.set(id, { service, name, homeKeys: undefined, stopping: undefined });
  }

  /** The instance of service `id`. */
  find(id: number): object | undefined {
    return this.#instances.get(id)?.service;
  }

  /** The keys of the instance of service `id`, if there is one. */
  homeKeysOf(id: number): HomeKeys | undefined {
    const instance = this.#instances.get(id);
    return instance === undefined
      ? undefined
      : instance.homeKeys ??= new HomeKeys(instance.service);
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
    const service = this.find(id);
    if (service === undefined) throw new NoShardedInstanceError(this.#shard, this.nameOf(id));
    const run: unknown = Reflect.get(service, method);
    if (typeof run !== "function") {
      throw new TypeError(`Cannot invoke "${method}" of ${this.nameOf(id)}: it has no such method`);
    }
    return run.apply(service, args);
  }

  /** First phase of stopping: the instance can still be called. Told twice, it stops once. */
  async stop(id: number): Promise<void> {
    const instance = this.#instances.get(id);
    if (instance !== undefined) await (instance.stopping ??= stopInstance(instance));
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
    await destroy(instance.service);
  }
}

async function stopInstance({ service }: Instance): Promise<void> {
  if ("stop" in service && typeof service.stop === "function") await service.stop();
}

async function destroy(service: object): Promise<void> {
  const { [Symbol.asyncDispose]: later, [Symbol.dispose]: now } = service as Partial<
    AsyncDisposable & Disposable
  >;
  if (later !== undefined) await later.call(service);
  else now?.call(service);
}
