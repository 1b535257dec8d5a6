/** `stats`, and what can be asked of it. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { binaryRequest } from "./client.ts";
import { testWith } from "./real_memcached.ts";
import { keyAtHomeOn, TestServer } from "./test_server.ts";

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

Deno.test("memcached: stats items, slabs, sizes, settings, conns, reset", async () => {
  await using test = await TestServer.start(2);
  using client = await test.connectTo(1);
  await client.ask("set a 0 0 3\r\nabc\r\n");
  const items = [...await test.stats(client, " items")];
  const [, number] = /^items:(\d+):number$/.exec(items[0]![0])!;
  assertEquals(items[0]![1], "1");
  assertEquals(items[1]![0], `items:${number}:age`);
  const slabs = await test.stats(client, " slabs");
  assertEquals(slabs.get("active_slabs"), "1");
  assertEquals(slabs.get(`${number}:used_chunks`), "1");
  assertEquals((await test.stats(client, " sizes")).get("sizes_status"), "disabled");
  const settings = await test.stats(client, " settings");
  assertEquals(settings.get("num_threads"), "2");
  assertEquals(settings.get("tcpport"), `${test.port}`);
  assertEquals(settings.get("maxconns"), "1024");
  const connections = await test.stats(client, " conns");
  assertEquals(connections.get("0:addr"), `tcp:${client.address}`);
  assertEquals(connections.get("0:listen_addr"), `tcp:127.0.0.1:${test.port}`);
  assertEquals(connections.get("0:state"), "conn_parse_cmd");
  assertEquals(connections.get("0:secs_since_last_cmd"), "0");
  assertEquals(connections.get("0:shard"), "1");
  assertEquals(await client.ask("stats reset\r\n"), "RESET\r\n");
  const stats = await test.stats(client);
  for (const name of ["cmd_set", "total_connections", "cmd_flush"]) {
    assertEquals(stats.get(name), "0", name);
  }
  assertEquals(await client.ask("stats nonsense\r\n"), "ERROR\r\n");
});

Deno.test("memcached: the smallest size class is 1 for clients, in stats and in me", async () => {
  await using test = await TestServer.start(1);
  using client = await test.connect();
  await client.ask("set a 0 0 0\r\n\r\n");
  assertEquals((await test.stats(client, " items")).get("items:1:number"), "1");
  assertEquals((await test.stats(client, " slabs")).get("1:used_chunks"), "1");
  assertMatch(await client.ask("me a\r\n"), / cls=1 /);
});

Deno.test("memcached: stats counts a flush_all once, and what takes the place of what is gone", async () => {
  await using test = await TestServer.start(2);
  using client = await test.connectTo(0);
  const keys = [keyAtHomeOn(0, 2), keyAtHomeOn(1, 2)];
  for (const key of keys) await client.ask(`set ${key} 0 0 1\r\nx\r\n`);
  await client.ask("stats reset\r\n");
  await client.ask("flush_all\r\n");
  for (const key of keys) await client.ask(`set ${key} 0 0 1\r\nx\r\n`);
  const stats = await test.stats(client);
  assertEquals(stats.get("cmd_flush"), "1");
  assertEquals(stats.get("get_flushed"), "2");
  assertEquals(stats.get("reclaimed"), "2");
});

Deno.test("memcached: what has expired is reclaimed, and not evicted", async () => {
  await using test = await TestServer.start(1, 2 * 2 ** 20);
  using client = await test.connect();
  const value = "x".repeat(1000);
  const total = 5000; // more than twice of what there is room for
  for (let i = 0; i < total; i++) await client.ask(`set key${i} 0 -1 1000\r\n${value}\r\n`);
  const stats = await test.stats(client);
  assertEquals(stats.get("evictions"), "0");
  const gone = total - Number(stats.get("curr_items"));
  assert(gone > total / 2);
  assertEquals(stats.get("reclaimed"), `${gone}`);
  assert(Number(stats.get("direct_reclaims")) > 0);
});

Deno.test("memcached: stats counts as memcached does what touches and what only looks", async () => {
  await using test = await TestServer.start(2);
  using client = await test.connect();
  for (
    const command of [
      ...["set a 0 0 1\r\nx", "gat 0 a", "mg a v", "mg a T0", "mg none", "mg none T0", "me a"],
      ...["md none", "ma n1 N0", "ma n2", "set a 0 -1 1\r\nx", "get a", "ms a 1\r\nx"],
    ]
  ) await client.send(`${command}\r\n`);
  await client.ask("mg end Oend\r\n", "EN Oend\r\n");
  const stats = await test.stats(client);
  const expected: readonly (readonly [string, number])[] = [
    ["cmd_get", 5], // that of "end" too
    ["cmd_set", 3],
    ["cmd_touch", 2],
    ["cmd_meta", 1],
    ["get_hits", 1],
    ["get_misses", 4],
    ["get_expired", 1],
    ["delete_misses", 1],
    ["incr_misses", 1],
    ["touch_hits", 2],
    ["total_items", 4],
  ];
  for (const [name, figure] of expected) assertEquals(stats.get(name), `${figure}`, name);
});

Deno.test("memcached: stats has the names of memcached's page that mean something here", async () => {
  await using test = await TestServer.start(2);
  using client = await test.connect();
  const stats = await test.stats(client);
  for (
    const name of [
      ...["rusage_user", "rusage_system", "max_connections", "idle_kicks", "accepting_conns"],
      ...["listen_disabled_num", "time_in_listen_disabled_us", "hash_power_level", "hash_bytes"],
      ...["evicted_active", "lrutail_reflocked", "direct_reclaims", "rejected_connections"],
    ]
  ) assertMatch(stats.get(name) ?? "", /^\d+(\.\d{6})?$/, name);
});

Deno.test("memcached: stats detail counts by prefix on all shards, in both protocols", async () => {
  await using test = await TestServer.start(2);
  using client = await test.connectTo(0);
  using other = await test.connectTo(1);
  assertEquals(await client.ask("stats detail on\r\n"), "OK\r\n");
  assertEquals((await test.stats(other, " settings")).get("detail_enabled"), "yes");
  const keys = [keyAtHomeOn(0, 2, "foo:"), keyAtHomeOn(1, 2, "foo:")];
  for (const each of [client, other]) {
    for (const key of keys) await each.ask(`set ${key} 0 0 1\r\nx\r\n`);
    await each.ask(`get ${keys.join(" ")} foo:none bar:none plain\r\n`, "END\r\n");
    for (const key of keys) await each.ask(`get ${key}\r\n`, "END\r\n");
  }
  for (const key of keys) await client.ask(`delete ${key}\r\n`);
  using binary = await test.connect();
  await binary.send(binaryRequest({ opcode: 0x00, key: keys[0]! }));
  await binary.exactly(24 + "Not found".length);
  const dump = await other.ask("stats detail dump\r\n", "END\r\n");
  assertEquals(dump.split("\r\n").sort(), [
    "",
    "END",
    "PREFIX bar get 2 hit 0 set 0 del 0",
    "PREFIX foo get 11 hit 8 set 4 del 2",
  ]);
  await other.ask("stats detail off\r\n");
  await client.ask(`get ${keys[0]}\r\n`, "END\r\n");
  assertEquals(
    (await client.ask("stats detail dump\r\n", "END\r\n")).length,
    dump.length,
    "nothing is counted any more, and nothing is forgotten",
  );
});

Deno.test("memcached: stats cachedump tells of the items of a class on all shards", async () => {
  await using test = await TestServer.start(2);
  using client = await test.connect();
  const keys = Array.from({ length: 20 }, (_, i) => `item${i + 10}`);
  const expiry = Math.floor(Date.now() / 1000) + 5000;
  for (const key of keys) await client.ask(`set ${key} 0 ${expiry} 3\r\nabc\r\n`);
  await client.ask("ms Zm9vMTIz 3 b\r\nabc\r\n"); // whose key need not be text
  const [name = ""] = (await test.stats(client, " items")).keys();
  const number = name.split(":")[1];
  const dump = await client.ask(`stats cachedump ${number} 0\r\n`, "END\r\n");
  assertEquals(
    dump.split("\r\n").slice(0, -2).sort(),
    keys.map((key) => `ITEM ${key} [3 b; ${expiry} s]`),
  );
  const five = await client.ask(`stats cachedump ${number} 5\r\n`, "END\r\n");
  assertEquals(five.match(/^ITEM /gm)?.length, 5);
  assertEquals(await client.ask("stats cachedump 0 0\r\n"), "END\r\n");
  assertEquals(await client.ask("stats cachedump 121 0\r\n"), "CLIENT_ERROR Illegal slab id\r\n");
});

Deno.test("memcached: stats cachedump tells no more than there is room for", async () => {
  await using test = await TestServer.start(2);
  using client = await test.connect();
  for (let i = 0; i < 6000; i++) await client.send(`set key${i} 0 0 1 noreply\r\nx\r\n`);
  await client.ask("mn\r\n");
  const dump = await client.ask("stats cachedump 1 0\r\n", "END\r\n");
  assert(dump.length > 100_000 && dump.length <= 2 ** 17 + "END\r\n".length, `${dump.length}`);
});

testWith("memcdump", "libmemcached-tools", "memcached: memcdump lists all keys", async () => {
  await using test = await TestServer.start(2);
  using client = await test.connect();
  const keys = Array.from({ length: 30 }, (_, i) => `dumped${i}`);
  for (const [i, key] of keys.entries()) {
    await client.ask(`set ${key} 0 0 ${i * 100}\r\n${"x".repeat(i * 100)}\r\n`);
  }
  const { success, stdout } = await new Deno.Command("memcdump", {
    args: [`--servers=127.0.0.1:${test.port}`],
  }).output();
  assertEquals(success, true);
  assertEquals(new TextDecoder().decode(stdout).trim().split("\n").sort(), keys.sort());
});
