/** The market as a user runs it, in a process of its own, over real HTTP and WebSockets. */
import { assert, assertEquals, assertMatch } from "@std/assert";

const MAIN = new URL("../../../examples/order_book/main.ts", import.meta.url).href;
const CONFIG = new URL("../../../deno.json", import.meta.url).pathname;

/** A running market: `await using`. */
class MarketProcess implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly url: string;

  private constructor(process: Deno.ChildProcess, url: string) {
    this.#process = process;
    this.url = url;
  }

  static async start(): Promise<MarketProcess> {
    const process = new Deno.Command(Deno.execPath(), {
      args: ["run", `--config=${CONFIG}`, "--no-lock", "--no-check", "--no-prompt"]
        .concat(["--allow-net=127.0.0.1", "--allow-read", MAIN, "0", "2"]),
      stdout: "piped",
      stderr: "inherit",
      signal: AbortSignal.timeout(60_000), // only to fail instead of hanging
    }).spawn();
    const lines = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
    const { value } = await lines.read();
    await lines.cancel();
    assertMatch(value!, /^Trading ABC, .* on http:\S+\n$/);
    return new MarketProcess(process, /http:\S+/.exec(value!)![0]);
  }

  /** Sends a command by HTTP, over a connection of its own: the system deals those out to the shards. */
  async post(command: object | string): Promise<Answer> {
    const body = typeof command === "string" ? command : JSON.stringify(command);
    return await this.#fetch(this.url, { method: "POST", body });
  }

  /** Reads a top. */
  async top(symbol: string): Promise<Answer> {
    return await this.#fetch(this.url + symbol, {});
  }

  async #fetch(url: string, init: RequestInit): Promise<Answer> {
    using client = Deno.createHttpClient({ poolMaxIdlePerHost: 0 });
    const response = await fetch(url, { ...init, client });
    return {
      status: response.status,
      shard: response.headers.get("x-shard")!,
      body: await response.json(),
    };
  }

  async stop(): Promise<number> {
    this.#process.kill("SIGTERM");
    return (await this.#process.status).code;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.status;
  }
}

interface Answer {
  readonly status: number;
  readonly shard: string;
  // deno-lint-ignore no-explicit-any -- JSON
  readonly body: any;
}

/** A client by WebSocket: `using`. */
class Client implements Disposable {
  readonly #socket: WebSocket;
  readonly #messages: unknown[] = [];
  #arrived = Promise.withResolvers<void>();
  readonly closed: Promise<number>;

  private constructor(socket: WebSocket) {
    this.#socket = socket;
    const closed = Promise.withResolvers<number>();
    this.closed = closed.promise;
    socket.onclose = ({ code }) => closed.resolve(code);
    socket.onmessage = ({ data }) => {
      this.#messages.push(JSON.parse(data));
      this.#arrived.resolve();
    };
  }

  static async connect(url: string): Promise<Client> {
    const socket = new WebSocket(url.replace("http", "ws"));
    const client = new Client(socket);
    await new Promise((resolve, reject) => {
      socket.onopen = resolve;
      socket.onerror = reject;
    });
    return client;
  }

  send(command: object | string): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return; // the market has hung up
    this.#socket.send(typeof command === "string" ? command : JSON.stringify(command));
  }

  /** Hands over each message from now on, until the connection ends. */
  // deno-lint-ignore no-explicit-any -- JSON
  listen(listener: (message: any) => void): void {
    this.#socket.onmessage = ({ data }) => listener(JSON.parse(data));
  }

  /** The next message. */
  // deno-lint-ignore no-explicit-any -- JSON
  async next(): Promise<any> {
    while (this.#messages.length === 0) {
      this.#arrived = Promise.withResolvers<void>();
      await this.#arrived.promise;
    }
    return this.#messages.shift();
  }

  /** Sends a command, and takes the next message for its answer. */
  // deno-lint-ignore no-explicit-any -- JSON
  async ask(command: object | string): Promise<any> {
    this.send(command);
    return await this.next();
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}

const limit = (symbol: string, side: string, quantity: number, price: number) => ({
  ...{ do: "place", type: "limit", symbol, side, quantity, price },
});

Deno.test("orders come over HTTP to any shard, and every shard reads the tops", async () => {
  await using market = await MarketProcess.start();
  const asks = [];
  for (const price of [104, 102, 103, 102]) {
    const { status, body } = await market.post(limit("ABC", "sell", 10, price));
    assertEquals([status, body.resting, body.fills], [200, 10, []]);
    asks.push(body.id);
  }
  assertEquals(new Set(asks).size, 4);
  // At 102 the second order is older than the fourth; at 103 the limit ends it.
  const bought = await market.post(limit("ABC", "buy", 35, 103));
  assertEquals([bought.body.resting, bought.body.fills], [5, [
    { maker: asks[1], price: 102, quantity: 10 },
    { maker: asks[3], price: 102, quantity: 10 },
    { maker: asks[2], price: 103, quantity: 10 },
  ]]);
  const zeros = (length: number) => new Array(length).fill(0);
  const expected = {
    bidPrices: [103, ...zeros(9)],
    bidQuantities: [5, ...zeros(9)],
    askPrices: [104, ...zeros(9)],
    askQuantities: [10, ...zeros(9)],
    trades: 3,
    lastPrice: 103,
    lastQuantity: 10,
  };
  const tops = await Promise.all(Array.from({ length: 60 }, () => market.top("ABC")));
  for (const { status, body } of tops) assertEquals([status, body], [200, expected]);
  const shards = new Set(tops.map(({ shard }) => shard));
  assertEquals([...shards].sort(), ["0", "1"]); // of 60 connections: 1 in 10^17 that one has all

  const ioc = { ...limit("ABC", "sell", 8, 103), type: "ioc" };
  assertEquals((await market.post(ioc)).body.fills, [
    { maker: bought.body.id, price: 103, quantity: 5 },
  ]);
  const cancel = { do: "cancel", symbol: "ABC", id: asks[0] };
  assertEquals((await market.post(cancel)).body, { cancelled: 10 });
  assertEquals((await market.post(cancel)).body, { cancelled: 0 });
  const none = await market.post({
    ...{ do: "place", symbol: "ABC", side: "buy", type: "market", quantity: 1 },
  });
  assertEquals([none.body.resting, none.body.fills], [0, []]);
  assertEquals((await market.top("ABC")).body, {
    ...{ bidPrices: zeros(10), bidQuantities: zeros(10), askPrices: zeros(10) },
    ...{ askQuantities: zeros(10), trades: 4, lastPrice: 103, lastQuantity: 5 },
  });
  assertEquals((await market.top("DEF")).body.trades, 0);
  assertEquals(await market.stop(), 0);
});

Deno.test("a WebSocket places, cancels and reads, and hears of the trades that it follows", async () => {
  await using market = await MarketProcess.start();
  using follower = await Client.connect(market.url);
  assertEquals(await follower.ask({ do: "follow", symbol: "ABC", tag: 1 }), {
    tag: 1,
    follows: "ABC",
  });
  using other = await Client.connect(market.url);
  assertEquals(await other.ask({ do: "follow", symbol: "DEF" }), { follows: "DEF" });
  using trader = await Client.connect(market.url);

  const sold = await trader.ask({ ...limit("ABC", "sell", 7, 50), tag: "first" });
  assertEquals([sold.tag, sold.resting], ["first", 7]);
  const bought = await trader.ask(limit("ABC", "buy", 3, 51));
  const again = await trader.ask(limit("ABC", "buy", 9, 50));
  assertEquals([bought.fills.length, again.resting], [1, 5]);
  const trades = (trades: number, taker: number, quantity: number) => ({
    ...{ symbol: "ABC", trades, taker, fills: [{ maker: sold.id, price: 50, quantity }] },
  });
  assertEquals(await follower.next(), trades(1, bought.id, 3));
  assertEquals(await follower.next(), trades(2, again.id, 4));
  assertEquals((await trader.ask({ do: "top", symbol: "ABC" })).bidQuantities[0], 5);
  assertEquals(await trader.ask({ do: "cancel", symbol: "ABC", id: again.id }), { cancelled: 5 });

  // Many at once: the answers come in the order of the book, each with its tag.
  for (let tag = 0; tag < 100; tag++) trader.send({ ...limit("DEF", "buy", 1, 10 + tag), tag });
  for (let tag = 0; tag < 100; tag++) assertEquals((await trader.next()).tag, tag);
  const swept = await trader.ask({ ...limit("DEF", "sell", 100, 1), tag: "sweep" });
  assertEquals(swept.fills.length, 100);
  assertEquals(await other.next(), {
    ...{ symbol: "DEF", trades: 100, taker: swept.id, fills: swept.fills },
  });
  assertEquals(await market.stop(), 0);
  assertEquals(await follower.closed, 1001);
});

Deno.test("a command that makes no sense is refused with the reason, and changes nothing", async () => {
  await using market = await MarketProcess.start();
  using client = await Client.connect(market.url);
  const good = limit("ABC", "buy", 1, 1);
  const refused: [object | string, RegExp][] = [
    [{ ...good, symbol: "XYZ" }, /symbol is "XYZ": expected one of ABC, /],
    [{ ...good, do: "break" }, /do is "break": expected one of place, cancel, top, follow/],
    [{ ...good, side: "both" }, /side is "both": expected one of buy, sell/],
    [{ ...good, type: undefined }, /type is undefined: expected one of limit, market, ioc/],
    [{ ...good, quantity: 0 }, /quantity is 0: expected a whole number, 1 to 1000000000/],
    [{ ...good, price: 1.5 }, /price is 1.5: expected a whole number, 1 to 1000000000/],
    [{ ...good, price: "1" }, /price is "1": expected a whole number/],
    [{ do: "cancel", symbol: "ABC", id: -1 }, /id is -1: expected a whole number/],
    ["null", /symbol is undefined/],
    ["[", /SyntaxError/],
  ];
  for (const [command, reason] of refused) {
    const { status, body } = await market.post(command);
    assertEquals(status, 400);
    assertMatch(body.error, reason);
    assertMatch((await client.ask(command)).error, reason);
  }
  const follow = await market.post({ do: "follow", symbol: "ABC" });
  assertEquals(follow.status, 400);
  assertMatch(follow.body.error, /Only a WebSocket can follow/);
  assertEquals((await market.top("XYZ")).status, 400);
  // Ids of nothing, also with the place of an order that rests.
  const { id } = (await market.post(good)).body;
  for (const wrong of [1, 2, 2 ** 20, id + 2 ** 20, 2 ** 53 - 1]) {
    const cancelled = await market.post({ do: "cancel", symbol: "ABC", id: wrong });
    assertEquals([wrong, cancelled.body], [wrong, { cancelled: 0 }]);
  }
  const top = (await market.top("ABC")).body;
  assert(top.bidPrices[0] === 1 && top.bidQuantities[0] === 1 && top.bidPrices[1] === 0);
  assertEquals(await market.stop(), 0);
});

Deno.test("a market with orders and trades under way stops in good order", async () => {
  await using market = await MarketProcess.start();
  const busy = Promise.withResolvers<void>();
  let answers = 0;
  const clients = await Promise.all(Array.from({ length: 6 }, () => Client.connect(market.url)));
  const symbols = ["ABC", "DEF", "GHI", "JKL"];
  for (const [index, client] of clients.entries()) {
    for (const symbol of symbols) client.send({ do: "follow", symbol });
    // Two orders that meet for each answer: more under way all the time, until the market hangs up.
    client.listen((message) => {
      if (message.trades !== undefined) return;
      if (++answers === 500) busy.resolve();
      if (answers > 20_000) return; // enough, whatever becomes of it
      const symbol = symbols[answers % symbols.length]!;
      client.send(limit(symbol, index % 2 === 0 ? "buy" : "sell", 1, 10));
    });
  }
  await busy.promise;
  assertEquals(await market.stop(), 0);
  for (const client of clients) await client.closed;
});
