/**
 * What `node:buffer` does with text more quickly than anything else. It is loaded when it is first
 * needed, as a program that reads and writes no text should not wait the 10 ms for it.
 *
 * @module
 */

/** The part of `Buffer` that is used here. Node, Deno and Bun have `latin1Slice`; their types do not. */
interface NodeBuffer {
  readonly prototype: {
    readonly latin1Slice: (this: Uint8Array, from: number, end: number) => string;
  };
  readonly byteLength: (text: string) => number;
}

let latin1Slice: NodeBuffer["prototype"]["latin1Slice"] | undefined;
let byteLength: NodeBuffer["byteLength"] | undefined;

function load(): void {
  const { Buffer } = globalThis as unknown as { readonly Buffer: NodeBuffer };
  // Found once: a look for them at each call takes longer than a loop over a few bytes.
  latin1Slice = Buffer.prototype.latin1Slice;
  byteLength = Buffer.byteLength;
}

/**
 * The bytes from `from` up to `end` as text of as many characters, U+0000 to U+00FF. O(bytes).
 *
 * @experimental **UNSTABLE**: New API, yet to be vetted.
 */
export function readLatin1(bytes: Uint8Array, from: number, end: number): string {
  if (latin1Slice === undefined) load();
  return latin1Slice!.call(bytes, from, end);
}

/** Bytes that text takes in UTF-8. */
export function utf8Length(text: string): number {
  if (byteLength === undefined) load();
  return byteLength!(text);
}
