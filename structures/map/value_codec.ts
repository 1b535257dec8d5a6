/**
 * Values of any class in shared memory, as bytes that a program makes of them.
 *
 * @module
 */

/** How values of a program's own are kept: see {@linkcode codec}. */
export interface ValueCodec<Value> {
  /** Tells it from the field types. */
  readonly kind: "codec";
  /** As it is written in a definition. */
  readonly name: string;
  /** The bytes of a value. */
  encode(value: Value): Uint8Array;
  /** The value of bytes, which are its own. */
  decode(bytes: Uint8Array<ArrayBuffer>): Value;
}

/** What a program says of its codec. */
export interface CodecOptions<Value> {
  /** The name, if programs of several versions should tell theirs apart; "codec" unless given. */
  readonly name?: string;
  /** Gives the bytes of a value, which are copied at once. */
  readonly encode: (value: Value) => Uint8Array;
  /** Gives the value of bytes. They are a copy, and its own. */
  readonly decode: (bytes: Uint8Array<ArrayBuffer>) => Value;
}

/**
 * Values of a program's own, as it encodes them: JSON, MessagePack, or anything else that comes back from
 * bytes. Each read decodes: a struct is faster, and can be read in place.
 *
 * @param options How to encode and to decode.
 * @returns The value type.
 * @throws {TypeError} If `encode` or `decode` is not a function, or the name not a string.
 *
 * @example
 * ```ts
 * import { codec } from "@tidepool/core/structures";
 * import { assertEquals } from "@std/assert";
 *
 * const encoder = new TextEncoder();
 * const decoder = new TextDecoder();
 * const json = codec<unknown>({
 *   encode: (value) => encoder.encode(JSON.stringify(value)),
 *   decode: (bytes) => JSON.parse(decoder.decode(bytes)),
 * });
 * assertEquals(json.kind, "codec"); // sharedMap("Sessions", { key: text(), value: json })
 * ```
 */
export function codec<Value>(options: CodecOptions<Value>): ValueCodec<Value> {
  const { name = "codec", encode, decode } = options ?? {};
  if (typeof encode !== "function" || typeof decode !== "function") {
    throw new TypeError("Cannot define a codec: expected the functions encode and decode");
  }
  if (typeof name !== "string") {
    throw new TypeError(`Cannot define a codec named ${String(name)}: expected a string`);
  }
  return Object.freeze<ValueCodec<Value>>({ kind: "codec", name, encode, decode });
}
