/** What a server can be told: to take so many connections, items so large, and the like. */

import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { fileURLToPath } from "node:url";
import type { GivenOptions } from "../../../examples/memcached/serve_options.ts";
import { Server } from "../../../examples/memcached/server.ts";
import { binaryRequest, Client, isClosedByServer } from "./client.ts";
import { keyAtHomeOn, TestServer } from "./test_server.ts";

const MIB = 2 ** 20;
const TOO_MANY = "ERROR Too many open connections\r\n";

Deno.test("memcached: --max-connections counts those of all shards, and says why it closes", async () => {
  await using test = await TestServer.start(2, 8 * MIB, { maxConnections: 3 });
  using witness = await test.connectTo(0);
  using _second = await test.connectTo(1);
  await test.until(witness, "curr_connections", (connections) => connections === 2);
  const third = await test.connect();
  await third.ask("version\r\n");
  for (let i = 0; i < 4; i++) {
    using fourth = await test.connect();
    assertEquals(await fourth.rest(), TOO_MANY);
  }
  const stats = await test.stats(witness);
  assertEquals(stats.get("max_connections"), "3");
  assertEquals(stats.get("curr_connections"), "3");
  assert(Number(stats.get("rejected_connections")) >= 4);
  assertEquals(stats.get("accepting_conns"), "1");
  assertEquals((await test.stats(witness, " settings")).get("maxconns"), "3");
  third[Symbol.dispose]();
  await test.until(witness, "curr_connections", (connections) => connections === 2);
  using other = await test.connect();
  assertEquals(await other.ask("version\r\n"), "VERSION 1.6.18\r\n");
});

Deno.test("memcached: --max-connections holds when many come at the same time", async () => {
  await using test = await TestServer.start(2, 8 * MIB, { maxConnections: 8 });
  using clients = new DisposableStack();
  const answers = await Promise.all(Array.from({ length: 60 }, async () => {
    const client = clients.use(await test.connect());
    try {
      return await client.ask("version\r\n");
    } catch (error) {
      if (!isClosedByServer(error)) throw error;
      return TOO_MANY; // it was closed before the command was sent
    }
  }));
  const served = answers.filter((answer) => answer.startsWith("VERSION")).length;
  assert(served <= 8, `${served} were served`);
  assert(served >= 1, "none was served");
});

Deno.test("memcached: a place that a dead shard had is free again", async () => {
  await using test = await TestServer.start(2, 8 * MIB, { maxConnections: 2 });
  using witness = await test.connectTo(0);
  using doomed = await test.connectTo(1);
  await test.until(witness, "curr_connections", (connections) => connections === 2);
  await test.crash(1);
  assertEquals(await doomed.rest(), "");
  using next = await test.connect();
  assertEquals(await next.ask("version\r\n"), "VERSION 1.6.18\r\n");
  assertEquals(await witness.ask("version\r\n"), "VERSION 1.6.18\r\n");
});

Deno.test("memcached: without a file descriptor it stops accepting, counts that, and goes on", async () => {
  const main = fileURLToPath(import.meta.resolve("../../../examples/memcached/main.ts"));
  const args = ["run", "--no-check", "-A", main, "--port", "0", "--shards", "1"];
  const command = `ulimit -n 100; exec "$0" "$@"`;
  await using process = new Deno.Command("sh", {
    args: ["-c", command, Deno.execPath(), ...args],
    stdout: "piped",
  }).spawn();
  const [, port] = /:(\d+),/.exec(await firstLine(process.stdout))!;
  using witness = await Client.connect(Number(port));
  const figure = async (name: string): Promise<number> => {
    const stats = await witness.ask("stats\r\n", "END\r\n");
    return Number(new RegExp(`STAT ${name} (\\d+)`).exec(stats)![1]);
  };
  {
    using clients = new DisposableStack();
    while (await figure("listen_disabled_num") === 0) {
      clients.use(await Client.connect(Number(port)));
    }
    while (await figure("time_in_listen_disabled_us") === 0);
  }
  while (await figure("curr_connections") > 1);
  using next = await Client.connect(Number(port));
  assertEquals(await next.ask("version\r\n"), "VERSION 1.6.18\r\n");
});

/** What a program says first. */
async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const bytes of stream.values({ preventCancel: true })) {
    text += decoder.decode(bytes);
    if (text.includes("\n")) break;
  }
  return text;
}

Deno.test("memcached: --max-item-size refuses what is larger, in both protocols", async () => {
  await using test = await TestServer.start(2, 8 * MIB, { maxItemSize: "2KiB" });
  for (const home of [0, 1]) {
    using client = await test.connectTo(0);
    const key = keyAtHomeOn(home, 2);
    const overhead = 59 + key.length; // as memcached counts: header, key, NUL, CR LF
    const most = 2048 - overhead;
    const set = (length: number) => `set ${key} 0 0 ${length}\r\n${"x".repeat(length)}\r\n`;
    assertEquals(await client.ask(set(most)), "STORED\r\n");
    assertEquals(
      await client.ask(set(most + 1)),
      "SERVER_ERROR object too large for cache\r\n",
    );
    assertEquals(await client.ask(`get ${key}\r\n`), "END\r\n");
    assertEquals(
      await client.ask(`ms ${key} 2048\r\n${"x".repeat(2048)}\r\n`),
      "SERVER_ERROR object too large for cache\r\n",
    );
    assertEquals(await client.ask(set(most)), "STORED\r\n");
    assertEquals(await client.ask(`append ${key} 0 0 1\r\nx\r\n`), "NOT_STORED\r\n");
    using binary = await test.connect();
    const extras = new Array(8).fill(0);
    await binary.send(binaryRequest({ opcode: 0x01, key, extras, value: "x".repeat(2048) }));
    assertEquals((await binary.exactly(24)).slice(6, 8), "\0\x03");
    assertEquals(await binary.exactly(10), "Too large.");
  }
  using client = await test.connect();
  assertEquals((await test.stats(client, " settings")).get("item_size_max"), "2048");
  assertEquals((await test.stats(client)).get("store_too_large"), "6");
});

Deno.test("memcached: --max-item-size beyond memcached's default", async () => {
  await using test = await TestServer.start(2, 32 * MIB, { maxItemSize: "8MiB" });
  for (const home of [0, 1]) {
    using client = await test.connectTo(0);
    const key = keyAtHomeOn(home, 2);
    const value = "0123456789".repeat(700_000);
    assertEquals(
      await client.ask(`set ${key} 0 0 ${value.length}\r\n${value}\r\n`),
      "STORED\r\n",
    );
    const head = `VALUE ${key} 0 ${value.length}\r\n`;
    assertEquals(await client.ask(`get ${key}\r\n`), head);
    assert(await client.exactly(value.length) === value);
    assertEquals(await client.exactly(7), "\r\nEND\r\n");
    const large = 9 * MIB;
    assertEquals(
      await client.ask(`set ${key} 0 0 ${large}\r\n${"x".repeat(large)}\r\n`),
      "SERVER_ERROR object too large for cache\r\n",
    );
  }
});

Deno.test("memcached: --idle-timeout closes a connection from which no command comes", async () => {
  await using test = await TestServer.start(2, 8 * MIB, { idleTimeout: 1 });
  using witness = await test.connectTo(0);
  using silent = await test.connectTo(1);
  using half = await test.connectTo(0);
  await half.send("get a"); // which is no command yet
  await test.until(witness, "idle_kicks", (kicks) => kicks === 2);
  assertEquals(await silent.rest(), "");
  assertEquals(await half.rest(), "");
  assertEquals((await test.stats(witness, " settings")).get("idle_timeout"), "1");
});

Deno.test("memcached: --disable-flush-all answers with an error, and flushes nothing", async () => {
  await using test = await TestServer.start(2, 8 * MIB, { flushEnabled: false });
  using client = await test.connect();
  await client.ask("set a 0 0 1\r\nx\r\n");
  const refused = "CLIENT_ERROR flush_all not allowed\r\n";
  assertEquals(await client.ask("flush_all\r\n"), refused);
  assertEquals(await client.ask("flush_all x\r\n"), refused);
  assertEquals(await client.ask("flush_all noreply\r\nmn\r\n"), "MN\r\n");
  using binary = await test.connect();
  await binary.send(binaryRequest({ opcode: 0x08 }));
  assertEquals((await binary.exactly(24)).slice(6, 8), "\0\x20");
  assertEquals(await binary.exactly(13), "Auth failure.");
  assertEquals(await client.ask("get a\r\n", "END\r\n"), "VALUE a 0 1\r\nx\r\nEND\r\n");
  assertEquals((await test.stats(client)).get("cmd_flush"), "3");
  assertEquals((await test.stats(client, " settings")).get("flush_enabled"), "no");
});

Deno.test("memcached: --huge-pages says why there are none, and the server runs", async () => {
  const main = fileURLToPath(import.meta.resolve("../../../examples/memcached/main.ts"));
  const server = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "--no-check", "--quiet", "--allow-net", "--allow-read", main],
      ...["--port", "0", "--shards", "1", "--huge-pages"],
    ],
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const { value } = await server.stdout.getReader().read();
  assertStringIncludes(new TextDecoder().decode(value), "Listening on ");
  server.kill("SIGTERM");
  const complaint = await new Response(server.stderr).text();
  assertStringIncludes(complaint, "--huge-pages: nothing was placed: ");
  assertEquals((await server.status).code, 0);
});

Deno.test("memcached: options out of their range are refused before anything starts", async () => {
  const cases: readonly (readonly [GivenOptions, string])[] = [
    [{ maxConnections: 0 }, "maxConnections is 0: expected a whole number from 1 to 1000000"],
    [{ maxConnections: 1.5 }, "maxConnections is 1.5: expected a whole number from 1 to 1000000"],
    [{ idleTimeout: -1 }, "idleTimeout is -1: expected a whole number from 0 to 604800"],
    [{ trimAfter: 0.5 }, "trimAfter is 0.5: expected a whole number from 0 to 604800"],
    [{ maxItemSize: 1023 }, "max-item-size is 1023 bytes: expected a size from 1KiB to 1GiB"],
    [
      { maxItemSize: "2GiB" },
      "max-item-size is 2147483648 bytes: expected a size from 1KiB to 1GiB",
    ],
    [
      { maxItemSize: "5MiB" },
      "max-item-size is 5242880 bytes: expected half of a shard's 8388608 bytes of memory at most",
    ],
    [{ maxItemSize: "large" }, 'Cannot read memory size "large"'],
  ];
  for (const [options, message] of cases) {
    const start = () => Server.start({ ...options, port: 0, shards: 1, memory: 8 * MIB });
    await assertRejects(start, RangeError, message);
  }
});

/** What the program says to a command line that it does not take, or to --help. */
async function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const main = fileURLToPath(import.meta.resolve("../../../examples/memcached/main.ts"));
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "-A", main, ...args],
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

Deno.test("memcached: the command line names the option that is wrong, and --help lists all", async () => {
  for (
    const [option, value, message] of [
      ["--max-connections", "0", '--max-connections is "0": expected a whole number from 1 to'],
      ["--max-connections", "many", '--max-connections is "many": expected a whole number from'],
      ["--idle-timeout", "x", '--idle-timeout is "x": expected a whole number from 0 to 604800'],
      ["--trim-after", "x", '--trim-after is "x": expected a whole number from 0 to 604800'],
      ["--max-item-size", "12", '--max-item-size is "12": expected a size from 1KiB to 1GiB'],
      ["--max-item-size", "x", '--max-item-size is "x": expected a size from 1KiB to 1GiB'],
    ] as const
  ) {
    const { code, stderr } = await run("--port", "0", "--shards", "1", option, value);
    assertEquals(code, 1);
    assertStringIncludes(stderr, message);
    assertStringIncludes(stderr, "See deno task memcached --help");
  }
  const { code, stdout } = await run("--help");
  assertEquals(code, 0);
  for (
    const option of [
      "--max-connections N",
      "--max-item-size SIZE",
      "--idle-timeout N",
      "--huge-pages",
      "--trim-after N",
      "--disable-flush-all",
    ]
  ) assertStringIncludes(stdout, option);
});
