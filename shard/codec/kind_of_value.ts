/**
 * What a value is, for messages about one of the wrong kind.
 *
 * @module
 */

/** The value itself where it is text, null or undefined; else its type. */
export function kindOfValue(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "string") return `the text ${JSON.stringify(value)}`;
  return `of type ${typeof value}`;
}
