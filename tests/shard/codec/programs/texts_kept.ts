/**
 * Keeps one text of each of many lists, and prints how many bytes of heap that takes for each: see
 * `value_codec_texts_test.ts`. The argument is what the texts begin with; run it with --expose-gc.
 *
 * @module
 */
import { ValueCodec } from "../../../../shard/codec/value_codec.ts";

const MESSAGES = 4_000;
const codec = new ValueCodec([]);
const start = Deno.args[0]!;
const gc = (globalThis as unknown as { gc: () => void }).gc;

const list = Array.from({ length: 500 }, (_, i) => ({ text: `${start} number ${i} of many` }));
const bytes = codec.encode([list], String, []).slice();
const kept: string[] = [];
// Until all is loaded that the codec loads when it pays.
for (let i = 0; i < 20; i++) codec.decode(bytes);

function used(): number {
  gc();
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

const before = used();
for (let i = 0; i < MESSAGES; i++) {
  const [arrived] = codec.decode(bytes) as [typeof list];
  kept.push(arrived[i % list.length]!.text);
}
await Deno.stdout.write(new TextEncoder().encode(String((used() - before) / MESSAGES)));
if (kept.some((text, i) => text !== list[i % list.length]!.text)) {
  throw new Error("they are others");
}
