/**
 * `stats detail`: how often keys were asked for, stored and deleted, by what stands before the first
 * colon of the key. As with memcached only the classic commands count, and keys without a colon do
 * not. Each shard counts the commands of its connections.
 *
 * @module
 */

/** What is counted of one prefix. */
export interface PrefixCounts {
  gets: number;
  hits: number;
  sets: number;
  deletes: number;
}

const COLON = ":".charCodeAt(0);
/** Prefixes that are told apart: keys that are all different must not fill the memory. */
const MOST_PREFIXES = 65_536;

/** The counts of one shard. */
export class PrefixStatistics {
  /** By prefix, in the order of their first use. */
  readonly counts: Map<string, PrefixCounts> = new Map();
  readonly #bytes: Uint8Array;

  /** `bytes` are those that the keys are in. */
  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Counts that the key was asked for. */
  countGet(keyAddress: number, keyLength: number, isHit: boolean): void {
    const counts = this.#of(keyAddress, keyLength);
    if (counts === undefined) return;
    counts.gets++;
    if (isHit) counts.hits++;
  }

  /** Counts that it was to be stored, in whatever way, whatever came of it. */
  countSet(keyAddress: number, keyLength: number): void {
    const counts = this.#of(keyAddress, keyLength);
    if (counts !== undefined) counts.sets++;
  }

  /** Counts that it was to be deleted. */
  countDelete(keyAddress: number, keyLength: number): void {
    const counts = this.#of(keyAddress, keyLength);
    if (counts !== undefined) counts.deletes++;
  }

  #of(keyAddress: number, keyLength: number): PrefixCounts | undefined {
    const length = this.#bytes.subarray(keyAddress, keyAddress + keyLength).indexOf(COLON);
    if (length === -1) return undefined;
    const prefix = String.fromCharCode(...this.#bytes.subarray(keyAddress, keyAddress + length));
    let counts = this.counts.get(prefix);
    if (counts === undefined && this.counts.size < MOST_PREFIXES) {
      counts = { gets: 0, hits: 0, sets: 0, deletes: 0 };
      this.counts.set(prefix, counts);
    }
    return counts;
  }
}

/** The counts of all shards as `stats detail dump` gives them. */
export function prefixText(shards: readonly ReadonlyMap<string, PrefixCounts>[]): string {
  const sums = new Map<string, PrefixCounts>();
  for (const [prefix, { gets, hits, sets, deletes }] of shards.flatMap((counts) => [...counts])) {
    const sum = sums.get(prefix) ?? { gets: 0, hits: 0, sets: 0, deletes: 0 };
    sum.gets += gets;
    sum.hits += hits;
    sum.sets += sets;
    sum.deletes += deletes;
    sums.set(prefix, sum);
  }
  const lines = Array.from(sums, ([prefix, { gets, hits, sets, deletes }]) => {
    return `PREFIX ${prefix} get ${gets} hit ${hits} set ${sets} del ${deletes}\r\n`;
  });
  return lines.join("") + "END\r\n";
}
