/**
 * The formats that Deno has itself.
 *
 * @module
 */
import v8 from "node:v8";
import type { Format } from "./payload_peer.ts";

/** JSON, as text. */
export const json: Format<string> = { encode: JSON.stringify, decode: JSON.parse };

/** V8's own: that of `postMessage` and structured clone. */
export const v8Format: Format<Uint8Array> = {
  encode: (value) => plainBytes(v8.serialize(value)),
  decode: (bytes) => v8.deserialize(bytes),
};

/** The same bytes as a plain typed array, which every way to another thread takes. */
export function plainBytes(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}
