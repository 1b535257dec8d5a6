/**
 * Text in shared memory, in the comparison of payloads: read and written by the library, and by what
 * a program does with the platform alone.
 *
 * @module
 */
import { Allocator } from "@tidepool/core/allocator";
import { find, type Measurement, type Ratio, ratioOf, type Trial } from "../comparison.ts";
import { TIDEPOOL } from "../report.ts";

const TEXT_BYTES = 240;
const TEXT = "GET /api/orders/48213 HTTP/1.1 ".repeat(8).slice(0, TEXT_BYTES);

const READ = `text of ${TEXT_BYTES} bytes, read from a slice`;
const WRITE = `text of ${TEXT_BYTES} bytes, written to a slice`;
const OWN_BYTES = "TextDecoder, own bytes";
const SHARED_BYTES = "TextDecoder, shared bytes";
const ENCODE_INTO = "encodeInto, shared bytes";

/** Trials of reading and writing one text. @param sampleMs how long a sample takes */
export function textTrials(sampleMs: number): Trial[] {
  const segment = new SharedArrayBuffer(65_536);
  const allocator = Allocator.create(segment, [{ byteOffset: 0, byteLength: 65_536 }], 0);
  const { read, write } = textIn(allocator);
  const shared = new Uint8Array(segment, allocator.malloc(TEXT_BYTES), TEXT_BYTES);
  const own = new Uint8Array(TEXT_BYTES);
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  encoder.encodeInto(TEXT, own);
  encoder.encodeInto(TEXT, shared);
  write(TEXT);
  const trial = (measure: string, name: string, once: () => void, seen: () => string): Trial => ({
    name,
    measure,
    unit: "ns",
    sample: () => {
      const nanoseconds = nanosecondsOf(once, sampleMs);
      if (seen() !== TEXT) throw new Error(`It takes "${TEXT}" for "${seen()}"`);
      return nanoseconds;
    },
  });
  const reader = (name: string, read: () => string): Trial => {
    let latest = "";
    return trial(READ, name, () => latest = read(), () => latest);
  };
  return [
    reader(TIDEPOOL, read),
    reader(OWN_BYTES, () => decoder.decode(own)),
    reader(SHARED_BYTES, () => decoder.decode(shared)),
    trial(WRITE, TIDEPOOL, () => write(TEXT), read),
    trial(WRITE, ENCODE_INTO, () => encoder.encodeInto(TEXT, shared), () => {
      return decoder.decode(shared);
    }),
  ];
}

/** The library's way to keep one text in a slice: what a line of a request is read into. */
function textIn(allocator: Allocator): { read: () => string; write: (text: string) => void } {
  const room = 256;
  const address = allocator.malloc(room);
  let byteLength = 0;
  return {
    read: () => allocator.readText(address, byteLength),
    write: (text) => {
      byteLength = allocator.writeText(address, room, text);
    },
  };
}

/** Ratios of what `textTrials()` measured. */
export function textRatios(measurements: readonly Measurement[]): Record<string, Ratio> {
  const versus = (measure: string, peer: string) =>
    ratioOf([{
      dividend: find(measurements, TIDEPOOL, measure),
      divisor: find(measurements, peer, measure),
    }]);
  return {
    text240_read_vs_own_bytes: versus(READ, OWN_BYTES),
    text240_write_vs_encodeInto: versus(WRITE, ENCODE_INTO),
  };
}

function nanosecondsOf(once: () => void, sampleMs: number): number {
  let times = 0;
  const begin = performance.now();
  do {
    for (let turn = 0; turn < 64; turn++) once();
    times += 64;
  } while (performance.now() - begin < sampleMs);
  return (performance.now() - begin) * 1e6 / times;
}
