/**
 * The values of `compare payloads`: what programs send, of each kind one.
 *
 * @module
 */
/** So many orders travel in a list. */
export const LIST_LENGTH = 100;

/** A small record, as programs send them by the thousand. */
export interface Order {
  readonly id: number;
  readonly customer: string;
  readonly article: string;
  readonly quantity: number;
  readonly price: number;
  readonly note: string;
}

/** Enough of them that a list, and an order by itself, is never the one before. */
export const ORDERS: readonly Order[] = Array.from({ length: 10 * LIST_LENGTH }, (_, index) => ({
  id: index,
  customer: `customer ${index * 7_919 % 5_000}`,
  article: `ART-${index * 31 % 997}`,
  quantity: 1 + index % 9,
  price: index * 1.37,
  note: `please deliver before ${index % 24}:00`,
}));

export const RECORD_40 = "1 record of 40 fields";

const LONG_TEXT = 10_000;
const long = (letters: string): string => letters.repeat(LONG_TEXT).slice(0, LONG_TEXT);

/** Bytes that are not all alike. */
export function makeBytes(byteLength: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(byteLength).map((_, index) => index % 251);
}

/** By what the report calls them. */
export const VALUES: ReadonlyMap<string, unknown> = new Map<string, unknown>([
  [`${LIST_LENGTH} small records`, ORDERS.slice(0, LIST_LENGTH)],
  [RECORD_40, recordOf40Fields()],
  ["nested objects and arrays", nested()],
  ["Map and Set", {
    byId: new Map(ORDERS.slice(0, 50).map((order) => [order.id, order])),
    seen: new Set(ORDERS.slice(0, 50).map(({ id }) => `order ${id}`)),
  }],
  ["typed arrays", {
    prices: Float64Array.from(ORDERS.slice(0, 256), ({ price }) => price),
    ids: Int32Array.from(ORDERS.slice(0, 256), ({ id }) => id),
    flags: makeBytes(1_024),
  }],
  ["10,000 characters, ASCII", long("The quick brown fox jumps over the lazy dog. ")],
  ["10,000 characters, Latin-1", long("Größe, façade, naïveté, señor, Ångström. ")],
  ["10,000 characters, UTF-16", long("Съешь ещё этих мягких булок, 吾輩は猫である。")],
  ["1 MiB of bytes", makeBytes(2 ** 20)],
]);

function recordOf40Fields(): Record<string, unknown> {
  const fields: [string, unknown][] = [];
  for (let index = 0; index < 10; index++) {
    fields.push(
      [`count${index}`, index * 1_000],
      [`share${index}`, index / 7],
      [`name${index}`, `value of ${index}`],
      [`known${index}`, index % 3 === 0 ? null : index % 2 === 0],
    );
  }
  return Object.fromEntries(fields);
}

function nested(): unknown {
  return {
    customer: {
      name: "Ada",
      address: { street: "Main Street 1", city: { name: "Oslo", zip: 150 } },
    },
    lines: ORDERS.slice(0, 20).map((order) => ({
      order,
      tags: ["new", "paid"],
      sizes: [[1, 2], [3]],
    })),
    totals: { net: 1234.5, tax: { rate: 0.25, amount: 308.625 } },
  };
}
