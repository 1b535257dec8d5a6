/** The server as a user runs it, in a process of its own, with real requests. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";

const MAIN = new URL("../../examples/http_server/main.ts", import.meta.url).href;
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

/** A running server: `await using`. */
class HttpServer implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  #text = "";

  private constructor(words: string[]) {
    this.#process = new Deno.Command(Deno.execPath(), {
      args: ["run", `--config=${CONFIG}`, "--no-check", "--no-prompt"]
        .concat(["--allow-net=127.0.0.1", "--allow-read", MAIN, "--port", "0"], words),
      stdout: "piped",
      stderr: "inherit",
      signal: AbortSignal.timeout(60_000), // only to fail instead of hanging
    }).spawn();
    this.#lines = this.#process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  /** Starts one, and waits until it listens. */
  static async start(...words: string[]): Promise<{ server: HttpServer; url: string }> {
    const server = new HttpServer(words);
    const url = /http:\S+/.exec(await server.#line())![0];
    return { server, url };
  }

  async #line(): Promise<string> {
    while (!this.#text.includes("\n")) {
      const { done, value } = await this.#lines.read();
      if (done) throw new Error(`The server has ended, after "${this.#text}"`);
      this.#text += value;
    }
    return this.#text;
  }

  /** Tells it to stop; resolves with its exit code, and what it has said, when it has ended. */
  async stop(signal: Deno.Signal): Promise<[code: number, said: string]> {
    this.#process.kill(signal);
    const { code } = await this.#process.status;
    for (let read = await this.#lines.read(); !read.done; read = await this.#lines.read()) {
      this.#text += read.value;
    }
    return [code, this.#text];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#lines.cancel();
    await this.#process.status;
  }
}

/** One request, over a connection of its own: the system deals those out. */
async function get(url: string, client: string) {
  using http = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
  const response = await fetch(url, { client: http, headers: { "x-api-key": client } });
  return {
    status: response.status,
    shard: response.headers.get("x-shard"),
    retryAfter: response.headers.get("retry-after"),
    text: await response.text(),
  };
}

Deno.test("a client's limit holds whichever shards its requests come to", async () => {
  const words = ["--shards", "2", "--burst", "10", "--per-second", "1"];
  const { server, url } = await HttpServer.start(...words);
  await using _server = server;
  const begin = performance.now();
  const answers = await Promise.all(Array.from({ length: 60 }, () => get(url, "eager")));
  const seconds = (performance.now() - begin) / 1000;
  const shards = new Set(answers.map(({ shard }) => shard));
  assertEquals([...shards].sort(), ["0", "1"]); // of 60 connections: 1 in 10^17 that one has all
  const letIn = answers.filter(({ status }) => status === 200).length;
  assert(letIn >= 10 && letIn <= 10 + Math.ceil(seconds), `${letIn} requests in ${seconds} s`);
  for (const { status, shard, text, retryAfter } of answers) {
    if (status === 200) assertEquals(text, `Hello from shard ${shard}\n`);
    else assertEquals([status, text, retryAfter], [429, "Too many requests\n", "1"]);
  }
  assertEquals((await get(url, "patient")).status, 200); // another client has a limit of its own
  assertEquals((await server.stop("SIGTERM"))[0], 0);
});

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.test(`${signal} stops the server in good order, with requests under way`, async () => {
    const { server, url } = await HttpServer.start("--shards", "2", "--burst", "1000000");
    await using _server = server;
    const busy = Promise.withResolvers<void>();
    let answers = 0;
    let listens = true;
    const clients = Array.from({ length: 8 }, async (_, client) => {
      while (listens) {
        try {
          assertEquals((await get(url, `client ${client}`)).status, 200);
          if (++answers === 40) busy.resolve();
        } catch (error) {
          if (!(error instanceof TypeError)) throw error;
          listens = false; // the connection was refused
        }
      }
    });
    await Promise.race([busy.promise, ...clients]);
    assert(listens);
    assertEquals(await server.stop(signal), [0, `Listening on ${url} with 2 shards\nStopping\n`]);
    await Promise.all(clients);
  });
}

Deno.test("a port that is taken ends the program with the reason", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", `--config=${CONFIG}`, "--no-check", "--no-prompt"]
      .concat(["--allow-net=127.0.0.1", "--allow-read", MAIN, "--port", `${taken.addr.port}`]),
    signal: AbortSignal.timeout(20_000), // only to fail instead of hanging
  }).output();
  assertEquals([code, new TextDecoder().decode(stdout)], [1, ""]);
  assertStringIncludes(new TextDecoder().decode(stderr), "Address already in use");
});

Deno.test("http-server says what it does not understand", async () => {
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-check", "--no-prompt", MAIN, "--burst", "0"],
  }).output();
  assertEquals([code, new TextDecoder().decode(stderr)], [
    1,
    '--burst is "0": expected a whole number from 1 to 1000000\n',
  ]);
});
