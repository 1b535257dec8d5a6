/**
 * Structs in shared memory: a table of fields makes a type, and its views read and write the fields
 * as properties, from any thread that has the segment. Laid out as a C compiler would; there is no
 * counterpart in Seastar, where C++ itself does this.
 *
 * @module
 */
import type { BlockSource } from "../malloc/mod.ts";
import type { SegmentArrays } from "../memory/mod.ts";
import { copyBytes, copyValue } from "./copy_value.ts";
import { layOut } from "./c_layout.ts";
import { describe } from "./describe.ts";
import type { StructType } from "./field_type.ts";
import { accessors, fieldsOf, plainFields, typeOfShape } from "./view_class.ts";
import { ADDRESS, ARRAYS, type ViewState } from "./view_memory.ts";

/**
 * Defines a struct.
 *
 * The layout is C's: fields in order, each aligned to its own size, the whole padded to the largest.
 * Order fields from large to small to save padding.
 *
 * @param name of the struct, for errors and logs
 * @param fields type of each field by name. A pointer to the struct itself, or to one further down,
 * is given by a getter: see {@linkcode pointer}.
 * @returns the type, with `at()` to view one in memory and `make()` to allocate one
 * @throws {TypeError} if a field is of no known type or its name cannot be used, or there is none
 *
 * @example
 * ```ts
 * import { Allocator, f64, i32, struct } from "@tidepool/core/allocator";
 * import { assertEquals } from "@std/assert";
 *
 * const Point = struct("Point", { x: f64, y: f64, id: i32 });
 *
 * const segment = new SharedArrayBuffer(65536);
 * const allocator = Allocator.create(segment, [{ byteOffset: 0, byteLength: 65536 }], 0);
 * const point = Point.make(allocator, { x: 1, id: 7 });
 * point.x += 1;
 *
 * // On any thread that has the segment and the address:
 * assertEquals(Point.at(segment, point.address).toJSON(), { x: 2, y: 0, id: 7 });
 * allocator.free(point.address);
 * ```
 */
export function struct<Fields extends object>(name: string, fields: Fields): StructType<Fields> {
  // Fields is any object, as only so can the getter of a field refer to the struct being defined.
  const types = fieldsOf("struct", name, fields, "field");
  const layout = layOut([...types]);
  const { offsets, byteLength } = layout;
  const owners = [...types].filter(([, type]) => type.release !== undefined);
  const release = owners.length === 0
    ? undefined
    : (arrays: SegmentArrays, address: number, source: BlockSource) => {
      for (const [field, type] of owners) type.release!(arrays, address + offsets[field]!, source);
    };

  function copy(from: ViewState, arrays: SegmentArrays, address: number): void {
    if (release === undefined) {
      copyBytes(from, from[ADDRESS], arrays, address, byteLength);
      return;
    }
    for (const [field, type] of types) {
      const offset = offsets[field]!;
      copyValue(type, from, from[ADDRESS] + offset, arrays, address + offset, `${name}.${field}`);
    }
  }

  function fill(arrays: SegmentArrays, address: number, values: unknown): void {
    if (typeof values !== "object" || values === null || ARRAYS in values) {
      throw new TypeError(
        `Cannot fill ${name} from ${
          describe(values)
        }: expected an object of its fields, or a view of one`,
      );
    }
    for (const [field, value] of Object.entries(values)) {
      const type = types.get(field);
      if (type === undefined) {
        throw new TypeError(`Cannot store ${name}.${field}: there is no such field`);
      }
      type.write(arrays, address + offsets[field]!, value, `${name}.${field}`);
    }
  }

  const type = typeOfShape({
    kind: "struct",
    name,
    fields,
    types,
    ...layout,
    release,
    accessors: (field, type) => accessors(type, offsets[field]!, `${name}.${field}`),
    fill,
    copy,
    plain: (arrays, address) => plainFields(types, offsets, arrays, address),
  });
  // The accessors are defined from the table, which TypeScript follows in the interface alone.
  return type as StructType<Fields>;
}
