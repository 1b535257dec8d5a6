/**
 * The slots of a SeqCell in every interleaving: production code. That no plain access to a slot races with
 * another is what makes a read whole by JavaScript's memory model, whatever a processor does.
 * Covered: a reader that finds the same value again, one that is overtaken while it announces, writes that
 * use every slot, waiting for the next value. Not covered: the waiting itself, which other tests do with real
 * threads, and counts of versions that wrap.
 */
import { assert, assertEquals, assertGreater } from "@std/assert";
import {
  ANNOUNCED_BYTES,
  ANNOUNCED_STRIDE_WORDS,
  GONE,
  WAITING_BYTES,
} from "../../../structures/cells/cell_layout.ts";
import { announcedWord, CellReader, CellWriter } from "../../../structures/cells/cell_slots.ts";
import { explore } from "../../harness/interleaver.ts";

const CURRENT = 0;
const WAITING = CURRENT + WAITING_BYTES / 4;
const MOST_READERS = 2;
const ANNOUNCED_END = ANNOUNCED_BYTES / 4 + MOST_READERS * ANNOUNCED_STRIDE_WORDS;
/** Two words each slot, which hold the same number. */
const SLOTS = ANNOUNCED_END;
const SLOT_COUNT = MOST_READERS + 2;
/** Whether each waiter is in the list of those who wait. */
const LISTED = SLOTS + SLOT_COUNT * 2;
const WORDS = LISTED + MOST_READERS;

type Program = (words: Int32Array) => number[];

function fill(words: Int32Array, slot: number, value: number): void {
  words[SLOTS + slot * 2] = value;
  words[SLOTS + slot * 2 + 1] = value;
}

/** Writes 1, 2, … `count`. */
function writer(count: number, readers: number): Program {
  return (words) => {
    const slots = new CellWriter(words, CURRENT, readers);
    for (let value = 1; value <= count; value++) {
      const slot = slots.take();
      fill(words, slot, value);
      slots.publish(slot);
    }
    return [];
  };
}

/** Reads the slot that `latest` gives, `looks` times. Whether what it sees is whole shows as a race, too. */
function reading(words: Int32Array, looks: number, latest: () => number): number[] {
  const seen: number[] = [];
  for (let look = 0; look < looks; look++) {
    const slot = latest();
    const first = words[SLOTS + slot * 2]!;
    assertEquals(words[SLOTS + slot * 2 + 1], first, "a torn read");
    seen.push(first);
  }
  return seen;
}

function reader(looks: number, readers = 1, endpoint = 0): Program {
  return (words) => {
    const slots = new CellReader(words, CURRENT, readers, endpoint);
    return reading(words, looks, () => slots.latest());
  };
}

/** Whether a fault shows: a race, a torn read, or a value older than one seen before. */
function isFaulty(programs: Program[]): boolean {
  try {
    const { outcomes, races } = explore(WORDS, () => {}, programs);
    return races.size > 0 || ![...outcomes.keys()].every(goesForward);
  } catch (error) {
    if (!String(error).includes("a torn read")) throw error;
    return true;
  }
}

function goesForward(outcome: string): boolean {
  const results = JSON.parse(outcome) as number[][];
  return results.every((seen) => seen.every((value, i) => i === 0 || value >= seen[i - 1]!));
}

for (const writes of [2, 3, 4]) {
  Deno.test(`a reader of a SeqCell sees whole values in order in every interleaving, of ${writes} writes`, () => {
    const looks = writes === 4 ? 2 : 3;
    const { outcomes, races, states } = explore(WORDS, () => {}, [
      writer(writes, 1),
      reader(looks),
    ]);
    assertEquals([...races], []);
    assert([...outcomes.keys()].every(goesForward), [...outcomes.keys()].join(" "));
    assertGreater(outcomes.size, writes); // old and new values were met
    assertGreater(states, 100);
  });
}

Deno.test("two readers of a SeqCell and its writer do not disturb one another in any interleaving", () => {
  const { outcomes, races } = explore(WORDS, () => {}, [
    writer(2, 2),
    reader(1, 2, 0),
    reader(1, 2, 1),
  ]);
  assertEquals([...races], []);
  assertGreater(outcomes.size, 6);
});

Deno.test("a reader of a SeqCell finds its end", () => {
  const ending: Program = (words) => {
    const slots = new CellWriter(words, CURRENT, 1);
    const slot = slots.take();
    fill(words, slot, 1);
    slots.publish(slot);
    slots.end();
    return [];
  };
  const looking: Program = (words) => {
    const slots = new CellReader(words, CURRENT, 1, 0);
    return [slots.latest(), slots.latest()];
  };
  const { outcomes, races } = explore(WORDS, () => {}, [ending, looking]);
  assertEquals([...races], []);
  assert(outcomes.has(JSON.stringify([[], [GONE, GONE]])));
});

Deno.test("the model of SeqCell catches a reader that does not look again after it has announced", () => {
  const hasty: Program = (words) =>
    reading(words, 1, () => {
      const current = Atomics.load(words, CURRENT);
      Atomics.store(words, announcedWord(CURRENT, 0), current + 1);
      return current;
    });
  assert(isFaulty([writer(4, 1), hasty]));
});

Deno.test("the model of SeqCell catches a reader that does not announce", () => {
  const silent: Program = (words) => reading(words, 1, () => Atomics.load(words, CURRENT));
  assert(isFaulty([writer(4, 1), silent]));
});

Deno.test("the model of SeqCell catches a seqlock, whose reader looks afterwards", () => {
  // Of as many copies as there are slots, so that no reader sees half a value in this model: but its plain
  // reads race, and may see what is written after the look.
  const looking: Program = (words) => {
    for (let tries = 0; tries < 2; tries++) {
      const current = Atomics.load(words, CURRENT);
      const seen = words[SLOTS + current * 2]!;
      if (Atomics.load(words, CURRENT) === current) return [seen];
    }
    return [];
  };
  assert(isFaulty([writer(4, 1), looking]));
});

Deno.test("the model of SeqCell catches a reader that looks plainly at the newest slot", () => {
  const plain: Program = (words) => {
    const slots = new CellReader(words, CURRENT, 1, 0);
    return reading(words, 2, () => (words[CURRENT], slots.latest()));
  };
  assert(isFaulty([writer(2, 1), plain]));
});

/** A writer that finds its next slot by `free`, which is given the newest one. */
function otherWriter(free: (words: Int32Array, current: number) => number): Program {
  return (words) => {
    let current = 0;
    for (let value = 1; value <= 4; value++) {
      const slot = free(words, current);
      fill(words, slot, value);
      Atomics.store(words, CURRENT, slot);
      current = slot;
    }
    return [];
  };
}

Deno.test("the model of SeqCell catches a writer that goes round the slots", () => {
  assert(isFaulty([otherWriter((_words, current) => (current + 1) % 3), reader(2)]));
});

Deno.test("the model of SeqCell catches a writer that publishes before it writes", () => {
  const early: Program = (words) => {
    const slots = new CellWriter(words, CURRENT, 1);
    const slot = slots.take();
    slots.publish(slot);
    fill(words, slot, 1);
    return [];
  };
  assert(isFaulty([early, reader(1)]));
});

Deno.test("the model of SeqCell catches a writer that looks at announcements before it publishes", () => {
  const early: Program = (words) => {
    const slotOf = (avoided: number[]) => [0, 1, 2].find((slot) => !avoided.includes(slot))!;
    let current = 0;
    let next = 1;
    for (let value = 1; value <= 3; value++) {
      fill(words, next, value);
      // Finds the slot after the next one too soon: a reader may yet announce the one that it leaves.
      const announced = Atomics.load(words, announcedWord(CURRENT, 0)) - 1;
      const after = slotOf([next, announced]);
      Atomics.store(words, CURRENT, next);
      current = next;
      next = after;
    }
    return [current];
  };
  assert(isFaulty([early, reader(2)]));
});

// ─── Waiting ───────────────────────────────────────────────────────────────────────────────────

/** Wakes all who are in the list; as Atomics.notify() does under a lock. */
function wakeAll(words: Int32Array, waiters: number): void {
  for (let waiter = 0; waiter < waiters; waiter++) Atomics.exchange(words, LISTED + waiter, 0);
}

function wakingWriter(count: number, waiters: number): Program {
  return (words) => {
    const slots = new CellWriter(words, CURRENT, 0);
    for (let n = 0; n < count; n++) {
      if (slots.publish((slots.current + 1) % SLOT_COUNT)) wakeAll(words, waiters);
    }
    return [];
  };
}

/** Has read the value of `slot`, and waits for the next. Returns [1, slot] if it fell asleep. */
function waiter(number: number, slot: number, listsFirst = true): Program {
  return (words) => {
    const slots = new CellReader(words, CURRENT, MOST_READERS, number);
    const list = () => {
      Atomics.store(words, LISTED + number, 1);
      if (Atomics.load(words, CURRENT) === slot) return true;
      Atomics.store(words, LISTED + number, 0); // waitAsync() would not have put it there
      return false;
    };
    const asleep = listsFirst ? list() && slots.mayWait(slot) : slots.mayWait(slot) && list();
    return [Number(asleep), slot];
  };
}

/** Outcomes in which a waiter sleeps in the list though the value that it knows is old. */
function forgottenWaiters(programs: Program[]): number {
  const { outcomes, races } = explore(WORDS, () => {}, programs, {
    outcome: (results, memory) => [
      results.slice(1),
      [...memory.slice(LISTED, LISTED + MOST_READERS)],
      memory[CURRENT],
    ],
  });
  assertEquals([...races], []);
  return [...outcomes.keys()].filter((outcome) => {
    const [waiters, listed, current] = JSON.parse(outcome) as [number[][], number[], number];
    return waiters.some(([asleep, slot], i) => asleep === 1 && listed[i] === 1 && slot !== current);
  }).length;
}

Deno.test("nobody who waits for a SeqCell's next value is forgotten in any interleaving", () => {
  assertEquals(forgottenWaiters([wakingWriter(2, 1), waiter(0, 0)]), 0);
  assertEquals(forgottenWaiters([wakingWriter(2, 1), waiter(0, 1)]), 0);
  assertEquals(forgottenWaiters([wakingWriter(2, 2), waiter(0, 0), waiter(1, 1)]), 0);
});

Deno.test("the model of SeqCell catches one who says that it waits before it is in the list", () => {
  assertGreater(
    forgottenWaiters([wakingWriter(2, 2), waiter(0, 0, false), waiter(1, 1, false)]),
    0,
  );
});

Deno.test("the model of SeqCell catches a writer that looks for those who wait before it publishes", () => {
  const early: Program = (words) => {
    const isWaiting = Atomics.load(words, WAITING) === 1;
    Atomics.store(words, WAITING, 0);
    Atomics.store(words, CURRENT, 1);
    if (isWaiting) wakeAll(words, 1);
    return [];
  };
  assertGreater(forgottenWaiters([early, waiter(0, 0)]), 0);
});
