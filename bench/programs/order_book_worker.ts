/**
 * The other end of `order_book_workers.ts`: the books of one Worker, and its clients.
 *
 * @module
 */
import type { PlainReply, PlainRequest } from "../peers/plain_worker.ts";
import { booksBeside, threadOf, timeEach } from "./order_book_peer.ts";
import { BOOKS, type OrderEntry, trade, tradeAlone } from "./order_traffic.ts";
import { type Placed, PlainBook } from "./plain_book.ts";

type Request = readonly [call: number, method: string, parameters: readonly unknown[]];
type Answer = readonly [call: number, answer: unknown];

/** Another Worker. What is sent to it in one turn goes as one message. */
class Neighbour {
  readonly #port: MessagePort;
  readonly #waiting = new Map<number, (answer: unknown) => void>();
  #requests: Request[] = [];
  #answers: Answer[] = [];
  #isPosting = false;
  #lastCall = 0;

  constructor(port: MessagePort) {
    this.#port = port;
    port.onmessage = ({ data: [requests, answers] }: MessageEvent<[Request[], Answer[]]>) => {
      for (const [call, method, parameters] of requests) {
        this.#answers.push([call, perform(method, parameters)]);
      }
      if (requests.length > 0) this.#postLater();
      for (const [call, answer] of answers) {
        this.#waiting.get(call)!(answer);
        this.#waiting.delete(call);
      }
    };
  }

  call<Result>(method: string, parameters: readonly unknown[]): Promise<Result> {
    return new Promise<Result>((resolve) => {
      this.#waiting.set(++this.#lastCall, resolve as (answer: unknown) => void);
      this.#requests.push([this.#lastCall, method, parameters]);
      this.#postLater();
    });
  }

  /** After all callers that have got their answers in this turn have gone on. */
  #postLater(): void {
    if (this.#isPosting) return;
    this.#isPosting = true;
    queueMicrotask(() => {
      this.#isPosting = false;
      this.#port.postMessage([this.#requests, this.#answers]);
      this.#requests = [];
      this.#answers = [];
    });
  }
}

let thread = 0;
const neighbours: Neighbour[] = [];
const books = Array.from({ length: BOOKS }, () => new PlainBook());

/** What a neighbour asks. */
// deno-lint-ignore no-explicit-any -- the caller's side has the types
function perform(method: string, [book, ...parameters]: readonly any[]): unknown {
  const [first, limit, quantity, rests] = parameters;
  switch (method) {
    case "place":
      return books[book]!.place(first, limit, quantity, rests);
    case "cancel":
      return books[book]!.cancel(first);
    default:
      return books[book]!.top();
  }
}

const entry: OrderEntry = {
  place: (book, isBuy, limit, quantity, rests) => {
    const owner = threadOf(book);
    return owner === thread
      ? books[book]!.place(isBuy, limit, quantity, rests)
      : neighbours[owner]!.call<Placed>("place", [book, isBuy, limit, quantity, rests]);
  },
  cancel: (book, id) => {
    const owner = threadOf(book);
    return owner === thread
      ? books[book]!.cancel(id)
      : neighbours[owner]!.call<number>("cancel", [book, id]);
  },
};

/** What the main thread asks. */
// deno-lint-ignore no-explicit-any -- the caller's side has the types
const methods: Record<string, (...parameters: any[]) => unknown> = {
  connect(own: number, other: number, port: MessagePort) {
    thread = own;
    neighbours[other] = new Neighbour(port);
  },
  tradeAlone: (commands: number) => tradeAlone(entry, commands),
  trade: (...how: [number, number, number]) => trade(entry, ...how),
  timeCalls(milliseconds: number) {
    const ask = (book: number) => neighbours[threadOf(book)]!.call("top", [book]);
    return timeEach(ask, booksBeside(thread), milliseconds);
  },
};

self.onmessage = async ({ data: { id, method, parameters } }: MessageEvent<PlainRequest>) => {
  self.postMessage({ id, value: await methods[method]!(...parameters) } satisfies PlainReply);
};
self.postMessage("ready");
