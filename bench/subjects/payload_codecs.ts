/**
 * Codecs by themselves, in the comparison of payloads: a value to bytes and back on one thread.
 *
 * @module
 */
import { isDeepStrictEqual } from "node:util";
import { ValueCodec } from "../../shard/codec/mod.ts";
import type { Trial } from "../comparison.ts";
import { json, v8Format } from "../peers/payload_formats.ts";
import type { Format } from "../peers/payload_peer.ts";
import { TIDEPOOL } from "../report.ts";
import { VALUES } from "./payload_values.ts";

type RoundTrip = (value: unknown) => unknown;
type OpenCodec = () => RoundTrip | Promise<RoundTrip>;

const CODECS: ReadonlyMap<string, OpenCodec> = new Map<string, OpenCodec>([
  [TIDEPOOL, openOwn],
  ["JSON", () => roundTripOf(json)],
  ["msgpackr", async () => {
    const { msgpackrOf, structuresOf } = await import("../peers/payload_msgpackr.ts");
    return roundTripOf(msgpackrOf(structuresOf([...VALUES.values()])));
  }],
  ["v8.serialize", () => roundTripOf(v8Format)],
  ["structuredClone", () => structuredClone],
]);

/** Trials of every codec with every value. @param sampleMs how long a sample takes */
export function codecTrials(sampleMs: number): Trial[] {
  return [...VALUES].flatMap(([kind, value]) =>
    [...CODECS].map(([name, open]): Trial => {
      let roundTrip: RoundTrip | undefined;
      return {
        name,
        measure: `${kind}, encoded and decoded`,
        unit: "µs",
        sample: async () => {
          roundTrip ??= await openVerified(open, value);
          return microsecondsOf(roundTrip, value, sampleMs);
        },
      };
    })
  );
}

/** What arrives otherwise than it was sent has no time. */
export function assertArrives(sent: unknown, received: unknown): void {
  if (!isDeepStrictEqual(received, sent)) throw new Error("It does not arrive as it was");
}

async function openVerified(open: OpenCodec, value: unknown): Promise<RoundTrip> {
  const roundTrip = await open();
  assertArrives(value, roundTrip(value));
  return roundTrip;
}

function openOwn(): RoundTrip {
  const codec = new ValueCodec([]);
  const name = (index: number) => `values[${index}]`;
  return (value) => codec.decode(codec.encode([value], name, []))[0];
}

function roundTripOf<Encoded extends string | Uint8Array>(format: Format<Encoded>): RoundTrip {
  return (value) => format.decode(format.encode(value));
}

function microsecondsOf(roundTrip: RoundTrip, value: unknown, sampleMs: number): number {
  let times = 0;
  const begin = performance.now();
  do {
    for (let turn = 0; turn < 4; turn++) roundTrip(value);
    times += 4;
  } while (performance.now() - begin < sampleMs);
  return (performance.now() - begin) * 1e3 / times;
}
