/**
 * The map of starts in every interleaving: threads that free blocks whose bits share a word, two of
 * them the same block, while the owner hands another out.
 */
import { assert, assertEquals } from "@std/assert";
import { firstBlockOf, START_MAP_WORD } from "../../../allocator/layout/control_layout.ts";
import { clearStart, isStart, setStart } from "../../../allocator/layout/start_map.ts";
import { explore } from "../../harness/interleaver.ts";

const WORDS = 512;
const FIRST = firstBlockOf(WORDS);
/** The block that holds the map; its first word has the bits of the blocks below. */
const MAP = FIRST;
const BLOCKS = [FIRST + 8, FIRST + 12, FIRST + 20] as const;

function prepare(words: Int32Array): void {
  words[START_MAP_WORD] = MAP;
  setStart(words, BLOCKS[0]);
  setStart(words, BLOCKS[1]);
}

type Clear = (words: Int32Array, block: number) => boolean;

function exploreFrees(clear: Clear) {
  const freer = (...blocks: number[]) => (words: Int32Array) =>
    blocks.map((block) => clear(words, block));
  const owner = (words: Int32Array): boolean[] => {
    setStart(words, BLOCKS[2]);
    return [];
  };
  return explore(WORDS, prepare, [freer(BLOCKS[0], BLOCKS[1]), freer(BLOCKS[0]), owner], {
    outcome: ([first, second], memory) => ({
      // Which of the two freed the block that both tried to free, and whether the other was freed.
      winners: Number(first![0]) + Number(second![0]),
      other: first![1],
      left: BLOCKS.map((block) => isStart(memory, block)),
    }),
  });
}

Deno.test("clearStart() gives a block to one thread, and disturbs no neighbour, in any interleaving", () => {
  const found = exploreFrees(clearStart);
  const expected = { winners: 1, other: true, left: [false, false, true] };
  assertEquals([...found.outcomes.keys()], [JSON.stringify(expected)]);
  assertEquals([...found.races], []);
});

Deno.test("the model finds what goes wrong if a bit is cleared by a load and a store", () => {
  const found = exploreFrees((words, block) => {
    const bit = (block - FIRST) >>> 1;
    const before = Atomics.load(words, MAP + 1 + (bit >>> 5));
    Atomics.store(words, MAP + 1 + (bit >>> 5), before & ~(1 << (bit & 31)));
    return ((before >>> (bit & 31)) & 1) === 1;
  });
  assert(found.outcomes.size > 1);
});
