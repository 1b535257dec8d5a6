/**
 * A SharedQueue's ring, its sleeps and its ends in every interleaving: production code, on a queue of two
 * elements, or of three with four slots. Covered: full and empty queues, single elements and batches, indices
 * about to wrap, a side that goes to sleep while the other pushes, pops, closes or leaves. Not covered: the
 * waiting itself, which other tests do with real threads.
 */
import { assert, assertEquals, assertGreater } from "@std/assert";
import {
  CLOSED_WORD,
  HEAD_WORD,
  POPPING_WORD,
  PUSHING_WORD,
  SLOTS_WORD,
  TAIL_WORD,
} from "../../../structures/cells/queue_layout.ts";
import { endQueue, QueueReader, QueueWriter } from "../../../structures/cells/queue_ring.ts";
import { explore } from "../../harness/interleaver.ts";

const CAPACITY = 2;
const SLOTS = 2;
const WORDS = SLOTS_WORD + 4;
const STARTS = [0, 0x7fffffff, -1];

type Program = (words: Int32Array) => number[];

function writerOf(words: Int32Array, capacity = CAPACITY, slots = SLOTS): QueueWriter {
  return new QueueWriter(words, 0, capacity, slots);
}

function readerOf(words: Int32Array, slots = SLOTS): QueueReader {
  return new QueueReader(words, 0, slots);
}

/** Pushes 1, 2, … `count` in batches; returns those that found room. */
function producer(count: number, batch: number, capacity = CAPACITY, slots = SLOTS): Program {
  return (words) => {
    const ring = writerOf(words, capacity, slots);
    const sent: number[] = [];
    for (let n = 1; n <= count; n++) {
      const slot = ring.tryReserve();
      if (slot >= 0) {
        words[SLOTS_WORD + slot] = n;
        ring.commit();
        sent.push(n);
      }
      if (n % batch === 0) ring.publish();
    }
    ring.publish();
    return sent;
  };
}

/** Looks `looks` times; returns what it found. */
function consumer(looks: number, slots = SLOTS): Program {
  return (words) => {
    const ring = readerOf(words, slots);
    const received: number[] = [];
    for (let look = 0; look < looks; look++) {
      const slot = ring.peek();
      if (slot < 0) continue;
      received.push(words[SLOTS_WORD + slot]!);
      ring.release();
      ring.publish();
    }
    return received;
  };
}

function exploreQueue(start: number, programs: Program[]) {
  return explore(WORDS, (words) => {
    words[TAIL_WORD] = start;
    words[HEAD_WORD] = start;
  }, programs);
}

/** True if every outcome is: what was received is what was sent first, in order. */
function isFifo(outcomes: ReadonlyMap<string, number>): boolean {
  return [...outcomes.keys()].every((outcome) => {
    const [sent, received] = JSON.parse(outcome) as [number[], number[]];
    return received.every((n, i) => n === sent[i]);
  });
}

for (const start of STARTS) {
  for (const [capacity, slots] of [[2, 2], [3, 4]] as const) {
    for (const batch of [1, 2]) {
      Deno.test(`a SharedQueue of ${capacity} delivers in order in every interleaving, from index ${start}, batches of ${batch}`, () => {
        const programs = [producer(4, batch, capacity, slots), consumer(3, slots)];
        const { outcomes, races } = exploreQueue(start, programs);
        assertEquals([...races], []);
        assert(isFifo(outcomes), [...outcomes.keys()].join(" "));
        assertGreater(outcomes.size, 3); // full and empty were both met
      });
    }
  }
}

function isFaulty(programs: Program[]): boolean {
  const { outcomes, races } = exploreQueue(0, programs);
  return races.size > 0 || !isFifo(outcomes);
}

Deno.test("the model of SharedQueue catches a producer that publishes before it writes", () => {
  const hasty: Program = (words) => {
    const ring = writerOf(words);
    const slot = ring.tryReserve();
    ring.commit();
    ring.publish();
    words[SLOTS_WORD + slot] = 1;
    return [1];
  };
  assert(isFaulty([hasty, consumer(1)]));
});

Deno.test("the model of SharedQueue catches a producer that has room for one too many", () => {
  assert(isFaulty([producer(3, 1, CAPACITY + 1), consumer(3)]));
});

Deno.test("the model of SharedQueue catches a consumer that gives a slot back before it reads it", () => {
  const hasty: Program = (words) => {
    const ring = readerOf(words);
    const received: number[] = [];
    for (let look = 0; look < 2; look++) {
      const slot = ring.peek();
      if (slot < 0) continue;
      ring.release();
      ring.publish();
      received.push(words[SLOTS_WORD + slot]!);
    }
    return received;
  };
  assert(isFaulty([producer(4, 1), hasty]));
});

// ─── Sleeping, and the ends ────────────────────────────────────────────────────────────────────

function pushOne(words: Int32Array, ring = writerOf(words)): void {
  words[SLOTS_WORD + ring.tryReserve()] = 1;
  ring.commit();
  ring.publish();
}

const pusher: Program = (words) => {
  pushOne(words);
  return [];
};

const closer: Program = (words) => {
  const ring = writerOf(words);
  pushOne(words, ring);
  ring.close();
  return [];
};

const bareCloser: Program = (words) => {
  writerOf(words).close();
  return [];
};

const disposer: Program = (words) => {
  endQueue(words, 0);
  return [];
};

/** Goes to sleep if there is nothing; returns [1] if it fell asleep. */
const sleepyConsumer: Program = (words) => {
  const ring = readerOf(words);
  if (ring.peek() >= 0) return [0];
  return [Number(ring.mayWait())];
};

/** Finds the queue full, as one that has pushed before; returns [1] if it fell asleep. */
const sleepyProducer: Program = (words) => {
  const ring = writerOf(words);
  if (ring.tryReserve() >= 0) return [0];
  return [Number(ring.mayWait())];
};

const popper: Program = (words) => {
  const ring = readerOf(words);
  ring.peek();
  ring.release();
  ring.publish();
  return [];
};

const leaver: Program = (words) => {
  readerOf(words).leave();
  return [];
};

/** Outcomes in which a side sleeps for ever: its flag is still set, and the other is done. */
function lostWakeUps(other: Program, sleeper: Program, flag: number, isFull: boolean): number {
  const { outcomes, races } = explore(
    WORDS,
    (words) => words[TAIL_WORD] = isFull ? CAPACITY : 0,
    [other, sleeper],
    // A plain look at a word of the handshake may pass before the store in front of it.
    {
      racyWords: [flag, TAIL_WORD, HEAD_WORD],
      outcome: ([, slept], memory) => [...slept!, memory[flag]],
    },
  );
  assertEquals([...races], []);
  return [...outcomes.keys()].filter((outcome) => outcome === "[1,1]").length;
}

for (
  const [name, other] of [["pushes", pusher], ["closes", bareCloser], [
    "disposes of it",
    disposer,
  ]] as const
) {
  Deno.test(`a consumer that goes to sleep hears in every interleaving of one who ${name}`, () => {
    assertEquals(lostWakeUps(other, sleepyConsumer, POPPING_WORD, false), 0);
  });
}

for (
  const [name, other] of [["pops", popper], ["leaves", leaver], [
    "disposes of it",
    disposer,
  ]] as const
) {
  Deno.test(`a producer that goes to sleep hears in every interleaving of one who ${name}`, () => {
    assertEquals(lostWakeUps(other, sleepyProducer, PUSHING_WORD, true), 0);
  });
}

Deno.test("the model of SharedQueue catches a consumer that does not look again before it sleeps", () => {
  const blind: Program = (words) => {
    if (readerOf(words).peek() >= 0) return [0];
    Atomics.store(words, POPPING_WORD, 1);
    return [1];
  };
  assertGreater(lostWakeUps(pusher, blind, POPPING_WORD, false), 0);
});

Deno.test("the model of SharedQueue catches a producer that wakes before it publishes", () => {
  const early: Program = (words) => {
    if (Atomics.load(words, POPPING_WORD) === 1) Atomics.store(words, POPPING_WORD, 0);
    Atomics.store(words, TAIL_WORD, 1);
    return [];
  };
  assertGreater(lostWakeUps(early, sleepyConsumer, POPPING_WORD, false), 0);
});

Deno.test("the model of SharedQueue catches a producer that looks plainly whether the consumer sleeps", () => {
  const plain: Program = (words) => {
    Atomics.store(words, TAIL_WORD, 1);
    if (words[POPPING_WORD] === 1) Atomics.store(words, POPPING_WORD, 0);
    return [];
  };
  assertGreater(lostWakeUps(plain, sleepyConsumer, POPPING_WORD, false), 0);
});

/** Takes what there is, `looks` times; returns how much it had when it found that the queue was over, or -1. */
function drainer(
  looks: number,
  isOver = (ring: QueueReader, _words: Int32Array) => ring.isOver(),
): Program {
  return (words) => {
    const ring = readerOf(words);
    let taken = 0;
    for (let look = 0; look < looks; look++) {
      if (ring.peek() >= 0) {
        taken++;
        ring.release();
        ring.publish();
      } else if (isOver(ring, words)) return [taken];
    }
    return [-1];
  };
}

/** How many elements a consumer had taken when it found the end, in all interleavings. */
function takenAtEnd(program: Program): Set<number> {
  const { outcomes, races } = exploreQueue(0, [closer, program]);
  assertEquals([...races], []);
  return new Set([...outcomes.keys()].map((outcome) => JSON.parse(outcome)[1][0]));
}

Deno.test("a SharedQueue that is closed is drained before it is over, in every interleaving", () => {
  assertEquals(takenAtEnd(drainer(4)), new Set([-1, 1]));
});

Deno.test("the model of SharedQueue catches a consumer that does not look again behind the close", () => {
  const hasty = drainer(4, (_ring, words) => Atomics.load(words, CLOSED_WORD) === 1);
  assert(takenAtEnd(hasty).has(0));
});
