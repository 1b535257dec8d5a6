/**
 * Text out of bytes, most of it one byte a character. The bytes may be shared memory: `Buffer` of Node
 * reads it in place, where TextDecoder makes a copy first, which takes 1.5 µs more.
 *
 * @module
 */

/** What is used here of `Buffer`. Deno has it, also where its types do not. */
interface NodeBuffer {
  readonly prototype: {
    latin1Slice(this: Uint8Array, start: number, end: number): string;
    ucs2Slice(this: Uint8Array, start: number, end: number): string;
  };
}

/** Loaded when it pays, as that takes a thread 10 ms and 2 MiB: many a program sends little text. */
let buffers: NodeBuffer["prototype"] | undefined;

function loadBuffers(): NodeBuffer["prototype"] {
  const { Buffer } = globalThis as unknown as { readonly Buffer: NodeBuffer };
  return buffers = Buffer.prototype;
}

const fromCodes = String.fromCharCode;

/** Shorter text is put together here: a call of latin1Slice() takes 0.1 µs. */
const LOOP_LENGTH = 24;

/**
 * While `Buffer` is not loaded, text of up to so many characters is put together here too: what many a program
 * sends of it is the URL of a module.
 */
const LOOP_LENGTH_AT_FIRST = 256;
/** But no more than so many characters in all, at 20 ns each. */
let charactersBeforeBuffers = 65_536;

/** Whether text longer than `LOOP_LENGTH` is to be put together here. */
function isLooped(length: number): boolean {
  if (buffers !== undefined || length > LOOP_LENGTH_AT_FIRST) return false;
  charactersBeforeBuffers -= length;
  return charactersBeforeBuffers >= 0;
}

/** The `length` characters at `at`; the bytes are known to be there. */
export function readLatin1(bytes: Uint8Array, at: number, length: number): string {
  const end = at + length;
  if (length > LOOP_LENGTH && !isLooped(length)) {
    return (buffers ?? loadBuffers()).latin1Slice.call(bytes, at, end);
  }
  let text = "";
  // Eight characters a call take a third of the time of one a call.
  for (; at + 8 <= end; at += 8) {
    text += fromCodes(
      bytes[at]!,
      bytes[at + 1]!,
      bytes[at + 2]!,
      bytes[at + 3]!,
      bytes[at + 4]!,
      bytes[at + 5]!,
      bytes[at + 6]!,
      bytes[at + 7]!,
    );
  }
  if (at + 4 <= end) {
    text += fromCodes(bytes[at]!, bytes[at + 1]!, bytes[at + 2]!, bytes[at + 3]!);
    at += 4;
  }
  switch (end - at) {
    case 1:
      return text + fromCodes(bytes[at]!);
    case 2:
      return text + fromCodes(bytes[at]!, bytes[at + 1]!);
    case 3:
      return text + fromCodes(bytes[at]!, bytes[at + 1]!, bytes[at + 2]!);
  }
  return text;
}

/** The code units from `start` to `end`, the lower byte of each first; the bytes are known to be there. */
export function readUtf16(bytes: Uint8Array, start: number, end: number): string {
  return (buffers ?? loadBuffers()).ucs2Slice.call(bytes, start, end);
}

/** A longer copy is made for the text alone. */
const KEPT_SCRATCH_BYTES = 65_536;

/** Reads UTF-8, which TextDecoder does faster of memory that is not shared. */
export class Utf8Reader {
  // Not `fatal`, with which it takes three times as long: what was written is well-formed.
  readonly #decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  #scratch: Uint8Array<ArrayBuffer> | undefined;

  /** The text; what of it is not UTF-8 is U+FFFD. */
  read(bytes: Uint8Array): string {
    const { length } = bytes;
    if (length > KEPT_SCRATCH_BYTES) return this.#decoder.decode(new Uint8Array(bytes));
    this.#scratch ??= new Uint8Array(KEPT_SCRATCH_BYTES);
    this.#scratch.set(bytes);
    return this.#decoder.decode(this.#scratch.subarray(0, length));
  }
}
