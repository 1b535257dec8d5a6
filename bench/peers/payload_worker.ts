/**
 * The other end of `payload_plain.ts`, where values come as they are.
 *
 * @module
 */
import { type Order, priceOf, pricesOf } from "./orders.ts";
import { serve } from "./plain_worker_end.ts";

serve({
  add: (a: number, b: number): number => a + b,
  price: (order: Order): number => priceOf(order),
  prices: (orders: readonly Order[]): number[] => pricesOf(orders),
  echo: (value: unknown): unknown => value,
});
