/**
 * The top of a book: written by the book's shard, read by every shard where it lies.
 *
 * @module
 */
import { array, f64, struct } from "@tidepool/core";
import { seqCell } from "@tidepool/core/structures";

/** Levels of a side. */
export const DEPTH = 10;

const column = array(f64, DEPTH); // the best first; 0 where there are no more

export const Top = seqCell(
  "Top",
  struct("TopFields", {
    bidPrices: column,
    bidQuantities: column,
    askPrices: column,
    askQuantities: column,
    trades: f64, // how many there have been
    lastPrice: f64,
    lastQuantity: f64,
  }),
);
