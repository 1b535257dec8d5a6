/**
 * What is asked of every program with order books.
 *
 * @module
 */
import { shardOf } from "@tidepool/core/shard";
import { BOOKS, type Outcome, type Traffic } from "./order_traffic.ts";

/** Threads, each of which has books and clients. */
export const THREADS = 2;

/** A program that is up. */
export interface OrderBookPeer {
  /** Makes some commands on one thread, one at a time. */
  tradeAlone(commands: number): Promise<Outcome>;
  /** Lets so many clients on each thread make commands, so many of each in flight, for a while. */
  trade(clients: number, inFlight: number, milliseconds: number): Promise<Traffic>;
  /** Asks for tops of another thread's books, one at a time. @returns nanoseconds for each */
  timeCalls(milliseconds: number): Promise<number>;
  /**
   * Reads them where they lie, whole or the best prices and the last trade alone. Absent where that cannot be
   * done.
   */
  timeTops?(isWhole: boolean, milliseconds: number): Promise<number>;
  close(): Promise<void>;
}

/** The thread that a book belongs to. */
export const threadOf = (book: number): number => shardOf(book, THREADS);

/** The books of other threads. */
export function booksBeside(thread: number): number[] {
  return Array.from({ length: BOOKS }, (_, book) => book).filter((book) =>
    threadOf(book) !== thread
  );
}

/** Adds up what threads did at the same time. */
export function sumOf(traffic: readonly Traffic[]): Traffic {
  return {
    commands: traffic.reduce((sum, { commands }) => sum + commands, 0),
    milliseconds: Math.max(...traffic.map(({ milliseconds }) => milliseconds)),
  };
}

/** Asks for the tops of books by turns. @returns nanoseconds for each */
export async function timeEach(
  ask: (book: number) => Promise<unknown>,
  books: readonly number[],
  milliseconds: number,
): Promise<number> {
  const begin = performance.now();
  let asked = 0;
  do {
    for (let turn = 0; turn < 8; turn++) await ask(books[asked++ % books.length]!);
  } while (performance.now() - begin < milliseconds);
  return (performance.now() - begin) * 1e6 / asked;
}
