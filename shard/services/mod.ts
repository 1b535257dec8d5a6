/**
 * Objects that live on many shards, and the shard that one belongs to: sharded services, replicated
 * values, the gate that they close, and the shard of a key.
 *
 * @module
 */

import "./sharded_wire_type.ts";

export { containerOf } from "./container_of.ts";
export { Gate, GateHolder } from "./gate.ts";
export type { ArgumentsOf, MethodOf, ResultOf } from "./method.ts";
export type { LocalOrRemote } from "./remote_instance.ts";
export { replicate, Replicated, type ReplicateOptions } from "./replicated.ts";
export { defineService, ServiceDefinition } from "./service_definition.ts";
export { restoreReplicas } from "./replicas.ts";
export { ServiceRegister } from "./service_register.ts";
export { Sharded } from "./sharded.ts";
export { startSharded } from "./start_sharded.ts";
export { type PerShard, ShardedParameter, shardedParameter } from "./sharded_parameter.ts";
export { type ShardKey, shardOf } from "./shard_of.ts";
