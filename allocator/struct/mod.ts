/**
 * Typed views over blocks.
 *
 * @module
 */

export { struct } from "./struct.ts";
export { array } from "./struct_array.ts";
export type {
  ArrayType,
  ArrayView,
  Assignable,
  FieldInit,
  FieldPlain,
  FieldType,
  FieldValue,
  PointerType,
  ScalarType,
  StructInit,
  StructMembers,
  StructPlain,
  StructType,
  StructView,
  Target,
  ViewOf,
} from "./struct_field.ts";
export { alignOf, offsetOf, sizeOf } from "./struct_layout.ts";
export { type AnyView, isStructView, type MemorySource, segmentOf } from "./struct_memory.ts";
export {
  address,
  bool,
  f32,
  f64,
  i16,
  i32,
  i64,
  i8,
  pointer,
  u16,
  u32,
  u64,
  u8,
} from "./struct_scalar.ts";
export { string } from "./struct_string.ts";
