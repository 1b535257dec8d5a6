/**
 * Sends lists of records where the engine may make no code from text: see `value_codec_texts_test.ts`.
 *
 * @module
 */
import { ValueCodec } from "../../../../shard/codec/value_codec.ts";
import { difference } from "../same_graph.ts";

let refused = false;
try {
  new Function("return 1")();
} catch (error) {
  refused = error instanceof EvalError;
}
const codec = new ValueCodec([]);
const list = Array.from({ length: 1_000 }, (_, i) => ({ i, half: i / 2, text: `number ${i}` }));
const found = [1, 2, 3].map(() => {
  return difference(codec.decode(codec.encode([list], String, []).slice()), [list]);
});
await Deno.stdout.write(new TextEncoder().encode(JSON.stringify({ refused, found })));
