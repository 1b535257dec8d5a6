/**
 * What the rates of `compare payloads` are about: small records, and the work that is done for each.
 *
 * @module
 */

/** A small record, as programs send them by the thousand. */
export interface Order {
  readonly id: number;
  readonly symbol: string;
  readonly price: number;
  readonly quantity: number;
  readonly urgent: boolean;
}

const SYMBOLS = ["ACME", "GLOBEX", "INITECH", "UMBRELLA", "STARK", "WAYNE", "WONKA"];

/** So many different orders. */
export function makeOrders(count: number): Order[] {
  return Array.from({ length: count }, (_, index) => ({
    id: 1_000_000 + index,
    symbol: SYMBOLS[index % SYMBOLS.length]!,
    price: 10 + index / 4,
    quantity: 1 + index % 90,
    urgent: index % 3 === 0,
  }));
}

/** What an order comes to. */
export function priceOf(order: Order): number {
  return order.price * order.quantity;
}

/** What each of them comes to. */
export function pricesOf(orders: readonly Order[]): number[] {
  return orders.map(priceOf);
}
