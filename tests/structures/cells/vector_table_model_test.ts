/**
 * A SharedVector's appends against its readers in every interleaving: production code, with pieces of two
 * elements. Covered: a piece and a directory that are put into the table while a reader looks. Not covered:
 * more than one reader, as readers write nothing.
 */
import { assert, assertEquals } from "@std/assert";
import { DIRECTORIES_WORD, FIRST_PIECES } from "../../../structures/cells/vector_layout.ts";
import { GONE, VectorTable } from "../../../structures/cells/vector_table.ts";
import { explore } from "../../harness/interleaver.ts";

const LENGTH = 0;
const PIECE_LENGTH = 2;
/** Where pieces and a directory lie, in words. */
const PIECES = DIRECTORIES_WORD + 8;
const DIRECTORY = PIECES + 8;
const WORDS = DIRECTORY + 8;

type Program = (words: Int32Array) => number[];

/** Where the element `index` lies, by the piece's number from `first` on. */
function placeOf(piece: number, first: number): number {
  return PIECES + (piece - first) * PIECE_LENGTH;
}

/** Appends 1, 2, … `count`, to pieces from `first` on. */
function writer(count: number, first: number): Program {
  return (words) => {
    const table = new VectorTable(words, LENGTH);
    for (let index = 0; index < count; index++) {
      const piece = first + Math.floor(index / PIECE_LENGTH);
      const place = placeOf(piece, first);
      if (index % PIECE_LENGTH === 0) {
        const directory = table.missingDirectory(piece);
        if (directory >= 0) table.setDirectory(directory, DIRECTORY * 4);
        table.setPiece(piece, place * 4);
      }
      words[place + index % PIECE_LENGTH] = index + 1;
      table.publish(index + 1);
    }
    return [];
  };
}

/** Looks at the last element, `looks` times. */
function reader(
  looks: number,
  first: number,
  load = (table: VectorTable) => table.load(),
): Program {
  return (words) => {
    const table = new VectorTable(words, LENGTH);
    const seen: number[] = [];
    for (let look = 0; look < looks; look++) {
      const length = load(table);
      seen.push(length);
      if (length <= 0) continue;
      const index = length - 1;
      const address = table.piece(first + Math.floor(index / PIECE_LENGTH));
      assert(address > 0, "no such piece");
      assertEquals(words[address / 4 + index % PIECE_LENGTH], length, "another element");
    }
    return seen;
  };
}

/** Whether a fault shows: a race, a missing piece, or an element that is not written yet. */
function isFaulty(programs: Program[]): boolean {
  try {
    return explore(WORDS, () => {}, programs).races.size > 0;
  } catch (error) {
    if (!/no such piece|another element/.test(String(error))) throw error;
    return true;
  }
}

for (const first of [0, FIRST_PIECES - 1, FIRST_PIECES]) {
  Deno.test(`what is below a SharedVector's length is there in every interleaving, from piece ${first}`, () => {
    const { outcomes, races } = explore(WORDS, () => {}, [writer(3, first), reader(2, first)]);
    assertEquals([...races], []);
    const lengths = new Set([...outcomes.keys()].map((outcome) => JSON.parse(outcome)[1].join()));
    assertEquals(
      lengths,
      new Set(["0,0", "0,1", "0,2", "0,3", "1,1", "1,2", "1,3", "2,2", "2,3", "3,3"]),
    );
  });
}

Deno.test("a reader of a SharedVector finds its end", () => {
  const ending: Program = (words) => {
    writer(1, 0)(words);
    new VectorTable(words, LENGTH).end();
    return [];
  };
  const { outcomes, races } = explore(WORDS, () => {}, [ending, reader(2, 0)]);
  assertEquals([...races], []);
  assert(outcomes.has(JSON.stringify([[], [1, GONE]])));
});

Deno.test("the model of SharedVector catches an owner that publishes before it writes the element", () => {
  const early: Program = (words) => {
    const table = new VectorTable(words, LENGTH);
    table.setPiece(0, PIECES * 4);
    table.publish(1);
    words[PIECES] = 1;
    return [];
  };
  assert(isFaulty([early, reader(1, 0)]));
});

Deno.test("the model of SharedVector catches an owner that publishes before it adds the piece", () => {
  const early: Program = (words) => {
    const table = new VectorTable(words, LENGTH);
    words[PIECES] = 1;
    table.publish(1);
    table.setPiece(0, PIECES * 4);
    return [];
  };
  assert(isFaulty([early, reader(1, 0)]));
});

Deno.test("the model of SharedVector catches a directory that is added after its piece", () => {
  const late: Program = (words) => {
    const table = new VectorTable(words, LENGTH);
    words[DIRECTORY] = PIECES * 4;
    words[PIECES] = 1;
    table.publish(1);
    table.setDirectory(0, DIRECTORY * 4);
    return [];
  };
  assert(isFaulty([late, reader(1, FIRST_PIECES)]));
});

Deno.test("the model of SharedVector catches a reader that looks plainly at the length", () => {
  const plain: Program = (words) => {
    const length = words[LENGTH]!;
    return length <= 0 ? [] : reader(1, 0, () => length)(words);
  };
  assert(isFaulty([writer(1, 0), plain]));
});
