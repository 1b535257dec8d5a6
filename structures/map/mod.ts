/**
 * Hash maps in shared memory: one shard changes them, every shard reads them.
 *
 * @module
 */

export { batches, type WalkedMap } from "./entries.ts";
export {
  EXTRA_WORD,
  KEY_INFO_WORD,
  KEY_WORD,
  NEXT_WORD,
  ORDER_WORD,
  VALUE_INFO_WORD,
} from "./map_layout.ts";
export { checkDone, type MapParts } from "./map_parts.ts";
export { MapTable } from "./map_table.ts";
export { ListReader, OUT_OF_ORDER, overwritten, type SoughtKey } from "./split_list.ts";
export { TableReader } from "./table_reader.ts";
export { type MapKey, MapKeys, type MapKeyType } from "./map_keys.ts";
export {
  type MapValue,
  type MapValueInit,
  MapValues,
  type MapValueType,
  type MapValueView,
} from "./map_values.ts";
export { SharedMap } from "./shared_map.ts";
export {
  partsOf,
  sharedMap,
  type SharedMapDefinition,
  type SharedMapOptions,
} from "./shared_map_definition.ts";
export { SharedMapReader } from "./shared_map_reader.ts";
export { codec, type CodecOptions, type ValueCodec } from "./value_codec.ts";
