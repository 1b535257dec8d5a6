/**
 * Random commands of the binary protocol: see random_text.ts.
 *
 * @module
 */

import * as fc from "fast-check";
import { type BinaryRequest, fourBytes } from "./client.ts";
import { key, longValue, value as shortValue } from "./random_text.ts";

const value = fc.oneof(
  { weight: 8, arbitrary: shortValue },
  { weight: 1, arbitrary: longValue },
);

/** A request, without its opaque. */
export interface BinaryCommand {
  readonly request: BinaryRequest;
  /** The version that the key was last seen with, and a little more or less; undefined for none. */
  readonly version: number | undefined;
  readonly closes: boolean;
}

const LOUD = {
  get: [0x00, 0x0c],
  set: [0x01, 0x02, 0x03],
  join: [0x0e, 0x0f],
  count: [0x05, 0x06],
};
const QUIET = {
  get: [0x09, 0x0d],
  set: [0x11, 0x12, 0x13],
  join: [0x19, 0x1a],
  count: [0x15, 0x16],
};

function opcode(kind: keyof typeof LOUD): fc.Arbitrary<number> {
  return fc.constantFrom(...LOUD[kind], ...LOUD[kind], ...QUIET[kind]);
}

const expiry = fc.constantFrom(0, 0, 0, 1000, 5000, 2_592_001, 0xffffffff);
const flags = fc.constantFrom(0, 0, 5, 0xffffffff);
const version = fc.constantFrom(undefined, undefined, undefined, 0, 0, -1, 1_000_000);
const number = fc.constantFrom([0, 1], [0, 9], [0, 10], [0, 100], [1, 0]);

function binary(
  request: BinaryRequest,
  version: number | undefined = undefined,
  closes = false,
): BinaryCommand {
  return { request, version, closes };
}

const valid: fc.Arbitrary<BinaryCommand> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.tuple(opcode("get"), key).map(([opcode, key]) => binary({ opcode, key })),
  },
  {
    weight: 8,
    arbitrary: fc.tuple(opcode("set"), key, flags, expiry, value, version)
      .map(([opcode, key, flags, expiry, value, version]) =>
        binary({ opcode, key, value, extras: [...fourBytes(flags), ...fourBytes(expiry)] }, version)
      ),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(opcode("join"), key, value, version).map(([opcode, key, value, version]) =>
      binary({ opcode, key, value }, version)
    ),
  },
  {
    weight: 5,
    arbitrary: fc.tuple(
      opcode("count"),
      fc.constantFrom("n", "m", "a"),
      number,
      number,
      fc.constantFrom(0, 1000, 0xffffffff),
      version,
    ).map(([opcode, key, delta, initial, expiry, version]) =>
      binary(
        { opcode, key, extras: [...delta, ...initial, expiry].flatMap(fourBytes) },
        version,
      )
    ),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(fc.constantFrom(0x04, 0x14), key, version).map(([opcode, key, version]) =>
      binary({ opcode, key }, version)
    ),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(fc.constantFrom(0x1c, 0x1d, 0x1e, 0x23, 0x24), key, expiry)
      .map(([opcode, key, expiry]) => binary({ opcode, key, extras: fourBytes(expiry) })),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom<BinaryRequest>(
      { opcode: 0x08 },
      { opcode: 0x18 },
      { opcode: 0x08, extras: fourBytes(0) },
      { opcode: 0x0a },
      { opcode: 0x0b },
      { opcode: 0x20 },
      { opcode: 0x77 },
      { opcode: 0x99, value: "passed over" },
      { opcode: 0x21, key: "PLAIN", value: "secret" },
    ).map((request) => binary(request)),
  },
);

/** What is so wrong that the server closes the connection. */
const closing: fc.Arbitrary<BinaryCommand> = fc.constantFrom<BinaryRequest>(
  { opcode: 0x07 },
  { opcode: 0x17 },
  { opcode: 0x07, key: "x" },
  { opcode: 0x00 },
  { opcode: 0x00, key: "k".repeat(251) },
  { opcode: 0x00, key: "a", extras: [1] },
  { opcode: 0x09, key: "a", value: "x" },
  { opcode: 0x01, key: "a", extras: fourBytes(0), value: "x" },
  { opcode: 0x01, extras: [...fourBytes(0), ...fourBytes(0)], value: "x" },
  { opcode: 0x04, key: "a", extras: fourBytes(0) },
  { opcode: 0x05, key: "a" },
  { opcode: 0x0e, key: "a", extras: fourBytes(0), value: "x" },
  { opcode: 0x0a, key: "a" },
  { opcode: 0x0b, value: "x" },
  { opcode: 0x08, key: "a" },
  { opcode: 0x1c, key: "a" },
  { opcode: 0x20, key: "x" },
  { opcode: 0x21 },
).map((request) => binary(request, undefined, true));

/** A command. */
export const binaryCommand: fc.Arbitrary<BinaryCommand> = fc.oneof(
  { weight: 80, arbitrary: valid },
  { weight: 1, arbitrary: closing },
);
