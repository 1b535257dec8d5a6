/**
 * The same market over plain Workers: one for each thread, with a port to each of the others.
 *
 * @module
 */
import { type OrderBookPeer, sumOf, THREADS } from "./order_book_peer.ts";
import type { Outcome, Traffic } from "./order_traffic.ts";
import { PlainWorker } from "../peers/plain_worker.ts";

/** Starts the Workers and connects them. */
export async function openWorkers(): Promise<OrderBookPeer> {
  const url = new URL("./order_book_worker.ts", import.meta.url);
  const workers = await Promise.all(Array.from({ length: THREADS }, () => PlainWorker.start(url)));
  const connected: Promise<void>[] = [];
  for (const [one, worker] of workers.entries()) {
    for (let other = one + 1; other < THREADS; other++) {
      const { port1, port2 } = new MessageChannel();
      connected.push(worker.call("connect", [one, other, port1], [port1]));
      connected.push(workers[other]!.call("connect", [other, one, port2], [port2]));
    }
  }
  await Promise.all(connected);
  return {
    tradeAlone: (commands) => workers[0]!.call<Outcome>("tradeAlone", [commands]),
    trade: async (...how) => {
      return sumOf(await Promise.all(workers.map((worker) => worker.call<Traffic>("trade", how))));
    },
    timeCalls: (milliseconds) => workers[0]!.call<number>("timeCalls", [milliseconds]),
    close: async () => {
      await Promise.all(workers.map((worker) => worker.close()));
    },
  };
}
