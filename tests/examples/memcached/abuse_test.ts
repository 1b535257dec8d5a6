/** Clients that read slowly, leave early, send too much, or send nonsense. */

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { Server } from "../../../examples/memcached/server.ts";
import { runSeed, SeededRandom } from "../../harness/seeded_random.ts";
import { type Client, isClosedByServer } from "./client.ts";
import { keyAtHomeOn, TestServer } from "./test_server.ts";

const SHARDS = 2;
const KIB = 1024;

/** What the server's memory may differ by when everything is as before: headers of blocks, no more. */
const SLACK_BYTES = 256;

/** Bytes in use, without the blocks that shards keep for their next responses. */
async function memoryUsed(test: TestServer, client: Client): Promise<number> {
  const stats = await test.stats(client);
  return Number(stats.get("memory_used")) - Number(stats.get("memory_spare"));
}

Deno.test("memcached: a slow reader is not read from, and costs no memory", async () => {
  await using test = await TestServer.start(SHARDS);
  using witness = await test.connectTo(0);
  for (const home of [0, 1]) { // an own item of the shard, and a lent one
    const length = 500 * KIB;
    const key = keyAtHomeOn(home, SHARDS);
    const value = "slow".repeat(length / 4);
    assertEquals(await witness.ask(`set ${key} 0 0 ${length}\r\n${value}\r\n`), "STORED\r\n");
    using slow = await test.connectTo(0);
    const memoryBefore = await memoryUsed(test, witness);
    const writtenBefore = Number((await test.stats(witness)).get("bytes_written"));
    const gets = 60; // 30 MB, more than sockets hold
    await slow.send(`get ${key}\r\n`.repeat(gets));
    await test.until(witness, "bytes_written", (written) => written > writtenBefore + length);
    for (let i = 0; i < 300; i++) await witness.ask(`get nothing\r\n`, "END\r\n");
    const written = Number((await test.stats(witness)).get("bytes_written")) - writtenBefore;
    assert(written < gets * length / 2, `${written} bytes were sent to who did not read`);
    const memory = await memoryUsed(test, witness) - memoryBefore;
    assert(memory < 64 * KIB, `${memory} bytes more in use`);
    const answer = `VALUE ${key} 0 ${length}\r\n${value}\r\nEND\r\n`;
    for (let i = 0; i < gets; i++) assert(await slow.exactly(answer.length) === answer);
  }
});

Deno.test("memcached: a slow reader of many small answers is not read from either", async () => {
  await using test = await TestServer.start(SHARDS);
  using witness = await test.connectTo(0);
  const key = keyAtHomeOn(0, SHARDS);
  const value = "v".repeat(4000);
  await witness.ask(`set ${key} 0 0 4000\r\n${value}\r\n`);
  using slow = await test.connectTo(0);
  const memoryBefore = await memoryUsed(test, witness);
  const commands = 8_000; // 32 MB of answers: more than sockets hold, and than the slices
  const sending = slow.send(`get ${key}\r\n`.repeat(commands));
  await test.until(witness, "bytes_written", (written) => written > 1_000_000);
  for (let i = 0; i < 300; i++) await witness.ask(`get nothing\r\n`, "END\r\n");
  const memory = await memoryUsed(test, witness) - memoryBefore;
  assert(memory < 64 * KIB, `${memory} bytes more in use`);
  const answer = `VALUE ${key} 0 4000\r\n${value}\r\nEND\r\n`;
  for (let i = 0; i < commands; i++) assert(await slow.exactly(answer.length) === answer);
  await sending;
});

Deno.test("memcached: a half-closed connection gets its answers", async () => {
  await using test = await TestServer.start(SHARDS);
  using client = await test.connect();
  for (let i = 0; i < 100; i++) await client.send(`set key${i} 0 0 3\r\nabc\r\n`);
  await client.send("set unfinished 0 0 3\r\nab");
  await client.closeWrite();
  assertEquals(await client.rest(), "STORED\r\n".repeat(100));
  using other = await test.connect();
  assertEquals(
    await other.ask("get key99 unfinished\r\n", "END\r\n"),
    "VALUE key99 0 3\r\nabc\r\nEND\r\n",
  );
});

Deno.test("memcached: 10,000 commands at once are answered in order", async () => {
  await using test = await TestServer.start(SHARDS);
  using client = await test.connect();
  let commands = "";
  let expected = "";
  for (let i = 0; i < 2500; i++) {
    commands += `set key${i} ${i} 0 ${`${i}`.length}\r\n${i}\r\nget key${i}\r\n` +
      `incr key${i} 1\r\ndelete key${i - 5}\r\n`;
    expected += `STORED\r\nVALUE key${i} ${i} ${`${i}`.length}\r\n${i}\r\nEND\r\n${i + 1}\r\n` +
      (i < 5 ? "NOT_FOUND\r\n" : "DELETED\r\n");
  }
  const [received] = await Promise.all([client.exactly(expected.length), client.send(commands)]);
  assertEquals(received, expected);
});

Deno.test("memcached: a command that comes byte by byte", async () => {
  await using test = await TestServer.start(SHARDS);
  using client = await test.connect();
  for (const byte of "set a 0 0 5\r\nhello\r\nget a\r\n") await client.send(byte);
  assertEquals(await client.until("END\r\n"), "STORED\r\nVALUE a 0 5\r\nhello\r\nEND\r\n");
});

Deno.test("memcached: who leaves in mid-value leaves nothing behind", async () => {
  await using test = await TestServer.start(SHARDS);
  using witness = await test.connectTo(0);
  await witness.ask("set other 0 0 1\r\nx\r\n");
  const before = await memoryUsed(test, witness);
  for (const home of [0, 1]) {
    const key = keyAtHomeOn(home, SHARDS);
    for (const [length, sent] of [[100, 50], [15_000, 14_999], [100_000, 50_000], [900_000, 0]]) {
      const client = await test.connectTo(0);
      await client.send(`set ${key} 0 0 ${length}\r\n${"x".repeat(sent!)}`);
      client[Symbol.dispose]();
      await test.until(witness, "curr_connections", (connections) => connections === 1);
      assertEquals(await witness.ask(`get ${key}\r\n`, "END\r\n"), "END\r\n");
    }
  }
  assertEquals(await witness.ask("get other\r\n", "END\r\n"), "VALUE other 0 1\r\nx\r\nEND\r\n");
  const after = await memoryUsed(test, witness);
  assert(after <= before + SLACK_BYTES, `${after - before} bytes were left behind`);
});

Deno.test("memcached: keys that are too long, in every command", async () => {
  await using test = await TestServer.start(SHARDS);
  using client = await test.connect();
  const key = "k".repeat(251);
  const line = "CLIENT_ERROR bad command line format\r\n";
  for (
    const command of [
      `get ${key}`,
      `gets a ${key}`,
      `gat 0 ${key}`,
      `delete ${key}`,
      `touch ${key} 0`,
    ]
  ) {
    assertEquals(await client.ask(`${command}\r\n`), line, command);
  }
  assertEquals(await client.ask(`incr ${key} 1\r\n`), line);
  for (const name of ["mg", "md", "ma"]) assertEquals(await client.ask(`${name} ${key}\r\n`), line);
  // The value of a set that is refused is taken for commands, as memcached takes it.
  assertEquals(await client.ask(`set ${key} 0 0 2\r\nmn\r\n`, "MN\r\n"), `${line}MN\r\n`);
  assertEquals(await client.ask("version\r\n"), "VERSION 1.6.18\r\n");
});

Deno.test("memcached: a line without an end closes the connection, one of many keys does not", async () => {
  await using test = await TestServer.start(SHARDS);
  using endless = await test.connect();
  const rubbish = "rubbish ".repeat(4000);
  const sending = endless.send(rubbish.repeat(20)).catch((error: unknown) => {
    assert(isClosedByServer(error), String(error));
  });
  assertEquals(await endless.rest(), "");
  await sending;
  using patient = await test.connect();
  const keys = Array.from({ length: 20_000 }, (_, i) => `key${i}`);
  await patient.ask("set key19999 0 0 1\r\nx\r\n");
  const [answer] = await Promise.all([
    patient.until("END\r\n"),
    patient.send(`get ${keys.join(" ")}\r\n`),
  ]);
  assertEquals(answer, "VALUE key19999 0 1\r\nx\r\nEND\r\n");
  // The buffer that the line took is given back.
  await patient.ask("get a\r\n", "END\r\n");
  const used = await memoryUsed(test, patient);
  await patient.send(`get ${keys.join(" ")}\r\n`);
  await patient.until("END\r\n");
  await patient.ask("get a\r\n", "END\r\n");
  assert(await memoryUsed(test, patient) < used + 8 * KIB);
});

Deno.test("memcached: random bytes do no harm", async () => {
  const seed = runSeed();
  const random = new SeededRandom(seed);
  await using test = await TestServer.start(SHARDS);
  using witness = await test.connect();
  await witness.ask("set kept 0 0 4\r\nkept\r\n");
  const before = await memoryUsed(test, witness);
  const beginnings = [
    "",
    "get ",
    "set a 0 0 10\r\n",
    "ms a S10 T0\r\n",
    "mg a ",
    "\x80",
    "\x80\x01\0\x04\x08",
  ];
  for (let round = 0; round < 100; round++) {
    using client = await test.connect();
    let bytes = beginnings[random.below(beginnings.length)]!;
    const length = random.below(3000);
    const limit = random.below(2) === 0 ? 256 : 64; // all bytes, or more of those that mean something
    for (let i = 0; i < length; i++) bytes += String.fromCharCode(random.below(limit));
    try {
      await client.send(bytes);
      await client.closeWrite();
    } catch (error) { // it may have been closed already
      if (!isClosedByServer(error) && !(error instanceof Deno.errors.NotConnected)) throw error;
    }
    await client.rest();
    assertStringIncludes(
      await witness.ask("get kept\r\n", "END\r\n"),
      "VALUE kept 0 4\r\nkept\r\n",
      `round ${round} of seed ${seed}: run it again with TIDEPOOL_SEED=${seed}`,
    );
  }
  await test.until(witness, "curr_connections", (connections) => connections === 1);
  // Something may have been stored under a key of one byte or two.
  const after = await memoryUsed(test, witness);
  assert(after < before + 64 * KIB, `${after - before} bytes were left behind, seed ${seed}`);
});

Deno.test("memcached: an idle connection costs little", async () => {
  await using test = await TestServer.start(SHARDS);
  using witness = await test.connect();
  const before = await memoryUsed(test, witness);
  using clients = new DisposableStack();
  for (let i = 0; i < 200; i++) {
    const client = clients.use(await test.connect());
    await client.ask("get a\r\n", "END\r\n");
  }
  const each = (await memoryUsed(test, witness) - before) / 200;
  assert(each < 4 * KIB, `${each} bytes of the slice for each connection`);
});

Deno.test("memcached: a port that is taken is named", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr;
  await assertRejects(
    () =>
      Server.start({ hostname: "127.0.0.1", port, shards: 2, memory: "4MiB", protocol: "auto" }),
    Error,
    `Cannot listen on 127.0.0.1:${port}: Address already in use`,
  );
});
