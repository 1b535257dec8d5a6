/** `stats`, and what can be asked of it. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { TestServer } from "./test_server.ts";

Deno.test("memcached: stats tells memory and bus of each shard, and sums them", async () => {
  await using test = await TestServer.start(3);
  using client = await test.connectTo(0);
  for (let i = 0; i < 60; i++) await client.ask(`set key${i} 0 0 3\r\nabc\r\n`);
  for (let i = 0; i < 60; i++) await client.ask(`get key${i}\r\n`, "END\r\n");
  const all = await test.stats(client);
  const shards = await test.stats(client, " shards");
  for (
    const name of ["items", "memory_used_bytes", "memory_free_bytes", "memory_largest_free_bytes"]
  ) {
    for (const shard of [0, 1, 2]) assertMatch(shards.get(`${shard}:${name}`)!, /^[1-9]\d*$/, name);
  }
  const sum = (name: string) =>
    [0, 1, 2].reduce((total, shard) => total + Number(shards.get(`${shard}:${name}`)), 0);
  assertEquals(sum("items"), 60);
  assertEquals(all.get("curr_items"), "60");
  assertEquals(all.get("cmd_set"), "60");
  assertEquals(all.get("get_hits"), "60");
  assertEquals(Number(all.get("limit_maxbytes")), sum("memory_total_bytes"));
  assertEquals(all.get("threads"), "3");
  // Shard 0 has called the homes of the keys: each set and get of another's key, at the least.
  const homes = Number(shards.get("1:items")) + Number(shards.get("2:items"));
  assert(Number(shards.get("0:bus_calls_sent")) >= 2 * homes);
  assert(Number(shards.get("1:bus_calls_received")) >= 2 * Number(shards.get("1:items")));
  assertMatch(shards.get("0:bus_latency_p99_microseconds")!, /^\d+(\.\d+)?$/);
});

Deno.test("memcached: stats items, slabs, sizes, settings, conns, detail, reset", async () => {
  await using test = await TestServer.start(2);
  using client = await test.connectTo(1);
  await client.ask("set a 0 0 3\r\nabc\r\n");
  const [[item, count]] = [...await test.stats(client, " items")] as [[string, string]];
  assertMatch(item, /^items:\d+:number$/);
  assertEquals(count, "1");
  const slabs = await test.stats(client, " slabs");
  assertEquals(slabs.get("active_slabs"), "1");
  assertEquals(slabs.get(`${item.split(":")[1]}:used_chunks`), "1");
  assertEquals((await test.stats(client, " sizes")).get("sizes_status"), "disabled");
  const settings = await test.stats(client, " settings");
  assertEquals(settings.get("num_threads"), "2");
  assertEquals(settings.get("tcpport"), `${test.port}`);
  const connections = await test.stats(client, " conns");
  assertEquals(connections.get("0:addr"), `tcp:${client.address}`);
  assertEquals(connections.get("0:shard"), "1");
  assertEquals(await client.ask("stats detail on\r\n"), "OK\r\n");
  assertEquals(
    await client.ask("stats detail\r\n"),
    "CLIENT_ERROR usage: stats detail on|off|dump\r\n",
  );
  assertEquals(await client.ask("stats reset\r\n"), "RESET\r\n");
  assertEquals((await test.stats(client)).get("cmd_set"), "0");
  assertEquals(await client.ask("stats nonsense\r\n"), "ERROR\r\n");
});
