import { assertAlmostEquals, assertEquals } from "@std/assert";
import { hashOf, homeOf } from "../../../examples/memcached/key_hash.ts";

function hash(key: string): number {
  const bytes = new TextEncoder().encode(`##${key}##`); // what lies around a key has no part in it
  return hashOf(bytes, 2, bytes.length - 4);
}

Deno.test("hashOf() is MurmurHash3_x86_32 with the seed 0", () => {
  // Test values that its ports are held against, of keys that end with each number of odd bytes.
  const bytes = Uint8Array.of(0x21, 0x43, 0x65, 0x87);
  const hashes = [0, 0x72661cf4, 0xa0f7b07a, 0x7e4a8634, 0xf55b516b];
  assertEquals(hashes.map((_, length) => hashOf(bytes, 0, length)), hashes);
  assertEquals(hash("The quick brown fox jumps over the lazy dog"), 0x2e4ff723);
});

Deno.test("homeOf() gives every shard its share of the keys", () => {
  const shards = 3;
  const keys = 30_000;
  const counts = new Array(shards).fill(0);
  for (let i = 0; i < keys; i++) counts[homeOf(hash(`key${i}`), shards)]++;
  for (const count of counts) assertAlmostEquals(count, keys / shards, keys / shards / 20);
});
