/**
 * What one shard counts, under the names that memcached's `stats` gives them.
 *
 * @module
 */

/** Figures of the connections of one shard. */
export class ConnectionCounters {
  /** Connections so far. */
  totalConnections = 0;
  /** Connections that were turned away: there were too many, or no memory or descriptor for them. */
  rejectedConnections = 0;
  /** Connections that were closed because there was no memory for a response. */
  responsesOutOfMemory = 0;
  /** Connections that were closed because no command came. */
  idleKicks = 0;
  /** How often no connection could be accepted for some time, for want of a descriptor. */
  listenDisabled = 0;
  /** For how long altogether. */
  listenDisabledMicroseconds = 0;
  /** Bytes read so far. */
  bytesRead = 0;
  /** Bytes written so far. */
  bytesWritten = 0;
}

/** Figures of the storage of one shard. */
export class StoreCounters {
  cmd_get = 0;
  cmd_set = 0;
  cmd_flush = 0;
  cmd_touch = 0;
  cmd_meta = 0;
  get_hits = 0;
  get_misses = 0;
  get_expired = 0;
  get_flushed = 0;
  delete_misses = 0;
  delete_hits = 0;
  incr_misses = 0;
  incr_hits = 0;
  decr_misses = 0;
  decr_hits = 0;
  cas_misses = 0;
  cas_hits = 0;
  cas_badval = 0;
  touch_hits = 0;
  touch_misses = 0;
  store_too_large = 0;
  store_no_memory = 0;
  total_items = 0;
  evictions = 0;
  evicted_unfetched = 0;
  evicted_active = 0;
  expired_unfetched = 0;
  reclaimed = 0;
  /** Items that were past their time, and were not looked for. */
  crawler_reclaimed = 0;
  /** How often the memory of items was wanted for something else. */
  direct_reclaims = 0;
  /** Items that were to go, and stayed as they were being read. */
  lrutail_reflocked = 0;
}
