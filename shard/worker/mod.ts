/**
 * A shard's thread: what its Worker runs, and what passes between it and the host.
 *
 * @module
 */

export { hasEnded, LOCK_STOLEN } from "./life_lock.ts";
export { WORKER_URL } from "./worker_module.ts";
export type { FromShard, ToShard } from "./worker_protocol.ts";
