/**
 * Sends values through a ValueCodec, as between two shards.
 *
 * @module
 */

import { ValueCodec } from "../../../shard/codec/value_codec.ts";
import type { WireType } from "../../../shard/codec/wire_type.ts";

/** What a refusal calls the values. */
export const name = (index: number) => `arguments[${index}]`;

/** There and back through shared memory, by two codecs, as between two shards. */
export function travel<T>(value: T, types: readonly WireType<object>[] = []): T {
  return travelAll([value], types)[0] as T;
}

/** As `travel()`, of several values in one message. */
export function travelAll(
  values: readonly unknown[],
  types: readonly WireType<object>[] = [],
): unknown[] {
  const bytes = new ValueCodec(types).encode(values, name, []);
  const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
  shared.set(bytes);
  return new ValueCodec(types).decode(shared);
}
