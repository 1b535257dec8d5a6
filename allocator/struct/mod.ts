/**
 * Typed views over blocks.
 *
 * @module
 */

export { struct } from "./struct.ts";
export { union, type UnionInit, type UnionPlain, type UnionType, type UnionView } from "./union.ts";
export { array } from "./array.ts";
export type {
  ArrayType,
  ArrayView,
  Assignable,
  BytesType,
  FieldInit,
  FieldPlain,
  FieldType,
  FieldValue,
  PointerType,
  ScalarType,
  StructClass,
  StructInit,
  StructMembers,
  StructPlain,
  StructType,
  StructView,
  Target,
  TextType,
  ViewOf,
} from "./field_type.ts";
export { alignOf, offsetOf, sizeOf } from "./c_layout.ts";
export { type AnyView, isStructView, type MemorySource, segmentOf } from "./view_memory.ts";
export { bool, f32, f64, i16, i32, i64, i8, u16, u32, u64, u8 } from "./scalar.ts";
export {
  type AtomicField,
  atomicI32,
  atomicI64,
  type AtomicType,
  atomicU32,
  atomicU64,
} from "./atomic.ts";
export { flags, type FlagsField, type FlagsType } from "./flags.ts";
export { address, pointer } from "./pointer.ts";
export { string } from "./string.ts";
export type { ReferenceOptions } from "./reference.ts";
export { text } from "./text.ts";
export { bytes } from "./bytes.ts";
export { freeStruct } from "./free_struct.ts";
