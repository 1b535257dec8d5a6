// deno-lint-ignore-file no-import-prefix -- named where they are used, as the peers of comparisons are
/** The server as clients of Node.js use it: memjs speaks the binary protocol, memcache-client text. */

import { assertEquals, assertRejects } from "@std/assert";
import { MemcacheClient } from "npm:memcache-client@1.0.5";
import memjs from "npm:memjs@1.3.2";
import { Buffer } from "node:buffer";
import { TestServer } from "./test_server.ts";

/** Longer than what is read or sent at once, and at home on both shards, some here, some there. */
const LONG = "long value ".repeat(20_000);
const KEYS = Array.from({ length: 40 }, (_, i) => `key-${i}`);

Deno.test("memcached: memjs stores, reads, counts, expires and flushes (binary)", async () => {
  await using test = await TestServer.start(2);
  const client = memjs.Client.create(`127.0.0.1:${test.port}`, { retries: 0, timeout: 60 });
  const read = async (key: string): Promise<string | undefined> =>
    (await client.get(key)).value?.toString();
  try {
    for (const key of KEYS) assertEquals(await client.set(key, `of ${key}`, {}), true);
    for (const key of KEYS) assertEquals(await read(key), `of ${key}`);
    for (const key of KEYS.slice(0, 8)) {
      assertEquals(await client.set(key, LONG, {}), true);
      assertEquals(await read(key), LONG);
    }
    const bytes = Buffer.from(Uint8Array.from({ length: 256 }, (_, i) => i));
    await client.set("bytes", bytes, {});
    assertEquals((await client.get("bytes")).value, bytes);
    assertEquals(await client.add("bytes", "x", {}), false);
    assertEquals(await client.replace("none", "x", {}), false);
    assertEquals(await client.append("key-9", "+"), true);
    // Its prepend() is not tried: memjs 1.3.2 sends the opcode of append for it.
    assertEquals(await read("key-9"), "of key-9+");
    assertEquals((await client.increment("counter", 5, { initial: 10 })).value, 10);
    assertEquals((await client.increment("counter", 5, {})).value, 15);
    assertEquals((await client.decrement("counter", 20, {})).value, 0);
    assertEquals(await client.touch("key-10", 100), true);
    assertEquals(await client.touch("none", 100), false);
    assertEquals(await client.delete("key-10"), true);
    assertEquals(await client.delete("key-10"), false);
    assertEquals(await read("key-10"), undefined);
    await client.flush();
    for (const key of KEYS) assertEquals(await read(key), undefined);
  } finally {
    client.close();
  }
});

Deno.test("memcached: memcache-client stores, reads many at once, and checks versions (text)", async () => {
  await using test = await TestServer.start(2);
  const client = new MemcacheClient({ server: `127.0.0.1:${test.port}` });
  const read = async (key: string): Promise<unknown> =>
    (await client.get(key) as { value: unknown } | undefined)?.value;
  try {
    for (const key of KEYS) await client.set(key, `of ${key}`);
    const found = await client.get(KEYS) as unknown as Record<string, { value: unknown }>;
    assertEquals(
      Object.fromEntries(Object.entries(found).map(([key, { value }]) => [key, value])),
      {
        ...Object.fromEntries(KEYS.map((key) => [key, `of ${key}`])),
      },
    );
    for (const key of KEYS.slice(0, 8)) {
      await client.set(key, LONG);
      assertEquals(await read(key), LONG);
    }
    await client.set("json", { a: [1, 2, 3] }); // its flags say what it is
    assertEquals(await read("json"), { a: [1, 2, 3] });
    await assertRejects(() => client.add("json", "x"), Error, "NOT_STORED");
    const { casUniq } = await client.gets("key-9") as unknown as { casUniq: string };
    await client.cas("key-9", "new", { casUniq });
    await assertRejects(() => client.cas("key-9", "newer", { casUniq }), Error, "EXISTS");
    assertEquals(await read("key-9"), "new");
    await client.set("counter", "10");
    assertEquals(await client.incr("counter", 5), "15");
    assertEquals(await client.decr("counter", 6), "9");
    await client.touch("counter", 100);
    await client.delete("counter");
    assertEquals(await read("counter"), undefined);
    assertEquals(await client.version(), ["VERSION", "1.6.18"]);
  } finally {
    client.shutdown();
  }
});
