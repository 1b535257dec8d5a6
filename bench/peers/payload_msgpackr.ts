// deno-lint-ignore-file no-import-prefix -- fetched by who compares, not by everyone
/**
 * `npm:msgpackr` with records: an object is the number of its structure and its values. Both ends
 * know the structures beforehand, as is fastest: none is written into a message.
 *
 * @module
 */
import { Packr } from "npm:msgpackr@2.1.3";
import { plainBytes } from "./payload_formats.ts";
import type { Format } from "./payload_peer.ts";

/** The keys of each structure, in the order of their numbers. */
export type Structures = readonly (readonly string[])[];

/** The structures of all objects in these values. */
export function structuresOf(values: readonly unknown[]): Structures {
  const structures: string[][] = [];
  const packr = new Packr({ moreTypes: true, useRecords: true, structures });
  for (const value of values) packr.pack(value);
  return structures.map((keys) => [...keys]);
}

/** The format of a thread that knows these structures. */
export function msgpackrOf(structures: Structures): Format<Uint8Array> {
  const packr = new Packr({
    moreTypes: true,
    useRecords: true,
    structures: structures.map((keys) => [...keys]),
  });
  return {
    encode: (value) => plainBytes(packr.pack(value)),
    decode: (bytes) => packr.unpack(bytes),
  };
}
