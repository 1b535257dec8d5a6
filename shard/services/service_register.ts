/**
 * The services of a runtime whose shards are started again, as its host keeps them: what each is made of,
 * in the order in which they were started. A shard forgets with its life; the host does not, also what
 * shards have started that died later. Its callers ask only where shards are started again.
 *
 * @module
 */

import { causeOf } from "../codec/mod.ts";
import { callEach, defineHostTasks, type Endpoint, type HostTask } from "../calls/mod.ts";
import type { ServiceDefinition } from "./service_definition.ts";
import { shardedTasks } from "./sharded_tasks.ts";

/** A service as its starter tells of it. */
export interface ServiceRecipe {
  /** Its number. */
  readonly id: number;
  /** Name of its class. */
  readonly name: string;
  /** The module that defines it. */
  readonly module: string;
  /** Its key there. */
  readonly key: string;
  /** What `ServiceDefinition.make` takes, frozen. */
  readonly frozen: Uint8Array;
  /** The endpoint that starts it. */
  readonly starter: number;
}

/** A service that runs, or is being started. */
interface Entry {
  readonly recipe: ServiceRecipe;
  /** Whether all shards have an instance. */
  hasStarted: boolean;
  /** Shards that came back meanwhile, and could not make one. */
  readonly missing: Set<number>;
}

/** The services of one runtime, a part of its host: see `Endpoint.part()`. */
export class ServiceRegister {
  readonly #host: Endpoint;
  readonly #entries = new Map<number, Entry>();

  constructor(host: Endpoint) {
    this.#host = host;
    host.whenGone((shard) => this.#forgetStartsOf(shard));
  }

  /** A service is about to be started: a shard that comes back from now on is to have an instance. */
  add(recipe: ServiceRecipe): void {
    this.#entries.set(recipe.id, { recipe, hasStarted: false, missing: new Set() });
  }

  /**
   * Every shard has made its instance, some in a life that is over by now.
   *
   * @throws What the next life of one has failed with, if it does so again.
   */
  async started(id: number): Promise<void> {
    const entry = this.#entries.get(id);
    if (entry === undefined) return; // it has stopped itself
    while (entry.missing.size > 0) {
      const shards = [...entry.missing];
      entry.missing.clear();
      await callEach(shards, (shard) => this.#host.submitTo(shard, ...remakeOf(entry)));
    }
    entry.hasStarted = true;
  }

  /** A service is about to stop: no shard that comes back is to have it. */
  remove(id: number): void {
    this.#entries.delete(id);
  }

  /**
   * Makes the services again on `shard`, which is being opened: one after the other, in the order in which
   * they were started. `begins` is told of each.
   *
   * @throws If one cannot be made: which, and why.
   */
  async restore(shard: number, begins: (name: string) => void): Promise<void> {
    // Those that are started meanwhile come last in it, and those that stop are not met.
    for (const [id, entry] of this.#entries) {
      const { name } = entry.recipe;
      begins(name);
      try {
        await this.#host.submitEarly(shard, ...remakeOf(entry));
      } catch (cause) {
        if (!this.#entries.has(id)) continue;
        if (!entry.hasStarted) {
          entry.missing.add(shard); // its starter is to hear of it
          continue;
        }
        throw new Error(
          `Cannot start service ${name} again on shard ${shard}: ${causeOf(cause)}`,
          { cause },
        );
      }
    }
  }

  /** What a dead shard was about to start has nobody who waits for it. */
  #forgetStartsOf(shard: number): void {
    for (const [id, { recipe: { starter }, hasStarted }] of this.#entries) {
      if (starter === shard && !hasStarted) this.#entries.delete(id);
    }
  }
}

/** The call that makes an instance. */
function remakeOf({ recipe: { module, key, frozen } }: Entry) {
  return [shardedTasks.remake, [module, key, frozen]] as const;
}

/** What shards ask of the register. */
interface RegisterTasks {
  readonly add: HostTask<[ServiceRecipe], void>;
  readonly started: HostTask<[number], void>;
  readonly remove: HostTask<[number], void>;
}

const registerTasks: RegisterTasks = defineHostTasks(import.meta.url, {
  add: (host: Endpoint, recipe: ServiceRecipe) => host.part(ServiceRegister).add(recipe),
  started: (host: Endpoint, id: number) => host.part(ServiceRegister).started(id),
  remove: (host: Endpoint, id: number) => host.part(ServiceRegister).remove(id),
});

/** Registers a service that `endpoint` is about to start, with what its instances are made of. */
export function registerService(
  endpoint: Endpoint,
  id: number,
  definition: ServiceDefinition<never, object>,
  values: readonly unknown[],
): Promise<void> {
  const { name } = definition;
  const { module, key } = definition["make"];
  const frozen = endpoint.bus.freeze(values);
  const recipe = { id, name, module, key, frozen, starter: endpoint.id };
  return endpoint.askHost(registerTasks.add, recipe);
}

/** Every shard has an instance of a service. */
export function confirmService(endpoint: Endpoint, id: number): Promise<void> {
  return endpoint.askHost(registerTasks.started, id);
}

/** A service is about to stop. */
export function unregisterService(endpoint: Endpoint, id: number): Promise<void> {
  return endpoint.askHost(registerTasks.remove, id);
}
