/**
 * Objects that live on many shards: sharded services, replicated values, and the gate that they close.
 *
 * @module
 */

export { Gate, GateHolder } from "./gate.ts";
export type { ArgumentsOf, MethodOf, ResultOf } from "./method.ts";
export { replicate, Replicated, type ReplicateOptions } from "./replicated.ts";
export { defineService, ServiceDefinition } from "./service_definition.ts";
export { restoreReplicas } from "./replicas.ts";
export { ServiceRegister } from "./service_register.ts";
export { containerOf, Sharded, startSharded } from "./sharded.ts";
export { type PerShard, ShardedParameter, shardedParameter } from "./sharded_parameter.ts";
