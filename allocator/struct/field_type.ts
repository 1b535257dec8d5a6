/**
 * What a field of a struct can be, as types: the table that defines a struct holds values of these,
 * and the types of its views follow from them.
 *
 * The members that move bytes are `read` and `write`. They are functions over the arrays and an
 * address, with nothing kept per view, so that an accessor closes over constants alone and V8 inlines
 * all of it.
 *
 * @module
 */
import type { BlockSource } from "../malloc/mod.ts";
import type { AtomicField, AtomicType } from "./atomic.ts";
import { describe } from "./describe.ts";
import type { FlagsField, FlagsType } from "./flags.ts";
import type { SegmentArrays } from "../memory/mod.ts";
import type { UnionInit, UnionPlain, UnionType, UnionView } from "./union.ts";
import type { MemorySource } from "./view_memory.ts";

/** What every field type has. */
export interface FieldType {
  /** Tells the field types apart. */
  readonly kind:
    | "scalar"
    | "pointer"
    | "text"
    | "bytes"
    | "array"
    | "struct"
    | "union"
    | "atomic"
    | "flags";
  /** As it is written: "f64", "array(f64, 4)", or the name of a struct. */
  readonly name: string;
  /** Bytes that a field of this type takes, a multiple of `alignment`. */
  readonly byteLength: number;
  /** Its addresses are multiples of this: 1, 2, 4 or 8. */
  readonly alignment: number;
  /**
   * The value of the field at an address. Nothing is checked.
   * @internal
   */
  read(arrays: SegmentArrays, address: number): unknown;
  /**
   * Writes the field at an address. Checks the value; `place` names the field in its errors.
   * @internal
   */
  write(arrays: SegmentArrays, address: number, value: unknown, place: string): void;
  /**
   * Frees what the field at an address owns, and leaves it empty. Types that own nothing have none.
   * @internal
   */
  readonly release?:
    | ((arrays: SegmentArrays, address: number, source: BlockSource) => void)
    | undefined;
}

/** The kinds of field types. */
const KINDS: readonly unknown[] = [
  "scalar",
  "pointer",
  "text",
  "bytes",
  "array",
  "struct",
  "union",
  "atomic",
  "flags",
];

/** Static member of every class of views: the field type whose views are of this class. */
export const TYPE: unique symbol = Symbol("type");

/**
 * The field type that `value` is, or that the views of the class `value` have.
 *
 * @throws {TypeError} if it is none; the message begins with `what`
 */
export function fieldTypeOf(value: unknown, what: string): FieldType {
  if (typeof value === "object" && value !== null) {
    const { kind, read } = value as { readonly kind?: unknown; readonly read?: unknown };
    if (typeof read === "function" && KINDS.includes(kind)) return value as FieldType;
  }
  if (typeof value === "function" && TYPE in value) return value[TYPE] as FieldType;
  const expected = "a field type such as f64, string(16), array(i32, 4), pointer(…) or a struct";
  throw new TypeError(`${what} as ${describe(value)}: expected ${expected}`);
}

/** A number, a boolean, a bigint or a string. `Elements` is the typed array that holds many of them. */
export interface ScalarType<Value, Elements = never> extends FieldType {
  /** Tells the field types apart. */
  readonly kind: "scalar";
  /** @internal */
  read(arrays: SegmentArrays, address: number): Value;
  /**
   * The typed array over `length` of them in a row, for those that have one.
   * @internal
   */
  elements(arrays: SegmentArrays, address: number, length: number): Elements;
}

/** The address of a struct or of an array, or 0. */
export interface PointerType<Target> extends FieldType {
  /** Tells the field types apart. */
  readonly kind: "pointer";
  /** What it points to. */
  target(): Target;
}

/** Text of any length, in a block that the field points to. */
export interface TextType<IsOwned extends boolean> extends FieldType {
  /** Tells the field types apart. */
  readonly kind: "text";
  /** Whether the block is freed with the struct. */
  readonly owned: IsOwned;
}

/** Bytes of any number, in a block that the field points to. */
export interface BytesType extends FieldType {
  /** Tells the field types apart. */
  readonly kind: "bytes";
  /** Whether the block is freed with the struct. */
  readonly owned: boolean;
}

/** A fixed number of elements in a row. */
export interface ArrayType<Element> extends FieldType {
  /** Tells the field types apart. */
  readonly kind: "array";
  /** The type of its elements. */
  readonly element: Element;
  /** How many there are. */
  readonly length: number;
  /**
   * A view of an array that lies in memory. O(1).
   *
   * @param source the segment, something over it such as an allocator, or another view of it
   * @param address where the array begins
   * @returns the view
   * @throws {TypeError} if `source` or `address` is of the wrong kind
   * @throws {RangeError} if the address is null, misaligned, or the array does not fit there
   */
  at(source: MemorySource, address: number): ArrayView<Element>;
  /**
   * A view of no array yet, to be moved by its `at()`. Used before that, it throws a TypeError. O(1).
   *
   * @param source the segment, something over it such as an allocator, or another view of it
   * @returns the view
   * @throws {TypeError} if `source` is of the wrong kind
   */
  view(source: MemorySource): ArrayView<Element>;
  /**
   * Allocates an array in the allocator's slice: zeros, or the values given. Whoever frees it calls
   * {@linkcode freeStruct}. O(bytes).
   *
   * @param allocator where to allocate: an allocator, or an arena
   * @param values as many as the array has elements
   * @returns a view of it
   * @throws {TypeError} if a value is of the wrong kind, or an arena is to hold what owns text or bytes
   * @throws {BadAllocError} if there is no room
   * @throws {RangeError} if a value or their number is out of range
   */
  make(
    allocator: BlockSource,
    values?: Iterable<FieldInit<Element>> | ArrayView<Element>,
  ): ArrayView<Element>;
}

/** A struct, as `struct()` defines it. Itself a field type: structs nest. */
export interface StructType<Fields> extends FieldType {
  /** Tells the field types apart. */
  readonly kind: "struct";
  /** The table that defines it. */
  readonly fields: Fields;
  /** Where each field begins, in bytes from the start of the struct. */
  readonly offsets: { readonly [Name in keyof Fields]: number };
  /** The class of its views, to be extended by getters and methods: see {@linkcode StructClass}. */
  readonly View: StructClass<Fields>;
  /**
   * A view of a struct that lies in memory, in any slice. Nothing is allocated there. O(1).
   *
   * @param source the segment, something over it such as an allocator, or another view of it
   * @param address where the struct begins
   * @returns the view
   * @throws {TypeError} if `source` or `address` is of the wrong kind
   * @throws {RangeError} if the address is null, misaligned, or the struct does not fit there
   */
  at(source: MemorySource, address: number): StructView<Fields>;
  /**
   * A view of no struct yet, to be moved by its `at()`: one object for a loop over many. Used before
   * that, it throws a TypeError. O(1).
   *
   * @param source the segment, something over it such as an allocator, or another view of it
   * @returns the view
   * @throws {TypeError} if `source` is of the wrong kind
   *
   * @example
   * ```ts
   * import { Allocator, f64, struct } from "@tidepool/core/allocator";
   * import { assertEquals, assertThrows } from "@std/assert";
   *
   * const Order = struct("Order", { price: f64 });
   * const segment = new SharedArrayBuffer(65536);
   * const allocator = Allocator.create(segment, [{ byteOffset: 0, byteLength: 65536 }], 0);
   * const addresses = [1, 2, 3].map((price) => Order.make(allocator, { price }).address);
   *
   * const order = Order.view(segment);
   * assertThrows(() => order.price, TypeError, "it has no block yet");
   * assertEquals(addresses.map((address) => order.at(address).price), [1, 2, 3]);
   * ```
   */
  view(source: MemorySource): StructView<Fields>;
  /**
   * Allocates a struct in the allocator's slice. Fields that `init` leaves out are zero, `false` or
   * empty. Whoever frees it calls {@linkcode freeStruct}, or frees its `address` if it owns no text or
   * bytes. O(bytes).
   *
   * @param allocator where to allocate: an allocator, or an arena
   * @param init values of fields, or a view of a struct to copy
   * @returns a view of it
   * @throws {TypeError} if `init` has another field, or a value is of the wrong kind; or if an arena is
   * to hold a struct that owns text or bytes
   * @throws {BadAllocError} if there is no room
   * @throws {RangeError} if a value is out of range
   */
  make(allocator: BlockSource, init?: StructInit<Fields> | StructView<Fields>): StructView<Fields>;
  /** Whether a value is a view of this struct: `view instanceof Point`. */
  [Symbol.hasInstance](value: unknown): value is StructView<Fields>;
}

/**
 * The class of the views of a struct. A class that extends it adds getters and methods to them, and is
 * a field type itself: it has `at()`, `view()` and `make()`, and can be nested, pointed to and put into
 * arrays. A field of the class' own belongs to one view, and is not in shared memory.
 *
 * @example
 * ```ts
 * import { Allocator, array, f64, struct, u32 } from "@tidepool/core/allocator";
 * import { assertEquals } from "@std/assert";
 *
 * class Order extends struct("Order", { price: f64, quantity: u32 }).View {
 *   get notional(): number {
 *     return this.price * this.quantity;
 *   }
 *   fill(quantity: number): void {
 *     this.quantity -= quantity;
 *   }
 * }
 * const Level = struct("Level", { orders: array(Order, 4) });
 *
 * const segment = new SharedArrayBuffer(65536);
 * const allocator = Allocator.create(segment, [{ byteOffset: 0, byteLength: 65536 }], 0);
 * const order: Order = Order.make(allocator, { price: 2.5, quantity: 4 });
 * order.fill(2);
 * assertEquals(Order.at(segment, order.address).notional, 5); // on any thread
 * const level = Level.make(allocator);
 * level.orders.set(1, order);
 * assertEquals(level.orders.get(1).notional, 5);
 * ```
 */
export interface StructClass<Fields> extends FieldType {
  /** For `extends`: views come from `at()`, `view()` and `make()`. */
  new (...internal: never): StructView<Fields>;
  /** Tells the field types apart. */
  readonly kind: "struct";
  /** The table that defines the struct. */
  readonly fields: Fields;
  /** Where each field begins, in bytes from the start of the struct. */
  readonly offsets: { readonly [Name in keyof Fields]: number };
  /** A view of a struct that lies in memory: see {@linkcode StructType.at}. */
  at<View>(this: new (...internal: never) => View, source: MemorySource, address: number): View;
  /** A view of no struct yet: see {@linkcode StructType.view}. */
  view<View>(this: new (...internal: never) => View, source: MemorySource): View;
  /** Allocates a struct: see {@linkcode StructType.make}. */
  make<View>(
    this: new (...internal: never) => View,
    allocator: BlockSource,
    init?: StructInit<Fields> | StructView<Fields>,
  ): View;
}

/** Members that views of structs have beside their fields, whose names are therefore taken. */
export interface StructMembers<Fields> {
  /** Where the struct is: bytes from the start of the segment. */
  readonly address: number;
  /**
   * Moves this view to another struct of the same type and segment. Costs a nanosecond or two.
   *
   * @param address where that struct begins
   * @returns this view
   * @throws {TypeError} if the address is not a number
   * @throws {RangeError} if the address is null, misaligned, or the struct does not fit there
   */
  at(address: number): this;
  /**
   * Writes the fields that are given, and leaves the others. Stops at the first that is refused.
   *
   * @param values values of fields, or another view, whose bytes are copied whole
   * @returns this view
   * @throws {TypeError} if there is no such field, or a value is of the wrong kind
   * @throws {RangeError} if a value is out of range
   */
  assign(values: StructInit<Fields> | StructView<Fields>): this;
  /**
   * A view of what a pointer of this struct points to.
   *
   * @param name the field
   * @returns a view, or `null` if the pointer is null
   * @throws {TypeError} if the field is not a pointer
   * @throws {RangeError} if what it points to cannot lie at that address
   */
  deref<Name extends keyof Fields>(name: Name): Target<Fields[Name]>;
  /** The fields as a plain object, nested ones too: a copy, for logs, comparisons and messages. */
  toJSON(): StructPlain<Fields>;
}

/** A view of a struct: its fields as properties. It holds no memory, only where to look. */
export type StructView<Fields> =
  & StructMembers<Fields>
  & { -readonly [Name in keyof Fields as Assignable<Fields, Name>]: FieldValue<Fields[Name]> }
  & {
    readonly [Name in keyof Fields as Exclude<Name, Assignable<Fields, Name>>]: FieldValue<
      Fields[Name]
    >;
  };

/** A view of an array. It holds no memory, only where to look. */
export interface ArrayView<Element> extends Iterable<FieldValue<Element>> {
  /** Where the array is: bytes from the start of the segment. */
  readonly address: number;
  /** How many elements it has. */
  readonly length: number;
  /**
   * A typed array over the same bytes, for elements that are numbers or bigints. It stays where it
   * is when this view moves. Making one costs some 25 ns; its elements then cost 1 ns each.
   *
   * @throws {TypeError} if the elements are of another kind
   */
  readonly elements: Element extends ScalarType<infer _Value, infer Elements> ? Elements
    : Element extends AtomicType<infer _Number, infer Elements> ? Elements
    : never;
  /**
   * An element: its value, or a view of it.
   *
   * @param index from 0
   * @returns the value; of a struct or an array, a view
   * @throws {RangeError} if there is no such element
   */
  get(index: number): FieldValue<Element>;
  /**
   * Writes an element.
   *
   * @param index from 0
   * @param value the value; for a struct, values of its fields
   * @throws {TypeError} if the value is of the wrong kind
   * @throws {RangeError} if there is no such element, or the value is out of range
   */
  set(index: number, value: FieldInit<Element>): void;
  /**
   * A view of what a pointer in this array points to.
   *
   * @param index from 0
   * @returns a view, or `null` if the pointer is null
   * @throws {TypeError} if the elements are no pointers
   * @throws {RangeError} if there is no such element, or what it points to cannot lie there
   */
  deref(index: number): Target<Element>;
  /**
   * Moves this view to another array of the same type and segment.
   *
   * @param address where that array begins
   * @returns this view
   * @throws {TypeError} if the address is not a number
   * @throws {RangeError} if the address is null, misaligned, or the array does not fit there
   */
  at(address: number): this;
  /**
   * Writes every element.
   *
   * @param values as many as the array has elements, or another view of the same type
   * @returns this view
   * @throws {TypeError} if they cannot be iterated, or a value is of the wrong kind
   * @throws {RangeError} if their number is another, or a value is out of range
   */
  assign(values: Iterable<FieldInit<Element>> | ArrayView<Element>): this;
  /** The elements as a plain array, nested ones too: a copy. */
  toJSON(): FieldPlain<Element>[];
}

/**
 * `Name` if the field of that name can be assigned to. Structs and arrays have `assign()`; text that is
 * not owned is given where it lies, by `assign()` of its struct.
 */
export type Assignable<Fields, Name extends keyof Fields> = Fields[Name] extends
  { readonly kind: "scalar" | "pointer" | "bytes" } | TextType<true> ? Name : never;

/** What reading a field of type `Type` gives. */
export type FieldValue<Type> = Type extends new (...internal: never) => infer View ? View
  : Type extends StructType<infer Fields> ? StructView<Fields>
  : Type extends UnionType<infer Members, infer IsTagged> ? UnionView<Members, IsTagged>
  : Type extends AtomicType<infer Value> ? AtomicField<Value>
  : Type extends FlagsType<infer Name> ? FlagsField<Name>
  : Type extends ArrayType<infer Element> ? ArrayView<Element>
  : Type extends PointerType<infer _Target> ? number
  : Type extends ScalarType<infer Value, infer _Elements> ? Value
  : Type extends TextType<boolean> ? string
  : Type extends BytesType ? Uint8Array
  : never;

/** What a field of type `Type` can be set to. */
export type FieldInit<Type> = Type extends StructType<infer Fields> | StructClass<infer Fields>
  ? StructInit<Fields> | StructView<Fields>
  : Type extends UnionType<infer Members, infer IsTagged>
    ? UnionInit<Members, IsTagged> | UnionView<Members, IsTagged>
  : Type extends AtomicType<infer Value> ? Value | AtomicField<Value>
  : Type extends FlagsType<infer Name> ? Parameters<FlagsField<Name>["assign"]>[0]
  : Type extends ArrayType<infer Element> ? Iterable<FieldInit<Element>> | ArrayView<Element>
  : Type extends TextType<infer IsOwned> ? IsOwned extends true ? string : Uint8Array
  : Type extends BytesType ? Uint8Array
  : FieldValue<Type>;

/** Values of some fields of a struct. */
export type StructInit<Fields> = { readonly [Name in keyof Fields]?: FieldInit<Fields[Name]> };

/** A field of type `Type` as plain data. */
export type FieldPlain<Type> = Type extends StructType<infer Fields> | StructClass<infer Fields>
  ? StructPlain<Fields>
  : Type extends UnionType<infer Members, infer IsTagged> ? UnionPlain<Members, IsTagged>
  : Type extends AtomicType<infer Value> ? Value
  : Type extends FlagsType<infer Name> ? Name[]
  : Type extends ArrayType<infer Element> ? FieldPlain<Element>[]
  : Type extends BytesType ? Uint8Array<ArrayBuffer>
  : FieldValue<Type>;

/** A struct as plain data. */
export type StructPlain<Fields> = { -readonly [Name in keyof Fields]: FieldPlain<Fields[Name]> };

/** What following a field of type `Type` gives: `never` if it is not a pointer. */
export type Target<Type> = Type extends PointerType<infer Pointee> ? FieldValue<Pointee> | null
  : never;

/** The view of a struct or array type: `ViewOf<typeof Point>`. */
export type ViewOf<Type> = FieldValue<Type>;
