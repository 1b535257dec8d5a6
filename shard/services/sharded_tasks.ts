/**
 * The instances of sharded services that this shard holds, and the tasks by which other endpoints
 * reach them.
 *
 * A service has a number, the same on every shard. A call names it last, behind the arguments of the
 * method, so that an argument that cannot travel is named by the index that its caller knows.
 *
 * @module
 */

import { defineTasks, localEndpoint, NoShardedInstanceError, type Task } from "../calls/mod.ts";
import { computeParameters, type PackedParameter } from "./sharded_parameter.ts";

/** An instance on this shard. */
interface Instance {
  readonly service: object;
  /** Name of the service, for messages. */
  readonly name: string;
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

/** By number. */
const instances = new Map<number, Instance>();
const idsByService = new WeakMap<object, number>();
const formerNames = new Map<number, string>();

/**
 * Makes `service` the instance of service `id` on this shard.
 *
 * @throws {RangeError} If there is one.
 */
export function addInstance(id: number, name: string, service: object): void {
  const present = instances.get(id);
  if (present !== undefined) {
    throw new RangeError(`Cannot start ${name} as service ${id}: ${present.name} runs as that`);
  }
  instances.set(id, { service, name, stopping: undefined });
  idsByService.set(service, id);
}

/** The instance of service `id` on this shard. */
export function findInstance(id: number): object | undefined {
  return instances.get(id)?.service;
}

/** Which service `service` is an instance of on this shard, also when it has stopped. */
export function findId(service: object): number | undefined {
  return idsByService.get(service);
}

/** The name of service `id`, as far as it is known here. */
export function nameOfService(id: number): string {
  return instances.get(id)?.name ?? formerNames.get(id) ?? `service ${id}`;
}

function callMethod(id: number, method: string, args: readonly unknown[]): unknown {
  const service = findInstance(id);
  if (service === undefined) {
    throw new NoShardedInstanceError(localEndpoint().id, nameOfService(id));
  }
  const run: unknown = Reflect.get(service, method);
  if (typeof run !== "function") {
    throw new TypeError(`Cannot invoke "${method}" of ${nameOfService(id)}: it has no such method`);
  }
  return run.apply(service, args);
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

/** What endpoints ask of a shard that holds an instance. */
interface ShardedTasks {
  readonly invoke: Task<unknown[], unknown>;
  readonly invokeWithParameters: Task<unknown[], unknown>;
  readonly stop: Task<[number], void>;
  readonly drop: Task<[number], void>;
  readonly running: Task<[], Uint8Array | null>;
}

/** The tasks behind {@linkcode Sharded}. */
export const shardedTasks: ShardedTasks = defineTasks(import.meta.url, {
  /** Calls a method: its arguments, its name, the number of the service. */
  invoke(...values: unknown[]): unknown {
    const id = values.pop() as number;
    const method = values.pop() as string;
    return callMethod(id, method, values);
  },
  /** The same with the parameters to compute here last of all. */
  async invokeWithParameters(...values: unknown[]): Promise<unknown> {
    const parameters = values.pop() as PackedParameter[];
    const id = values.pop() as number;
    const method = values.pop() as string;
    await computeParameters(parameters, values);
    return await callMethod(id, method, values);
  },
  /** First phase of stopping: the instance can still be called. Told twice, it stops once. */
  async stop(id: number): Promise<void> {
    const instance = instances.get(id);
    if (instance !== undefined) await (instance.stopping ??= stopInstance(instance));
  },
  /** Second phase: there is no instance from now on. */
  async drop(id: number): Promise<void> {
    const instance = instances.get(id);
    if (instance === undefined) return;
    instances.delete(id);
    formerNames.set(id, instance.name);
    if (formerNames.size > MAX_FORMER_NAMES) formerNames.delete(formerNames.keys().next().value!);
    await destroy(instance.service);
  },
  /** The services with an instance here, packed, as a runtime stops also when memory is short. */
  running(): Uint8Array | null {
    const running = [...instances].map(([id, { name }]): RunningService => ({ id, name }));
    return running.length === 0 ? null : localEndpoint().bus.handOver(running);
  },
});
