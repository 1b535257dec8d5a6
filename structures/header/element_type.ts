/**
 * What may lie in a structure: types whose bytes are all of the value, so that a copy of them is one.
 *
 * @module
 */

import type { ArrayType, FieldType, FlagsType, StructType } from "../../allocator/mod.ts";
import { classNameOf } from "../../shard/unstable_layers.ts";

/** The kinds of field types whose bytes are all of the value. */
const WHOLE_KINDS: readonly string[] = ["scalar", "pointer", "flags", "array", "struct", "union"];

/** A type as text, with all that two sides must agree on: "Quote { bid: f64, ask: f64 }". */
export function describeType(type: FieldType): string {
  if (type.kind === "array") {
    const { element, length } = type as ArrayType<FieldType>;
    return `array(${describeType(element)}, ${length})`;
  }
  if (type.kind === "flags") return `${type.name}: ${(type as FlagsType<string>).names.join(", ")}`;
  if (type.kind !== "struct" && type.kind !== "union") return type.name;
  const { fields } = type as StructType<Record<string, FieldType>>;
  const described = Object.entries(fields).map(([name, field]) =>
    `${name}: ${describeType(field)}`
  );
  return `${type.name} { ${described.join(type.kind === "struct" ? ", " : " | ")} }`;
}

/** Throws unless `name` can name a structure. */
export function checkName(what: string, name: unknown): void {
  if (typeof name === "string" && name !== "") return;
  throw new TypeError(`Cannot define a ${what} named ${kindOf(name)}: expected a name`);
}

/** Throws unless a structure can hold values of the type. */
export function checkElement(what: string, name: string, type: unknown): void {
  const start = `Cannot define ${what} ${name}`;
  const { kind } = Object(type) as Partial<FieldType>;
  if (kind === undefined || !("byteLength" in Object(type))) {
    throw new TypeError(
      `${start} of ${kindOf(type)}: expected a field type such as f64, or a struct`,
    );
  }
  const field = type as FieldType;
  if (WHOLE_KINDS.includes(field.kind) && field.release === undefined) return;
  throw new TypeError(
    `${start} of ${field.name}: its text or bytes would lie in blocks of their own, expected string(n) or array(u8, n)`,
  );
}

/** What a value is, for messages. */
export function kindOf(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === "string") return JSON.stringify(value.slice(0, 40));
  if (typeof value === "object") return `an object of class ${classNameOf(value)}`;
  return `a value of type ${typeof value}`;
}
