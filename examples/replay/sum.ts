/**
 * Adds up one figure of many things.
 *
 * @module
 */

/**
 * The sum of what `figure` says of each thing, 0 for no things.
 *
 * @param things The things.
 * @param figure The figure of one thing.
 * @returns The sum.
 */
export function sum<T>(things: readonly T[], figure: (thing: T) => number): number {
  return things.reduce((total, thing) => total + figure(thing), 0);
}
