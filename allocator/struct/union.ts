/**
 * Unions: several fields in the same bytes, as in C. One by itself is C's `union`; one with a tag is
 * what C programs write around it: a struct of a number, which says what the bytes are at present,
 * and the union.
 *
 * @module
 */
import type { BlockSource } from "../malloc/mod.ts";
import type { SegmentArrays } from "../memory/mod.ts";
import { layOut, layOver, type StructLayout } from "./c_layout.ts";
import { copyBytes, plainOf } from "./copy_value.ts";
import { describe } from "./describe.ts";
import type {
  Assignable,
  FieldInit,
  FieldPlain,
  FieldType,
  FieldValue,
  ScalarType,
  Target,
} from "./field_type.ts";
import { i16, i32, i8, u16, u32, u8 } from "./scalar.ts";
import { accessors, fieldsOf, isAssigned, typeOfShape } from "./view_class.ts";
import * as memory from "./view_memory.ts";
import type { MemorySource, ViewState } from "./view_memory.ts";

// Copies, as V8 knows no imported binding to be constant: see view_class.ts.
const ARRAYS: typeof memory.ARRAYS = memory.ARRAYS;
const ADDRESS: typeof memory.ADDRESS = memory.ADDRESS;

/** The types that a tag can have. */
const TAG_TYPES: readonly unknown[] = [u8, u16, u32, i8, i16, i32];

/** A union, as `union()` defines it. Itself a field type. */
export interface UnionType<Members, IsTagged extends boolean> extends FieldType {
  /** Tells the field types apart. */
  readonly kind: "union";
  /** The table that defines it. */
  readonly fields: Members;
  /** Where each member begins, in bytes from the start: 0, or behind the tag. */
  readonly offsets: { readonly [Name in keyof Members]: number };
  /** A view of a union that lies in memory: see {@linkcode StructType.at}. */
  at(source: MemorySource, address: number): UnionView<Members, IsTagged>;
  /** A view of no union yet: see {@linkcode StructType.view}. */
  view(source: MemorySource): UnionView<Members, IsTagged>;
  /** Allocates a union, zeros or of one member: see {@linkcode StructType.make}. */
  make(
    allocator: BlockSource,
    init?: UnionInit<Members, IsTagged> | UnionView<Members, IsTagged>,
  ): UnionView<Members, IsTagged>;
  /** Whether a value is a view of this union. */
  [Symbol.hasInstance](value: unknown): value is UnionView<Members, IsTagged>;
}

/** A view of a union: its members as properties. Reading one that is not there throws, with a tag. */
export type UnionView<Members, IsTagged extends boolean> =
  & {
    /** Where the union is: bytes from the start of the segment. */
    readonly address: number;
    /** Moves this view to another union of the same type and segment: see {@linkcode StructMembers.at}. */
    at(address: number): UnionView<Members, IsTagged>;
    /**
     * Writes one member. With a tag, a member that was not there begins as zeros.
     *
     * @param values an object of one member, or another view, whose bytes are copied whole; without a
     * tag also the bytes that `toJSON()` gives
     * @returns this view
     * @throws {TypeError} if it is not one member, or a value is of the wrong kind
     * @throws {RangeError} if a value is out of range
     */
    assign(
      values: UnionInit<Members, IsTagged> | UnionView<Members, IsTagged>,
    ): UnionView<Members, IsTagged>;
    /** A view of what a pointer of this union points to: see {@linkcode StructMembers.deref}. */
    deref<Name extends keyof Members>(name: Name): Target<Members[Name]>;
    /**
     * A copy as plain data: with a tag an object of the member that is there, without one the bytes, as
     * nothing says what they are.
     */
    toJSON(): UnionPlain<Members, IsTagged>;
  }
  & { -readonly [Name in keyof Members as Assignable<Members, Name>]: FieldValue<Members[Name]> }
  & {
    readonly [Name in keyof Members as Exclude<Name, Assignable<Members, Name>>]: FieldValue<
      Members[Name]
    >;
  }
  & (IsTagged extends true ? {
      /** The member that is there. Setting another makes it that, of zeros. */
      tag: keyof Members;
    }
    : unknown);

/** One member of a union. */
export type UnionInit<Members, IsTagged extends boolean> =
  | {
    [Name in keyof Members]:
      & { readonly [Given in Name]: FieldInit<Members[Name]> }
      & { readonly [Other in Exclude<keyof Members, Name>]?: never };
  }[keyof Members]
  | (IsTagged extends true ? never : Uint8Array);

/** A union as plain data. */
export type UnionPlain<Members, IsTagged extends boolean> = IsTagged extends true ? {
    [Name in keyof Members]: { [There in Name]: FieldPlain<Members[Name]> };
  }[keyof Members]
  : Uint8Array<ArrayBuffer>;

/**
 * Defines a union: members that lie in the same bytes.
 *
 * The layout is C's. With a tag it is that of `struct { tag; union { … }; }`, and the tag that of an
 * `enum` with the members in order. Memory that is zero holds the first member.
 *
 * @param name of the union, for errors and logs
 * @param members type of each member by name. What owns a block cannot be one, as the union would not
 * know whether to free it.
 * @param options the type of its tag: `u8`, `u16`, `u32`, `i8`, `i16` or `i32`; without one, the program
 * knows what the bytes are
 * @returns the type: of a field, with `at()` to view one in memory and `make()` to allocate one
 * @throws {TypeError} if a member is of no known type, owns a block, or its name cannot be used
 *
 * @example
 * ```ts
 * import { Allocator, f64, struct, u32, u8, union } from "@tidepool/core/allocator";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * const Order = struct("Order", { price: f64, quantity: u32 });
 * const Cancel = struct("Cancel", { order: u32 });
 * const Command = union("Command", { order: Order, cancel: Cancel }, { tag: u8 });
 * const Entry = struct("Entry", { sequence: u32, command: Command });
 *
 * const segment = new SharedArrayBuffer(65536);
 * const allocator = Allocator.create(segment, [{ byteOffset: 0, byteLength: 65536 }], 0);
 * const entry = Entry.make(allocator, { command: { order: { price: 2.5, quantity: 4 } } });
 * const { command } = entry;
 * assertEquals([command.tag, command.order.price], ["order", 2.5]);
 * command.assign({ cancel: { order: 7 } });
 * assertThrows(() => command.order, TypeError, "it holds cancel");
 * assertEquals(entry.toJSON(), { sequence: 0, command: { cancel: { order: 7 } } });
 * ```
 */
export function union<Members extends object>(
  name: string,
  members: Members,
  options: { readonly tag: ScalarType<number, unknown> },
): UnionType<Members, true>;
/** Defines a union without a tag. */
export function union<Members extends object>(
  name: string,
  members: Members,
): UnionType<Members, false>;
export function union(
  name: string,
  members: object,
  options?: { readonly tag?: unknown },
): UnionType<object, boolean> {
  const types = fieldsOf("union", name, members, "member");
  const tagType = tagOf(name, options, types);
  for (const [member, type] of types) {
    if (type.release === undefined) continue;
    throw new TypeError(
      `Cannot define ${name}.${member}: a union cannot own text or bytes, as it does not know whether ` +
        "they are there; put them beside it, or let them be { owned: false }",
    );
  }
  const shared = layOver([...types.values()]);
  const { layout, start } = tagType === undefined
    ? { layout: shared, start: 0 }
    : layOutTagged(tagType, shared);
  const offsets = Object.freeze(
    Object.fromEntries([...types.keys()].map((member) => [member, start])),
  );
  const { byteLength } = layout;
  const copy = (from: ViewState, arrays: SegmentArrays, address: number) =>
    copyBytes(from, from[ADDRESS], arrays, address, byteLength);
  const common = { kind: "union", name, fields: members, types, ...layout, offsets, copy } as const;
  const shape = { ...common, release: undefined };
  const type = tagType === undefined
    ? typeOfShape({
      ...shape,
      accessors: (member, memberType) => accessors(memberType, 0, `${name}.${member}`),
      fill(arrays, address, values) {
        if (values instanceof Uint8Array) {
          if (values.byteLength !== byteLength) {
            throw new RangeError(
              `Cannot fill ${name} from ${values.byteLength} bytes: expected ${byteLength}`,
            );
          }
          arrays.u8.set(values, address);
          return;
        }
        const [member, type, value] = oneMember(name, types, values);
        type.write(arrays, address, value, `${name}.${member}`);
      },
      plain: (arrays, address) => arrays.u8.slice(address, address + byteLength),
    })
    : typeOfShape({ ...shape, ...tagged(name, types, tagType, start, byteLength) });
  // The accessors are defined from the table, which TypeScript follows in the interface alone.
  return type as unknown as UnionType<object, boolean>;
}

/** The type of the tag, if there is one. */
function tagOf(
  name: string,
  options: { readonly tag?: unknown } | undefined,
  types: ReadonlyMap<string, FieldType>,
): ScalarType<number, unknown> | undefined {
  const tag: unknown = typeof options === "object" && options !== null ? options.tag : options;
  if (options === undefined) return undefined;
  if (!TAG_TYPES.includes(tag)) {
    const found = typeof tag === "object" && tag !== null ? (tag as FieldType).name : tag;
    throw new TypeError(
      `Cannot define union ${name} with a tag of ${describe(found)}: ` +
        "expected u8, u16, u32, i8, i16 or i32",
    );
  }
  if (types.has("tag")) {
    throw new TypeError(`Cannot define ${name}.tag: every view has a member of that name`);
  }
  const type = tag as ScalarType<number, unknown>;
  const most = 2 ** (type.byteLength * 8 - (type.name.startsWith("i") ? 1 : 0));
  if (types.size > most) {
    throw new RangeError(
      `Cannot define union ${name} of ${types.size} members: its tag, ${type.name}, tells ${most} apart`,
    );
  }
  return type;
}

/** Where a tag and the bytes behind it lie. */
function layOutTagged(
  tag: FieldType,
  shared: StructLayout,
): { readonly layout: StructLayout; readonly start: number } {
  const { byteLength, alignment } = shared;
  const layout = layOut([["tag", tag], ["value", { ...tag, byteLength, alignment }]]);
  return { layout, start: layout.offsets["value"]! };
}

/** The one member that an object gives. */
function oneMember(
  name: string,
  types: ReadonlyMap<string, FieldType>,
  values: unknown,
): readonly [string, FieldType, unknown] {
  if (typeof values !== "object" || values === null || ARRAYS in values) {
    throw new TypeError(
      `Cannot fill ${name} from ${
        describe(values)
      }: expected an object of one of its members, or a view of one`,
    );
  }
  const entries = Object.entries(values);
  if (entries.length !== 1) {
    throw new TypeError(`Cannot fill ${name} from ${entries.length} members: expected one`);
  }
  const [[member, value]] = entries as [[string, unknown]];
  const type = types.get(member);
  if (type === undefined) {
    throw new TypeError(`Cannot store ${name}.${member}: there is no such member`);
  }
  return [member, type, value];
}

/** What a union with a tag does otherwise. */
function tagged(
  name: string,
  types: ReadonlyMap<string, FieldType>,
  tagType: ScalarType<number, unknown>,
  start: number,
  byteLength: number,
) {
  const names = [...types.keys()];
  const { read: readTag, write: writeTag } = tagType;
  const numbers = new Map(names.map((member, number) => [member, number]));

  function memberAt(arrays: SegmentArrays, address: number): string {
    const number = readTag(arrays, address);
    const member = names[number];
    if (member !== undefined) return member;
    const known = names.map((each, index) => `${index} (${each})`).join(", ");
    throw new RangeError(`Cannot read the tag of ${name}: it is ${number}, expected ${known}`);
  }

  /** Makes it hold a member: as it is if it does so already, else zeros. */
  function become(arrays: SegmentArrays, address: number, member: string): void {
    const number = numbers.get(member)!;
    if (readTag(arrays, address) === number) return;
    arrays.u8.fill(0, address + start, address + byteLength);
    writeTag(arrays, address, number, name);
  }

  function checkMember(arrays: SegmentArrays, address: number, member: string): void {
    if (readTag(arrays, address) === numbers.get(member)) return;
    const there = memberAt(arrays, address);
    throw new TypeError(`Cannot read ${name}.${member}: it holds ${there}`);
  }

  return {
    check: checkMember,
    tag: {
      get(this: ViewState): string {
        return memberAt(this[ARRAYS], this[ADDRESS]);
      },
      set(this: ViewState, member: unknown): void {
        if (!numbers.has(member as string)) {
          throw new TypeError(
            `Cannot store ${describe(member)} in the tag of ${name}: expected one of ${
              names.join(", ")
            }`,
          );
        }
        become(this[ARRAYS], this[ADDRESS], member as string);
      },
    },
    accessors(member: string, type: FieldType): PropertyDescriptor {
      const { read, write } = type;
      const offset = start;
      const number = numbers.get(member)!;
      const place = `${name}.${member}`;
      const used = start + type.byteLength;
      const descriptor: PropertyDescriptor = {
        enumerable: true,
        get(this: ViewState): unknown {
          const address = this[ADDRESS];
          if (readTag(this[ARRAYS], +address) !== number) {
            checkMember(this[ARRAYS], address, member);
          }
          return read(this[ARRAYS], address + offset);
        },
      };
      if (isAssigned(type)) {
        descriptor.set = function (this: ViewState, value: unknown): void {
          const arrays = this[ARRAYS];
          const address = +this[ADDRESS];
          write(arrays, address + offset, value, place); // refused before anything is lost
          if (readTag(arrays, address) === number) return;
          arrays.u8.fill(0, address + used, address + byteLength);
          writeTag(arrays, address, number, place);
        };
      }
      return descriptor;
    },
    fill(arrays: SegmentArrays, address: number, values: unknown): void {
      const [member, type, value] = oneMember(name, types, values);
      become(arrays, address, member);
      type.write(arrays, address + start, value, `${name}.${member}`);
    },
    plain(arrays: SegmentArrays, address: number): unknown {
      const member = memberAt(arrays, address);
      return { [member]: plainOf(types.get(member)!.read(arrays, address + start)) };
    },
  };
}
