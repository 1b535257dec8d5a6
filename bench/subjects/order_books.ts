/**
 * The order book, in the comparison of programs: commands a second on two threads, and tops of books
 * read from the thread that does not own them.
 *
 * @module
 */
import { isDeepStrictEqual } from "node:util";
import type { CompareSettings } from "../compare.ts";
import { find, measureInterleaved, ratioOf, type Trial } from "../comparison.ts";
import { type OrderBookPeer, THREADS } from "../programs/order_book_peer.ts";
import { BOOKS, type Outcome } from "../programs/order_traffic.ts";
import { type Findings, TIDEPOOL } from "../report.ts";
import { Callers, type OpenCaller } from "./callers.ts";

const WORKERS = "Workers and postMessage";
/** Without a message: whole tops, or a few fields. */
const IN_PLACE = [`${TIDEPOOL}, read`, `${TIDEPOOL}, viewed`] as const;

const PEERS: ReadonlyMap<string, OpenCaller<OrderBookPeer>> = new Map([
  [TIDEPOOL, async () => await (await import("../programs/order_book_tidepool.ts")).openTidepool()],
  [WORKERS, async () => await (await import("../programs/order_book_workers.ts")).openWorkers()],
]);

/** How commands come on each thread: from so many clients, so many in flight of each. */
const LOADS = [[256, 1], [1, 64]] as const;
const loadName = (clients: number, inFlight: number) => {
  return clients === 1
    ? `order book: ${inFlight} commands in flight of a client on each thread`
    : `order book: ${clients} clients on each thread, ${inFlight} command at a time`;
};
const TOP = "order book: a top of another thread's book";
/** In the order of the report. */
const MEASURES: readonly string[] = [...LOADS.map((load) => loadName(load[0], load[1])), TOP];

/** Runs the comparison. */
export async function compareOrderBooks(settings: CompareSettings): Promise<Findings> {
  const sampleMs = settings.quick ? 20 : 300;
  const outcomes: Outcome[] = [];
  const peers = await Callers.openVerified(PEERS, settings.progress, async (peer) => {
    outcomes.push(await peer.tradeAlone(5_000));
    // One client alone has the same fills, whichever program it trades with.
    if (!isDeepStrictEqual(outcomes[0], outcomes.at(-1))) {
      throw new Error(`It trades otherwise: ${outcomes.map((each) => JSON.stringify(each))}`);
    }
    // V8 compiles what either program does in many steps: the first second has half of the rate.
    for (const [clients, inFlight] of LOADS) await peer.trade(clients, inFlight, 4 * sampleMs);
  });
  const trials: Trial[] = [...PEERS.keys()].flatMap((name) => [
    ...LOADS.map(([clients, inFlight]) => ({
      ...{ name, measure: loadName(clients, inFlight), unit: "commands/s" },
      sample: () =>
        peers.ask(name, async (peer) => {
          const { commands, milliseconds } = await peer.trade(clients, inFlight, sampleMs);
          return commands / milliseconds * 1e3;
        }),
    })),
    {
      ...{ name, measure: TOP, unit: "ns" },
      sample: () => peers.ask(name, (peer) => peer.timeCalls(sampleMs / 3)),
    },
  ]);
  trials.push(...IN_PLACE.map((name) => ({
    ...{ name, measure: TOP, unit: "ns" },
    sample: () => peers.ask(TIDEPOOL, (peer) => peer.timeTops!(name === IN_PLACE[0], sampleMs / 3)),
  })));
  const measurements = await measureInterleaved(
    trials,
    settings.repetitions,
    (done, total, trial) => {
      settings.progress(`sample ${done} of ${total}: ${trial.measure}, ${trial.name}`);
    },
  );
  measurements.sort((a, b) => MEASURES.indexOf(a.measure) - MEASURES.indexOf(b.measure));
  return {
    measurements,
    ratios: {
      order_book_rate_vs_workers: ratioOf(LOADS.map(([clients, inFlight]) => {
        const measure = loadName(clients, inFlight);
        return {
          dividend: find(measurements, TIDEPOOL, measure),
          divisor: find(measurements, WORKERS, measure),
        };
      })),
      order_book_snapshot_vs_call: ratioOf([{
        dividend: find(measurements, IN_PLACE[0], TOP),
        divisor: find(measurements, TIDEPOOL, TOP),
      }]),
    },
    notes: [
      `${THREADS} threads have ${BOOKS} books and the clients, whose commands go to all books alike: ` +
      "about half of them to the own thread. The plain Workers post what one turn has for " +
      "another as one message. They have their orders in objects and a Map, and make a top when " +
      "it is asked for.",
      "A top that is called for and one that is read are copies of all its fields; of one that is viewed, " +
      "the best prices and the last trade are looked at.",
      ...await peers.close(),
    ],
  };
}
