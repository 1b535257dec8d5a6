/** Shards of the server that die and come back. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { runSeed, SeededRandom } from "../../harness/seeded_random.ts";
import { type Client, isClosedByServer } from "./client.ts";
import { homeOfKey, keyAtHomeOn, TestServer } from "./test_server.ts";

const SHARDS = 3;

async function set(client: Client, key: string, value: string): Promise<string> {
  return await client.ask(`set ${key} 0 0 ${value.length}\r\n${value}\r\n`);
}

async function get(client: Client, key: string): Promise<string | undefined> {
  const answer = await client.ask(`get ${key}\r\n`, "END\r\n");
  if (answer === "END\r\n") return undefined;
  const [head, value] = answer.split("\r\n");
  assertEquals(head, `VALUE ${key} 0 ${value!.length}`);
  return value;
}

for (const how of ["throw", "close"] as const) {
  Deno.test(`memcached: a shard that dies by ${how} loses its keys, the rest serves, it comes back`, async () => {
    await using test = await TestServer.start(SHARDS);
    using dying = await test.connectTo(1);
    using client = await test.connectTo(0);
    const keys = Array.from({ length: 300 }, (_, i) => `key-${i}`);
    for (const key of keys) assertEquals(await set(client, key, `of ${key}`), "STORED\r\n");

    await test.crash(1, how);

    assertEquals(await dying.rest(), "");
    for (const key of keys) {
      const expected = homeOfKey(key, SHARDS) === 1 ? undefined : `of ${key}`;
      assertEquals(await get(client, key), expected, key);
    }
    for (const key of keys) assertEquals(await set(client, key, `again ${key}`), "STORED\r\n");
    using newcomer = await test.connectTo(1);
    for (const key of keys) assertEquals(await get(newcomer, key), `again ${key}`);
  });
}

Deno.test("memcached: what is under way to a shard that dies is answered", async () => {
  await using test = await TestServer.start(SHARDS);
  using client = await test.connectTo(0);
  const key = keyAtHomeOn(1, SHARDS);
  const here = keyAtHomeOn(0, SHARDS);
  const commands = `set ${key} 0 0 1\r\nx\r\nset ${here} 0 0 1\r\ny\r\nget ${key} ${here}\r\n` +
    `incr ${key} 1\r\ndelete ${key}\r\nmg ${key} v\r\ntouch ${key} 0\r\nflush_all\r\nstats\r\n`;
  const rounds = 50;
  const [answers] = await Promise.all([
    client.until("MN\r\n"),
    client.send(commands.repeat(rounds) + "mn\r\n"),
    test.crash(1),
  ]);
  // Before the crash, meanwhile, and after the restart; nothing is left out.
  const legal = new RegExp(
    "^((STORED|SERVER_ERROR the shard of this key is being restarted)\r\n" +
      `STORED\r\n(VALUE ${key} 0 1\r\nx\r\n)?VALUE ${here} 0 1\r\ny\r\nEND\r\n` +
      "(CLIENT_ERROR cannot increment or decrement non-numeric value|NOT_FOUND|SERVER_ERROR [^\r]*)\r\n" +
      "(DELETED|NOT_FOUND|SERVER_ERROR [^\r]*)\r\nEN\r\n" +
      "(NOT_FOUND|SERVER_ERROR [^\r]*)\r\nOK\r\n(STAT [^\r]*\r\n)+END\r\n" +
      `){${rounds}}MN\r\n$`,
  );
  assertMatch(answers, legal);
});

/** A value that says which key it is of, and that no part of another's could pass for. */
function valueOf(key: string, version: number, length: number): string {
  return `${key}:${version};`.repeat(Math.ceil(length / (key.length + 4))).slice(0, length);
}

/** Stores and reads values of all sizes until told to stop; a connection that is closed is replaced. */
async function hammer(
  test: TestServer,
  shard: number,
  random: SeededRandom,
  goesOn: () => boolean,
): Promise<number> {
  let client = await test.connectTo(shard);
  let hits = 0;
  try {
    for (let version = 100; goesOn(); version = version % 900 + 100) {
      const key = `${shard}-${random.below(40)}`;
      const length = [0, 100, 5000, 40_000, 200_000][random.below(5)]!;
      const command = random.below(2) === 0
        ? `get ${key}\r\n`
        : `set ${key} 0 0 ${length}\r\n${valueOf(key, version, length)}\r\n`;
      // "mn" tells the end of an answer, whatever it is.
      const [answer] = await Promise.all([
        client.until("MN\r\n"),
        client.send(`${command}mn\r\n`).catch((error: unknown) => {
          if (!isClosedByServer(error)) throw error;
        }),
      ]);
      if (!answer.endsWith("MN\r\n")) { // closed in the middle, as a value can't be completed
        client[Symbol.dispose]();
        client = await test.connectTo(shard);
        continue;
      }
      const [head, value] = answer.split("\r\n");
      if (!head!.startsWith("VALUE ")) {
        assertMatch(head!, /^(END|STORED|SERVER_ERROR (the shard of this key|out of memory).*)$/);
        continue;
      }
      hits++;
      const size = Number(head!.split(" ")[3]);
      assertEquals(value!.length, size);
      const found = value!.slice(key.length + 1, key.length + 4);
      assert(value === valueOf(key, Number(found), size), `a wrong value: ${answer.slice(0, 200)}`);
    }
  } finally {
    client[Symbol.dispose]();
  }
  return hits;
}

Deno.test("memcached: no wrong value, whatever was under way when a shard died", async () => {
  const seed = runSeed();
  try {
    await using test = await TestServer.start(SHARDS, 16 * 2 ** 20);
    let over = false;
    const clients = [0, 2, 0, 2].map((shard, i) =>
      hammer(test, shard, new SeededRandom(seed + i), () => !over)
    );
    const hammering = Promise.all(clients).finally(() => over = true);
    using witness = await test.connectTo(0);
    for (const how of ["throw", "close", "throw"] as const) {
      const sets = Number((await test.stats(witness)).get("get_hits"));
      // Half way between two crashes there has been work on all shards.
      await Promise.race([hammering, test.until(witness, "get_hits", (hits) => hits > sets + 100)]);
      await test.crash(1, how);
    }
    over = true;
    for (const hits of await hammering) assert(hits > 0);
  } catch (cause) {
    throw new Error(`Seed ${seed}: run it again with TIDEPOOL_SEED=${seed}`, { cause });
  }
});

Deno.test("memcached: Server.stop() while a shard is being started again", async () => {
  const test = await TestServer.start(2);
  const crash = test.crash(1);
  await test.server.stop();
  // It was back before the end, or the end came first.
  await crash.catch((error: unknown) => assert(error instanceof Error));
});
