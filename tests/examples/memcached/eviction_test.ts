/** A cache that is full: what is old goes, nothing fails, nothing is wrong. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { runSeed, SeededRandom } from "../../harness/seeded_random.ts";
import { homeOfKey, keyAtHomeOn, TestServer } from "./test_server.ts";

const SHARDS = 2;

Deno.test("memcached: filled ten times over, it keeps what is new and what is used", async () => {
  const memory = 2 * 2 ** 20;
  await using test = await TestServer.start(SHARDS, memory);
  using client = await test.connect();
  const items = Math.ceil(10 * SHARDS * memory / 1000 / 100) * 100;
  const valueOf = (i: number): string => `${i} `.repeat(1000).slice(0, 900);
  const batch = 100;
  for (let first = 0; first < items; first += batch) {
    let commands = "";
    for (let i = first; i < first + batch; i++) {
      commands += `set key${i} 0 0 900\r\n${valueOf(i)}\r\n`;
    }
    const expected = "STORED\r\n".repeat(batch);
    const [answer] = await Promise.all([client.exactly(expected.length), client.send(commands)]);
    assertEquals(answer, expected);
    // The first of all is used all the time, and so never the oldest.
    assertEquals(
      await client.ask("get key0\r\n", "END\r\n"),
      `VALUE key0 0 900\r\n${valueOf(0)}\r\nEND\r\n`,
    );
  }
  const stats = await test.stats(client);
  const present = Number(stats.get("curr_items"));
  assertEquals(Number(stats.get("evictions")), items - present);
  const kept = Array.from({ length: SHARDS }, () => 0);
  for (let i = items - 2 * present; i < items; i++) { // about as many that are gone as are there
    const answer = await client.ask(`get key${i}\r\n`, "END\r\n");
    const home = homeOfKey(`key${i}`, SHARDS);
    if (answer === "END\r\n") assertEquals(kept[home], 0, `key${i} is gone, older ones are not`);
    else {
      kept[home]!++;
      assertEquals(answer, `VALUE key${i} 0 900\r\n${valueOf(i)}\r\nEND\r\n`);
    }
  }
  // With key0; and some went meanwhile for the memory that the answers took.
  const lost = present - kept.reduce((sum, items) => sum + items, 1);
  assert(lost >= 0 && lost < 20, `${lost} of ${present} items were lost while they were read`);
  // Seven eighths of the memory are items, with their headers.
  assert(present * 1000 > SHARDS * memory * 7 / 8, `${present} items of 900 bytes are left`);
});

Deno.test("memcached: an item that is too large is refused as memcached refuses it", async () => {
  await using test = await TestServer.start(SHARDS);
  using client = await test.connect();
  for (const home of [0, 1]) {
    const key = keyAtHomeOn(home, SHARDS);
    await client.ask(`set ${key} 0 0 1\r\nx\r\n`);
    const value = "y".repeat(2 ** 20);
    const [answer] = await Promise.all([
      client.until("\r\n"),
      client.send(`set ${key} 0 0 ${value.length}\r\n${value}\r\n`),
    ]);
    assertEquals(answer, "SERVER_ERROR object too large for cache\r\n");
    assertEquals(await client.ask(`get ${key}\r\n`, "END\r\n"), "END\r\n"); // it would be stale
  }
});

Deno.test("memcached: items of all sizes in little memory", async () => {
  const seed = runSeed();
  const random = new SeededRandom(seed);
  await using test = await TestServer.start(SHARDS, 2 ** 20);
  using client = await test.connect();
  const lengths = new Map<string, number>();
  const letters = "abcdefghijklmnopqrstuvwxyz";
  const valueOf = (key: string, length: number): string =>
    (key + letters[length % 26]).repeat(length).slice(0, length);
  let outOfMemory = 0;
  for (let i = 0; i < 3000; i++) {
    const key = `key${random.below(500)}`;
    if (random.below(2) === 0) {
      const length = random.below(2 ** random.between(1, 19));
      const value = valueOf(key, length);
      const [answer] = await Promise.all([
        client.until("\r\n"),
        client.send(`set ${key} 0 0 ${length}\r\n${value}\r\n`),
      ]);
      if (answer === "STORED\r\n") lengths.set(key, length);
      else {
        assertEquals(answer, "SERVER_ERROR out of memory storing object\r\n");
        outOfMemory++;
        lengths.delete(key);
      }
    } else {
      const answer = await client.ask(`get ${key}\r\n`, "END\r\n");
      if (answer === "END\r\n") continue;
      const length = lengths.get(key) ?? -1;
      const expected = `VALUE ${key} 0 ${length}\r\n${valueOf(key, length)}\r\nEND\r\n`;
      assert(answer === expected, `a wrong value of ${key}, seed ${seed}: ${answer.slice(0, 100)}`);
    }
  }
  // A block of half the slice may find no place, if the table lies in its middle; others always do.
  assert(outOfMemory < 300, `${outOfMemory} items found no memory, seed ${seed}`);
  assertMatch((await test.stats(client)).get("evictions")!, /^[1-9]/);
});
