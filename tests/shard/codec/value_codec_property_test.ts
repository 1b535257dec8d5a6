/**
 * Random messages against structured clone, which is the oracle for all that the two share.
 *
 * What this does not cover: errors and wire types, on which structured clone differs or is silent;
 * value_codec_errors_test.ts and value_codec_test.ts have their cases.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { ValueCodec } from "../../../shard/codec/value_codec.ts";
import { checkProperty } from "../../harness/seeded_random.ts";
import { difference } from "./same_graph.ts";

const anything = fc.anything({
  maxDepth: 4,
  key: fc.oneof(fc.string({ unit: "binary", maxLength: 80 }), fc.constantFrom("a", "__proto__")),
  values: [
    fc.integer(),
    fc.double(),
    fc.boolean(),
    fc.bigInt(),
    fc.constantFrom<unknown>(null, undefined, -0, 127, 128, -1, 2 ** 31, -(2 ** 31)),
    fc.string({ unit: "binary", maxLength: 300 }),
    fc.array(fc.nat(0xffff), { maxLength: 250 }).map((codes) => String.fromCharCode(...codes)),
    fc.array(fc.nat(0xff), { maxLength: 250 }).map((codes) => String.fromCharCode(...codes)),
    fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
  ],
  withBoxedValues: true,
  withDate: true,
  withMap: true,
  withSet: true,
  withNullPrototype: true,
  withObjectString: true,
  withSparseArray: true,
  withTypedArray: true,
});

const encoder = new ValueCodec([]);
const decoder = new ValueCodec([]);

function encode(values: readonly unknown[]): Uint8Array {
  return encoder.encode(values, (index) => `arguments[${index}]`, []).slice();
}

Deno.test("ValueCodec.decode() gives what structured clone gives for random messages", () => {
  checkProperty(
    fc.property(fc.array(anything, { maxLength: 4 }), (values) => {
      assertEquals(difference(decoder.decode(encode(values)), structuredClone(values)), "");
    }),
    2000,
  );
});

/** A graph by its edges: node i is an object of a kind, with fields that are nodes again. */
const graph = fc.array(
  fc.record({ kind: fc.nat(3), edges: fc.array(fc.nat(), { maxLength: 5 }) }),
  { minLength: 1, maxLength: 60 },
);

Deno.test("ValueCodec.decode() keeps cycles and shared references of random graphs", () => {
  checkProperty(
    fc.property(graph, (nodes) => {
      const made = nodes.map(({ kind }) => [{}, [], new Map(), new Set()][kind]!);
      nodes.forEach(({ edges }, i) => {
        edges.forEach((edge, k) => {
          const from = made[i];
          const to = made[edge % made.length]!;
          if (Array.isArray(from)) from.push(to);
          else if (from instanceof Map) from.set(k % 2 === 0 ? k : to, to);
          else if (from instanceof Set) from.add(to);
          else Object.assign(from!, { [`edge${k}`]: to });
        });
      });
      assertEquals(difference(decoder.decode(encode(made)), structuredClone(made)), "");
    }),
    500,
  );
});

Deno.test("ValueCodec.decode() refuses every beginning of a message with a RangeError", () => {
  checkProperty(
    fc.property(anything, (value) => {
      const bytes = encode([value]);
      const step = Math.ceil(bytes.length / 200);
      for (let length = 0; length < bytes.length; length += step) {
        const thrown = thrownBy(() => decoder.decode(bytes.subarray(0, length)));
        assert(thrown instanceof RangeError, `${length} of ${bytes.length} bytes: ${thrown}`);
      }
    }),
    300,
  );
});

Deno.test("ValueCodec.decode() meets damaged bytes with a value or an error, and works on", () => {
  const probe = [{ again: [1, "two", { again: 3 }] }];
  checkProperty(
    fc.property(anything, fc.nat(), fc.nat(0xff), (value, where, what) => {
      const bytes = encode([value]);
      bytes[where % bytes.length] = what;
      const thrown = thrownBy(() => decoder.decode(bytes));
      assert(
        thrown === undefined || thrown instanceof RangeError || thrown instanceof TypeError ||
          thrown instanceof SyntaxError,
        String(thrown),
      );
      assertEquals(difference(decoder.decode(encode(probe)), probe), "");
    }),
    2000,
  );
});

Deno.test("ValueCodec.decode() returns nothing that refers to the bytes", () => {
  checkProperty(
    fc.property(anything, (value) => {
      const shared = new Uint8Array(new SharedArrayBuffer(1 << 16)).subarray(8);
      const bytes = encode([value]);
      fc.pre(bytes.length <= shared.length);
      shared.set(bytes);
      const decoded = decoder.decode(shared.subarray(0, bytes.length));
      shared.fill(0xff);
      assertEquals(difference(decoded, structuredClone([value])), "");
    }),
    500,
  );
});

function thrownBy(run: () => unknown): unknown {
  try {
    run();
    return undefined;
  } catch (error) {
    return error;
  }
}
