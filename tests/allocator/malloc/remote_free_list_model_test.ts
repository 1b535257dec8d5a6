/**
 * The list of remote frees in every interleaving: the production code, on words the size of a small
 * slice. Covered: two freeing threads against an owner that drains, chains of one and two blocks,
 * values that a plain look at the head may see late, and the owner rewriting the header of a block
 * that another thread frees, and an owner that is short of memory and about to sleep. Not covered: the
 * sleep itself, which is the bus's part.
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { blockFault, foreignBlockFault } from "../../../allocator/layout/block_check.ts";
import { REMOTE_LINK_WORD } from "../../../allocator/layout/block_layout.ts";
import {
  FREES_WORD,
  MALLOCS_WORD,
  REMOTE_FREE_HEAD_WORD,
  SHORTAGE_WORD,
} from "../../../allocator/layout/control_layout.ts";
import { checkHeap } from "../../../allocator/diagnosis/mod.ts";
import {
  hasRemoteFrees,
  nextRemoteFree,
  RemoteFreeOutbox,
  takeRemoteFrees,
} from "../../../allocator/malloc/remote_free_list.ts";
import { SliceHeap } from "../../../allocator/malloc/slice_heap.ts";
import { formatHeap, Tlsf } from "../../../allocator/placement/tlsf.ts";
import { explore } from "../../harness/interleaver.ts";

const WORDS = 512;
/** Headers of four blocks of the smallest size. */
const BLOCKS = [401, 405, 409, 413] as const;

type Push = (words: Int32Array, first: number, last: number) => void;
type Take = (words: Int32Array) => number;

/** Frees the chains one after the other, through the production outbox. */
function freer(...chains: number[][]) {
  return (words: Int32Array): number[] => {
    const outbox = new RemoteFreeOutbox(words, () => {});
    for (const chain of chains) {
      for (const block of chain) outbox.add(block);
      outbox.flush();
    }
    return [];
  };
}

/** Takes the list `times` times and returns the blocks found on it. */
function drainer(times: number, take: Take = takeRemoteFrees) {
  return (words: Int32Array): number[] => {
    const found: number[] = [];
    for (let i = 0; i < times; i++) found.push(...follow(words, take(words)));
    return found;
  };
}

function follow(words: Int32Array, block: number): number[] {
  const found: number[] = [];
  // The bound stands in for the check of each block, which ends the walk of a list that circles.
  while (block !== 0 && found.length <= BLOCKS.length) {
    found.push(block);
    block = nextRemoteFree(words, block);
  }
  return found;
}

/** Blocks found by the programs and those still on the list, sorted: each must be there once. */
function blocksOf(results: readonly number[][], memory: Int32Array): number[] {
  return [...results.flat(), ...follow(memory, memory[REMOTE_FREE_HEAD_WORD]!)].sort();
}

function exploreList(programs: ((words: Int32Array) => number[])[]) {
  return explore(WORDS, () => {}, programs, {
    racyWords: [REMOTE_FREE_HEAD_WORD],
    outcome: blocksOf,
  });
}

Deno.test("RemoteFreeOutbox loses and doubles no block in any interleaving of two freers and a drain", () => {
  const [a, b, c, d] = BLOCKS;
  const found = exploreList([freer([a, b]), freer([c], [d]), drainer(2)]);
  assertEquals([...found.outcomes.keys()], [JSON.stringify(BLOCKS)]);
  assertEquals([...found.races], []);
  assert(found.states > 1000, `only ${found.states} states were searched`);
});

Deno.test("RemoteFreeOutbox loses and doubles no block when three threads free at once", () => {
  const [a, b, c, d] = BLOCKS;
  const found = exploreList([freer([a]), freer([b]), freer([c, d])]);
  assertEquals([...found.outcomes.keys()], [JSON.stringify(BLOCKS)]);
  assertEquals([...found.races], []);
});

function mutant(push: Push, ...chain: number[]) {
  return (words: Int32Array): number[] => {
    chain.forEach((block, i) => words[block + REMOTE_LINK_WORD] = chain[i + 1] ?? 0);
    push(words, chain[0]!, chain.at(-1)!);
    return [];
  };
}

Deno.test("the model finds the blocks that a plain store in place of the exchange loses", () => {
  const store: Push = (words, first, last) => {
    words[last + REMOTE_LINK_WORD] = Atomics.load(words, REMOTE_FREE_HEAD_WORD);
    Atomics.store(words, REMOTE_FREE_HEAD_WORD, first);
  };
  const found = exploreList([mutant(store, 401), mutant(store, 405), drainer(1)]);
  assert(found.outcomes.has("[401]"), "no schedule loses 405");
  assert(found.outcomes.has("[405]"), "no schedule loses 401");
});

Deno.test("the model finds the blocks lost by publishing a chain before it is linked", () => {
  const early: Push = (words, first, last) => {
    let head = Atomics.load(words, REMOTE_FREE_HEAD_WORD);
    while (true) {
      const found = Atomics.compareExchange(words, REMOTE_FREE_HEAD_WORD, head, first);
      if (found === head) break;
      head = found;
    }
    words[last + REMOTE_LINK_WORD] = head;
  };
  const found = exploreList([mutant(early, 401), mutant(early, 405), drainer(2)]);
  assert(found.outcomes.size > 1, "every schedule keeps all blocks");
  assert(found.races.size > 0, "the link's late write races with no read");
});

Deno.test("the model finds the blocks lost by taking the list with a read and a store", () => {
  const readAndStore: Take = (words) => {
    const first = Atomics.load(words, REMOTE_FREE_HEAD_WORD);
    Atomics.store(words, REMOTE_FREE_HEAD_WORD, 0);
    return first;
  };
  const found = exploreList([freer([401]), freer([405]), drainer(1, readAndStore)]);
  assert(found.outcomes.size > 1, "every schedule keeps all blocks");
});

Deno.test("the model finds the race of a head that is published by a plain write", () => {
  const plain: Push = (words, first, last) => {
    words[last + REMOTE_LINK_WORD] = words[REMOTE_FREE_HEAD_WORD]!;
    words[REMOTE_FREE_HEAD_WORD] = first;
  };
  const found = exploreList([mutant(plain, 401), drainer(1)]);
  assert(found.races.size > 0, "no race was found");
});

/** A slice with three neighbours in use, for a model with the owner's real TLSF in it. */
function threeBlocks(words: Int32Array): number[] {
  formatHeap(words);
  const tlsf = new Tlsf(words);
  const blocks = [tlsf.allocate(2), tlsf.allocate(2), tlsf.allocate(2)];
  words[MALLOCS_WORD] = blocks.length;
  return blocks;
}

Deno.test("a block freed by another thread survives the owner's frees on both sides of it", () => {
  const [left, middle, right] = threeBlocks(new Int32Array(WORDS)) as [number, number, number];
  const owner = (words: Int32Array): string => {
    const tlsf = new Tlsf(words);
    tlsf.release(left, words[left]!); // writes PREVIOUS_FREE into the header of `middle`
    tlsf.release(right, words[right]!);
    const taken = takeRemoteFrees(words);
    if (taken !== 0) {
      const fault = blockFault(words, taken);
      if (fault !== undefined) return fault;
      tlsf.release(taken, words[taken]!);
    }
    return taken === 0 ? "late" : "in time";
  };
  const other = (words: Int32Array): string => {
    const fault = foreignBlockFault(words, middle);
    if (fault !== undefined) return fault;
    const outbox = new RemoteFreeOutbox(words, () => {});
    outbox.add(middle);
    outbox.flush();
    return "sent";
  };
  const found = explore(WORDS, threeBlocks, [owner, other], {
    // The freeing thread reads the header while the owner may write it: size and FREE never change.
    racyWords: [middle, REMOTE_FREE_HEAD_WORD],
    outcome: (results, memory) => {
      memory[FREES_WORD] = results[0] === "late" ? 2 : 3;
      checkHeap(memory.buffer as SharedArrayBuffer, { byteOffset: 0, byteLength: WORDS * 4 });
      return results;
    },
  });
  assertEquals([...found.outcomes.keys()].sort(), ['["in time","sent"]', '["late","sent"]']);
  assertEquals([...found.races], []);
});

/** An owner that is short of memory, about to sleep: whether it does. */
function sleeper(hasFrees: (heap: SliceHeap) => boolean) {
  return (words: Int32Array): string => {
    const heap = new SliceHeap(new Tlsf(words), 0, undefined, undefined);
    heap.reclaimers.lowWaterBytes = 2 ** 30;
    return hasFrees(heap) ? "awake" : "asleep";
  };
}

/** Frees one block, and says whether it would wake the owner. */
function waker(block: number) {
  return (words: Int32Array): string => {
    let woken = "left alone";
    const outbox = new RemoteFreeOutbox(words, () => woken = "woken");
    outbox.add(block);
    outbox.flush();
    return woken;
  };
}

function sleepOutcomes(hasFrees: (heap: SliceHeap) => boolean): string[] {
  const programs = [sleeper(hasFrees), waker(BLOCKS[0]), waker(BLOCKS[1])];
  const { outcomes } = explore(WORDS, formatHeap, programs, {
    racyWords: [REMOTE_FREE_HEAD_WORD, SHORTAGE_WORD],
    outcome: ([owner, first, second]) => `${owner}, ${first}, ${second}`,
  });
  return [...outcomes.keys()];
}

const LOST = '"asleep, left alone, left alone"';

Deno.test("no block is published for an owner short of memory that sleeps and is not woken", () => {
  const outcomes = sleepOutcomes((heap) => heap.hasFrees());
  assert(outcomes.length > 2, `only ${outcomes.length} outcomes`);
  assert(outcomes.some((outcome) => outcome.includes("asleep")), "the owner never slept");
  for (const outcome of outcomes) {
    if (outcome.includes("asleep")) assertEquals(outcome, '"asleep, woken, woken"');
  }
});

Deno.test("an owner that looks for blocks before it says that it is short sleeps on", () => {
  const outcomes = sleepOutcomes((heap) => {
    const found = hasRemoteFrees(heap.words);
    heap.hasFrees();
    return found;
  });
  assert(outcomes.includes(LOST), outcomes.join("\n"));
});

Deno.test("an owner that looks for blocks plainly sleeps on: its look may pass before it says that it is short", () => {
  const outcomes = sleepOutcomes(({ words }) => {
    Atomics.store(words, SHORTAGE_WORD, 1);
    return words[REMOTE_FREE_HEAD_WORD] !== 0;
  });
  assert(outcomes.includes(LOST), outcomes.join("\n"));
});

Deno.test("explore() names the schedule in which a program throws", () => {
  const store = (words: Int32Array) => Atomics.store(words, 0, 1);
  const fail = (words: Int32Array) => {
    if (Atomics.load(words, 0) === 1) throw new Error("one");
    return 0;
  };
  assertThrows(() => explore(1, () => {}, [store, fail]), Error, "Thread 1 threw in schedule 0");
});

Deno.test("explore() lets a plain read of a racy word see late, and not after it could know", () => {
  const writer = (words: Int32Array) => {
    Atomics.store(words, 0, 1);
    Atomics.store(words, 1, 1);
    return 0;
  };
  const reader = (words: Int32Array) => [Atomics.load(words, 1), words[0]!];
  const { outcomes } = explore<unknown>(2, () => {}, [writer, reader], { racyWords: [0] });
  assertEquals([...outcomes.keys()].sort(), ["[0,[0,0]]", "[0,[0,1]]", "[0,[1,1]]"]);
});

Deno.test("explore() lets plain reads pass before the stores in front of them, but not loads", () => {
  const storeThen = (look: (words: Int32Array, word: number) => number, own: number) => {
    return (words: Int32Array) => {
      Atomics.store(words, own, 1);
      return look(words, 1 - own);
    };
  };
  const outcomesOf = (look: (words: Int32Array, word: number) => number) => {
    const programs = [storeThen(look, 0), storeThen(look, 1)];
    return [...explore(2, () => {}, programs, { racyWords: [0, 1] }).outcomes.keys()].sort();
  };
  assertEquals(outcomesOf((words, word) => words[word]!), ["[0,0]", "[0,1]", "[1,0]", "[1,1]"]);
  assertEquals(outcomesOf((words, word) => Atomics.load(words, word)), ["[0,1]", "[1,0]", "[1,1]"]);
});
