/**
 * The shard of a key. The baseline is what a program writes without shardOf(): FNV-1a over the units of
 * the text, modulo the number of shards, which moves nearly every key when a shard is added. Each
 * iteration is 1,000 keys: read µs as ns a key.
 *
 * Run it with `deno bench --no-check bench/shard_of_bench.ts`.
 */
import { shardOf } from "../shard/services/shard_of.ts";

const SHARDS = 8;
const KEYS = 1000;

function byRemainder(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) {
    hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  }
  return (hash >>> 0) % SHARDS;
}

/** As a key comes out of a request: in one piece, which text joined by `+` is not. */
function decoded(text: string): string {
  return new TextDecoder().decode(new TextEncoder().encode(text));
}

function keys<Key>(make: (index: number) => Key): Key[] {
  return Array.from({ length: KEYS }, (_, index) => make(index));
}

/** What each benchmark adds up, so that none is left out as useless. */
let sum = 0;

function measure<Key>(name: string, group: string, all: readonly Key[], of: (key: Key) => number) {
  Deno.bench(name, { group, baseline: name.startsWith("FNV") }, () => {
    for (let i = 0; i < KEYS; i++) sum += of(all[i]!);
  });
}

const texts = new Map([
  ["10 characters", keys((index) => decoded(`user:${10_000 + index}`))],
  [
    "40 characters",
    keys((index) =>
      decoded(`session:${"0123456789abcdef".repeat(2)}`.slice(0, 36) + (1000 + index))
    ),
  ],
]);
for (const [length, all] of texts) {
  const group = `${length}, ${SHARDS} shards`;
  measure("FNV-1a and remainder", group, all, byRemainder);
  measure("shardOf(text)", group, all, (key) => shardOf(key, SHARDS));
  const bytes = all.map((key) => new TextEncoder().encode(key));
  measure("shardOf(bytes)", group, bytes, (key) => shardOf(key, SHARDS));
}
const other = `other keys, ${SHARDS} shards`;
measure("shardOf(number)", other, keys((i) => 10_000 + i), (key) => shardOf(key, SHARDS));
const cyrillic = keys((index) => decoded(`ключ:${10_000 + index}`));
measure("shardOf(Cyrillic text)", other, cyrillic, (key) => shardOf(key, SHARDS));
