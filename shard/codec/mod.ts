/**
 * Values to bytes and back. It knows no thread and no ring.
 *
 * @module
 */

export { type ErrorClass, registerErrorClass } from "./error_codec.ts";
export { ErrorPacker } from "./error_packer.ts";
export { kindOfValue } from "./kind_of_value.ts";
export { readLatin1, Utf8Reader } from "./read_text.ts";
export { Refusal, SENT_BY } from "./refusal.ts";
export { causeOf, classNameOf, isError, messageOf, shortened, textOf } from "./thrown.ts";
export { ValueCodec } from "./value_codec.ts";
export { type WireType, WireTypes } from "./wire_type.ts";
