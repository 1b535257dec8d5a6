/**
 * Who holds a pointer, in every interleaving of the endpoints that may take it: the production code, on
 * a region of two handles. Covered: a receiver against the owner that clears up behind a dead sender, a
 * pointer that goes on at once, the answer to `copy(n)` against the owner that takes it back, a stale
 * receiver against an owner that closes, and looks that lag. Not covered: the messages that carry
 * pointers, which are the rings' part.
 */
import { assert, assertEquals } from "@std/assert";
import { NOBODY, PointerHolders } from "../../foreign/pointer_holders.ts";
import { GivenAwayRegion, HOLDERS_BYTES } from "../../shard/calls/given_away_region.ts";
import { explore } from "../harness/interleaver.ts";

const OWNER = 0;
const HANDLE = 1;
const REGION = new GivenAwayRegion(0, HOLDERS_BYTES + 8);
const HOLDER_WORD = REGION.holdersWord + HANDLE;
const WORDS = REGION.byteLength >> 2;
/** Of the pointer that `init()` opens. */
const GENERATION = 1;
const SENDER = 1;

function holdersIn(words: Int32Array): PointerHolders {
  // The figures are the owner's alone, and no program here opens a handle.
  return new PointerHolders(words, new Float64Array(WORDS), [REGION]);
}

/** The owner has given the pointer to `SENDER`. */
function init(words: Int32Array): void {
  assertEquals(holdersIn(words).open(OWNER, HANDLE, SENDER), GENERATION);
}

type Pass = (words: Int32Array, from: number, to: number) => boolean;

const pass: Pass = (words, from, to) => holdersIn(words).pass(OWNER, HANDLE, GENERATION, from, to);

/** Takes the pointer along a row of holders, as far as it goes: the holders that have had it. */
function taker(row: readonly number[], take: Pass = pass) {
  return (words: Int32Array): number[] => {
    const had: number[] = [];
    for (let i = 1; i < row.length; i++) {
      if (!take(words, row[i - 1]!, row[i]!)) break;
      had.push(row[i]!);
    }
    return had;
  };
}

/** Each thread's successes, and who holds the pointer at the end. */
function outcomesOf(programs: ((words: Int32Array) => number[])[], begin = init) {
  const { outcomes, races, states } = explore(WORDS, begin, programs, {
    racyWords: [HOLDER_WORD],
    outcome: (results, memory) => [...results, holdersIn(memory).holder(OWNER, HANDLE)],
  });
  return { outcomes: [...outcomes.keys()].sort(), races: [...races], states };
}

Deno.test("PointerHolders.pass() lets a receiver or the owner have a dead sender's pointer, in every interleaving never both", () => {
  const found = outcomesOf([taker([SENDER, 2]), taker([SENDER, OWNER])]);
  assertEquals(found.outcomes, ["[[2],[],2]", "[[],[0],0]"]);
  assertEquals(found.races, []);
});

Deno.test("PointerHolders.pass() lets each holder have the pointer once, in every interleaving of four takers", () => {
  const programs = [
    taker([SENDER, 2, 3]), // a receiver that passes it on
    taker([SENDER, OWNER]), // the owner, when the sender is dead
    taker([2, OWNER]), // and when the receiver is
    taker([3, 4]), // who it was passed on to
  ];
  const found = outcomesOf(programs);
  assertEquals(found.outcomes, [
    "[[2,3],[],[],[4],4]",
    "[[2,3],[],[],[],3]",
    "[[2],[],[0],[],0]",
    "[[],[0],[],[],0]",
  ]);
  assertEquals(found.races, []);
  assert(found.states > 50, `only ${found.states} states were searched`);
});

Deno.test("PointerHolders.pass() lets who asked for copies or their owner have the block, in every interleaving never both", () => {
  // The first of the copies is the owner's until the answer is read: whoever has it frees the block.
  const granted = (words: Int32Array): void => {
    init(words);
    assert(pass(words, SENDER, OWNER));
  };
  const found = outcomesOf([taker([OWNER, SENDER]), taker([OWNER, NOBODY])], granted);
  assertEquals(found.outcomes, [`[[1],[],1]`, `[[],[${NOBODY}],${NOBODY}]`]);
  assertEquals(found.races, []);
});

Deno.test("PointerHolders.close() leaves nobody the pointer, in every interleaving with a receiver", () => {
  const close = (words: Int32Array): number[] => {
    holdersIn(words).close(OWNER, HANDLE);
    return [];
  };
  const found = outcomesOf([close, taker([SENDER, 2])]);
  // The receiver may have had it before: then it asks the owner for what is gone, and is told so.
  assertEquals(found.outcomes, [`[[],[2],${NOBODY}]`, `[[],[],${NOBODY}]`]);
  assertEquals(found.races, []);
});

Deno.test("a look at a pointer that is passed on sees who holds it or who held it, in every interleaving", () => {
  const look = (words: Int32Array): number[] => {
    const holders = holdersIn(words);
    const isOpen = holders.isOpen(OWNER, HANDLE, GENERATION);
    return [Number(isOpen), holders.generation(OWNER, HANDLE), holders.holder(OWNER, HANDLE)];
  };
  const found = outcomesOf([taker([SENDER, 2]), look]);
  assertEquals(found.outcomes, ["[[2],[1,1,1],2]", "[[2],[1,1,2],2]"]);
  assertEquals(found.races, []);
});

// ─── Mutants: what the checker must catch ──────────────────────────────────────────────────────────

Deno.test("the checker catches a pass() that reads and then writes: two endpoints have one pointer", () => {
  const readThenWrite: Pass = (words, from, to) => {
    const isHeld = Atomics.load(words, HOLDER_WORD) === (GENERATION << 9 | from + 1);
    if (isHeld) Atomics.store(words, HOLDER_WORD, GENERATION << 9 | to + 1);
    return isHeld;
  };
  const found = outcomesOf([taker([SENDER, 2], readThenWrite), taker([SENDER, OWNER])]);
  assert(found.outcomes.includes("[[2],[0],2]"), found.outcomes.join());
});

Deno.test("the checker catches a close() by a plain write: it races with a receiver", () => {
  const close = (words: Int32Array): number[] => {
    words[HOLDER_WORD] = GENERATION << 9;
    return [];
  };
  const found = outcomesOf([close, taker([SENDER, 2])]);
  assert(found.races.some((race) => race.startsWith(`word ${HOLDER_WORD}: plain write`)));
});
