/**
 * The tasks by which other endpoints reach the instances of sharded services that this shard holds.
 *
 * A service has a number, the same on every shard. A call names it last, behind the arguments of the
 * method, so that an argument that cannot travel is named by the index that its caller knows.
 *
 * @module
 */

import { defineTasks, findTask, localEndpoint, type Task } from "../calls/mod.ts";
import { ServiceInstances } from "./service_instances.ts";
import { computeParameters, type PackedParameter } from "./sharded_parameter.ts";

/** What endpoints ask of a shard that holds an instance. */
interface ShardedTasks {
  readonly invoke: Task<unknown[], unknown>;
  readonly invokeWithParameters: Task<unknown[], unknown>;
  readonly remake: Task<[string, string, Uint8Array], void>;
  readonly stop: Task<[number], void>;
  readonly drop: Task<[number], void>;
  readonly running: Task<[], Uint8Array | null>;
}

/** The instances of the shard that this thread is. */
export function localInstances(): ServiceInstances {
  return localEndpoint().part(ServiceInstances);
}

/** The tasks behind `Sharded`. */
export const shardedTasks: ShardedTasks = defineTasks(import.meta.url, {
  /** Calls a method: its arguments, its name, the number of the service. */
  invoke(...values: unknown[]): unknown {
    const id = values.pop() as number;
    const method = values.pop() as string;
    return localInstances().call(id, method, values);
  },
  /** The same with the parameters to compute here last of all. */
  async invokeWithParameters(...values: unknown[]): Promise<unknown> {
    const parameters = values.pop() as PackedParameter[];
    const id = values.pop() as number;
    const method = values.pop() as string;
    await computeParameters(parameters, values);
    return await localInstances().call(id, method, values);
  },
  /** Makes the instance of a service that ran in a former life, by its definition and what it was made with. */
  async remake(module: string, key: string, frozen: Uint8Array): Promise<void> {
    const make = await findTask(module, key);
    await make(...localEndpoint().bus.thaw(frozen));
  },
  stop: (id: number) => localInstances().stop(id),
  drop: (id: number) => localInstances().drop(id),
  /** The services with an instance here, packed, as a runtime stops also when memory is short. */
  running(): Uint8Array | null {
    const { running } = localInstances();
    return running.length === 0 ? null : localEndpoint().bus.handOver(running);
  },
});
