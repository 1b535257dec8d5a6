/**
 * Caches in shared memory: one shard fills such a cache, every shard reads it, and what is not used goes.
 *
 * @module
 */

export type { CacheStatistics } from "./cache_figures.ts";
export type { CacheLimits, EvictReason } from "./cache_parts.ts";
export { type CacheSetOptions, SharedCache } from "./shared_cache.ts";
export {
  sharedCache,
  type SharedCacheDefinition,
  type SharedCacheOptions,
} from "./shared_cache_definition.ts";
export { SharedCacheReader } from "./shared_cache_reader.ts";
