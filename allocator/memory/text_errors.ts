/**
 * What is wrong with text that is to be written.
 *
 * @module
 */
import { utf8Length } from "./latin1.ts";

/**
 * Throws unless what is to be written is text.
 *
 * @throws {TypeError} if it is not
 */
export function checkText(operation: "allocate" | "write", text: unknown): asserts text is string {
  if (typeof text === "string") return;
  throw new TypeError(`Cannot ${operation} text: expected a string, received ${typeof text}`);
}

/** The error of text that takes more bytes than there are for it. */
export function roomError(address: number, byteLength: number, text: string): RangeError {
  return new RangeError(
    `Cannot write ${utf8Length(text)} bytes of text at address ${address}: ` +
      `expected ${byteLength} at most`,
  );
}
