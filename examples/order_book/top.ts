/**
 * The top of a book: written by the book's shard, read by every shard where it lies.
 *
 * @module
 */
import { array, f64, struct, u32 } from "@tidepool/core";
import { seqCell } from "@tidepool/core/structures";

/** Levels of a side. */
export const DEPTH = 10;

const prices = array(u32, DEPTH); // the best first; 0 where there are no more
const quantities = array(f64, DEPTH);

export const Top = seqCell(
  "Top",
  struct("TopFields", {
    bidQuantities: quantities,
    askQuantities: quantities,
    bidPrices: prices,
    askPrices: prices,
    trades: f64, // how many there have been, and the last of them
    lastPrice: u32,
    lastQuantity: u32,
  }),
);
