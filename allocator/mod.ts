/**
 * The memory of shards: an allocator for each slice of one SharedArrayBuffer, with the malloc family,
 * blocks that any thread can free, and checks that are always on. It knows nothing of threads and
 * needs nothing but the buffer.
 *
 * @example
 * ```ts
 * import { Allocator } from "@tidepool/core/allocator";
 * import { assertEquals } from "@std/assert";
 *
 * const segment = new SharedArrayBuffer(131072);
 * const slices = [{ byteOffset: 0, byteLength: 65536 }, { byteOffset: 65536, byteLength: 65536 }];
 * // Each thread has the allocator of its own slice. Both are on one thread here.
 * const first = Allocator.create(segment, slices, 0);
 * const second = Allocator.create(segment, slices, 1);
 *
 * const address = first.malloc(100);
 * assertEquals(second.owner(address), 0);
 * second.free(address); // a remote free: correct on the wrong thread
 * second.flushRemoteFrees();
 * assertEquals(first.drainRemoteFrees(), 1);
 * ```
 *
 * @module
 */

export {
  type BadAllocDetails,
  BadAllocError,
  DoubleFreeError,
  HeapCheckError,
  InvalidAddressError,
  MAX_SLICE_BYTES,
  type MemoryStatistics,
  MIN_SLICE_BYTES,
  readMemoryStatistics,
  SLICE_ALIGNMENT_BYTES,
  type SliceSpan,
} from "./layout/mod.ts";
export {
  Allocator,
  type AllocatorOptions,
  type Arena,
  type ArenaStatistics,
  type BlockSource,
  type DeleteArrayOptions,
  type DeleteOptions,
  type Instrument,
  NewDelete,
  type NewOptions,
  type Reclaim,
  type ReclaimerOptions,
  type Reclaimers,
  type ReclaimRequest,
  type ReclaimScope,
  type RemoteFreeSender,
  type SystemPages,
  type TextBlock,
} from "./malloc/mod.ts";
export {
  address,
  alignOf,
  type AnyView,
  array,
  type ArrayType,
  type ArrayView,
  type Assignable,
  type AtomicField,
  atomicI32,
  atomicI64,
  type AtomicType,
  atomicU32,
  atomicU64,
  bool,
  bytes,
  type BytesType,
  f32,
  f64,
  type FieldInit,
  type FieldPlain,
  type FieldType,
  type FieldValue,
  flags,
  type FlagsField,
  type FlagsType,
  freeStruct,
  i16,
  i32,
  i64,
  i8,
  isStructView,
  type MemorySource,
  offsetOf,
  pointer,
  type PointerType,
  type ReferenceOptions,
  type ScalarType,
  segmentOf,
  sizeOf,
  string,
  struct,
  type StructClass,
  type StructInit,
  type StructMembers,
  type StructPlain,
  type StructType,
  type StructView,
  type Target,
  text,
  type TextType,
  u16,
  u32,
  u64,
  u8,
  union,
  type UnionInit,
  type UnionPlain,
  type UnionType,
  type UnionView,
  type ViewOf,
} from "./struct/mod.ts";
