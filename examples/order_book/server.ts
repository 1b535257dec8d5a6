/**
 * A shard's server. A command is JSON: the body of a POST, or a message of a WebSocket.
 *
 * @module
 */
import { BusyError, containerOf, thisShard } from "@tidepool/core";
import type { Market } from "./market.ts";

type Command = Readonly<Record<string, unknown>>;

/** A command that makes no sense. */
class Refusal extends Error {}

/** A client that has more to read is cut off. */
const MOST_UNREAD_BYTES = 2 ** 20;

export class Server {
  readonly #clients = new Map<WebSocket, Set<number>>(); // and the books that each follows
  #http: Deno.HttpServer<Deno.NetAddr> | undefined;

  constructor(readonly market: Market) {}

  listen(hostname: string, port: number): number {
    const options = { hostname, port, reusePort: true, onListen: () => {} };
    this.#http = Deno.serve(options, async (request) => {
      if (request.headers.get("upgrade") === "websocket") return this.#connect(request);
      const symbol = new URL(request.url).pathname.slice(1);
      const text = request.method === "POST"
        ? await request.text()
        : JSON.stringify({ do: "top", symbol });
      const [status, answer] = await this.#answer(text);
      return Response.json(answer, { status, headers: { "x-shard": String(thisShard()) } });
    });
    return this.#http.addr.port;
  }

  #connect(request: Request): Response {
    const { socket, response } = Deno.upgradeWebSocket(request);
    const followed = new Set<number>();
    socket.onopen = () => this.#clients.set(socket, followed);
    socket.onclose = () => this.#clients.delete(socket);
    socket.onmessage = async ({ data }) => {
      const [, answer] = await this.#answer(data, followed);
      send(socket, JSON.stringify(answer));
    };
    return response;
  }

  /** Tells those that follow the book. */
  tell(book: number, trades: object): void {
    const text = JSON.stringify(trades);
    for (const [socket, followed] of this.#clients) if (followed.has(book)) send(socket, text);
  }

  async stop(): Promise<void> {
    for (const socket of this.#clients.keys()) socket.close(1001);
    await this.#http?.shutdown();
  }

  /** Returns a status of HTTP, and what to answer. */
  async #answer(text: string, followed?: Set<number>): Promise<[status: number, answer: object]> {
    let tag: unknown;
    try {
      const command: Command = { ...JSON.parse(text) };
      tag = command.tag; // which the client knows the answer by
      return [200, { tag, ...await this.#perform(command, followed) }];
    } catch (error) {
      const isWrong = error instanceof Refusal || error instanceof SyntaxError;
      const status = isWrong ? 400 : error instanceof BusyError ? 503 : 500;
      return [status, { tag, error: String(error) }];
    }
  }

  async #perform(command: Command, followed?: Set<number>): Promise<object> {
    const { market } = this;
    const book = market.symbols.indexOf(oneOf(market.symbols, "symbol", command));
    const home = containerOf<Market>(market).at(book);
    switch (oneOf(["place", "cancel", "top", "follow"], "do", command)) {
      case "place": {
        const isBuy = oneOf(["buy", "sell"], "side", command) === "buy";
        const type = oneOf(["limit", "market", "ioc"], "type", command);
        const anyPrice = isBuy ? Infinity : 0;
        const limit = type === "market" ? anyPrice : count("price", command);
        return await home.place(book, isBuy, limit, count("quantity", command), type === "limit");
      }
      case "cancel":
        return { cancelled: await home.cancel(book, count("id", command, 2 ** 53)) };
      case "follow":
        if (followed === undefined) throw new Refusal("Only a WebSocket can follow a symbol");
        followed.add(book);
        await home.follow(book, thisShard());
        return { follows: command.symbol };
      default:
        return market.top(book);
    }
  }
}

function send(socket: WebSocket, text: string): void {
  if (socket.bufferedAmount > MOST_UNREAD_BYTES) socket.close(1008, "Too slow");
  else if (socket.readyState === WebSocket.OPEN) socket.send(text);
}

function oneOf(expected: readonly string[], field: string, command: Command): string {
  const value = command[field];
  if (expected.includes(value as string)) return value as string;
  throw new Refusal(`${field} is ${JSON.stringify(value)}: expected one of ${expected.join(", ")}`);
}

function count(field: string, command: Command, most = 1e9): number {
  const value = command[field] as number;
  if (Number.isInteger(value) && value >= 1 && value <= most) return value;
  throw new Refusal(`${field} is ${JSON.stringify(value)}: expected a whole number, 1 to ${most}`);
}
