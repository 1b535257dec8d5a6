/**
 * How long bytes are. A class or an object may say so otherwise, and whoever copies them copies what there is.
 *
 * @module
 */

const length = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype),
  "length",
)!.get!;

/** Bytes that there are. */
export function lengthOf(bytes: Uint8Array): number {
  return length.call(bytes);
}
