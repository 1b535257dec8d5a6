/**
 * The ring, the marks of arrivals and the sleep handshake in every interleaving: production code, on
 * a ring of two slots.
 * Covered: full and empty rings, publishing one by one and in batches, indices about to wrap, a
 * sender that looks whether the receiver sleeps. Not covered: the waiting itself, which the stress
 * tests do with real threads.
 */
import { assert, assertEquals, assertGreater } from "@std/assert";
import { Arrivals } from "../../../shard/ring/arrivals.ts";
import { PARKED_BYTES, PENDING_BYTES, SENDERS_PER_LINE } from "../../../shard/ring/control_page.ts";
import { RECORD_WORDS } from "../../../shard/ring/record_layout.ts";
import { RING_HEAD_BYTES, RING_SLOTS_BYTES, ringBytes } from "../../../shard/ring/ring_layout.ts";
import { RingConsumer, RingProducer } from "../../../shard/ring/spsc_ring.ts";
import { Doorbells } from "../../../shard/ring/wait_strategy.ts";
import { explore } from "../../harness/interleaver.ts";

const SLOTS = 2;
const RING_WORDS = ringBytes(SLOTS) >> 2;
const HEAD = RING_HEAD_BYTES >> 2;
const STARTS = [0, 0x7fffffff, -1];
/** A control page after the ring: of the only receiver. */
const PAGE_BYTES = RING_WORDS * 4;
const PARKED = (PAGE_BYTES + PARKED_BYTES) >> 2;
const PENDING = (PAGE_BYTES + PENDING_BYTES) >> 2;
const SENDER = 0;
/** Endpoints, so few that nothing is marked, and so many that lines are. */
const FEW = SENDERS_PER_LINE;
const MANY = SENDERS_PER_LINE + 1;
const TAIL = arrivalsOf(new Int32Array(1), FEW).tailWord(SENDER);
const WORDS = TAIL + 1;

type Program = (words: Int32Array) => number[];

/** Pushes 1, 2, … `count` in batches; returns those that found room. */
function producer(count: number, batch: number): Program {
  return (words) => {
    const ring = new RingProducer(words, 0, SLOTS, TAIL);
    const sent: number[] = [];
    for (let n = 1; n <= count; n++) {
      const at = ring.tryReserve();
      if (at >= 0) {
        words[at] = n;
        words[at + RECORD_WORDS - 1] = -n;
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
function consumer(looks: number): Program {
  return (words) => {
    const ring = new RingConsumer(words, 0, SLOTS, TAIL);
    const received: number[] = [];
    for (let look = 0; look < looks; look++) {
      const at = ring.peek();
      if (at < 0) continue;
      received.push(words[at]!);
      assertEquals(words[at + RECORD_WORDS - 1], -words[at]!);
      ring.release();
      ring.publish();
    }
    return received;
  };
}

function exploreRing(start: number, programs: Program[]) {
  return explore(WORDS, (words) => {
    words[TAIL] = start;
    words[HEAD] = start;
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
  for (const batch of [1, 2]) {
    Deno.test(`a ring delivers in order in every interleaving, from index ${start}, batches of ${batch}`, () => {
      const { outcomes, races, states } = exploreRing(start, [producer(4, batch), consumer(4)]);
      assertEquals([...races], []);
      assert(isFifo(outcomes), [...outcomes.keys()].join(" "));
      assertGreater(outcomes.size, 3); // full and empty were both met
      assertGreater(states, 100);
    });
  }
}

Deno.test("the model of the ring catches a producer that publishes before it writes", () => {
  const hasty: Program = (words) => {
    const ring = new RingProducer(words, 0, SLOTS, TAIL);
    const at = ring.tryReserve();
    ring.commit();
    ring.publish();
    words[at] = 1;
    words[at + RECORD_WORDS - 1] = -1;
    return [1];
  };
  let noticed = false;
  try {
    noticed = exploreRing(0, [hasty, consumer(2)]).races.size > 0;
  } catch {
    noticed = true; // the consumer saw a record half written
  }
  assert(noticed);
});

Deno.test("the model of the ring catches a full test that is off by one", () => {
  const greedy: Program = (words) => {
    const sent: number[] = [];
    for (let n = 1; n <= 3; n++) {
      const tail = words[TAIL]!;
      if (((tail - Atomics.load(words, HEAD)) | 0) > SLOTS) continue; // should be >=
      const at = (RING_SLOTS_BYTES >> 2) + (tail & (SLOTS - 1)) * RECORD_WORDS;
      words[at] = n;
      words[at + RECORD_WORDS - 1] = -n;
      Atomics.store(words, TAIL, (tail + 1) | 0);
      sent.push(n);
    }
    return sent;
  };
  let noticed = false;
  try {
    const { outcomes, races } = exploreRing(0, [greedy, consumer(3)]);
    noticed = races.size > 0 || !isFifo(outcomes);
  } catch {
    noticed = true;
  }
  assert(noticed);
});

function publishOne(words: Int32Array): void {
  const ring = new RingProducer(words, 0, SLOTS, TAIL);
  ring.tryReserve();
  ring.commit();
  ring.publish();
}

function arrivalsOf(words: Int32Array, endpointCount: number): Arrivals {
  return new Arrivals(words, PAGE_BYTES, endpointCount);
}

function doorbell(words: Int32Array): Doorbells {
  return new Doorbells(words, [PARKED], 0);
}

/** Publishes one record, says so and rings, as `flush()` does; returns [1] if it woke the sleeper. */
function sender(endpointCount: number): Program {
  return (words) => {
    publishOne(words);
    arrivalsOf(words, endpointCount).mark(SENDER);
    return [Number(doorbell(words).ring(0))];
  };
}

/** Goes to sleep as `attend()` does; returns [1] if it fell asleep. */
function sleeper(endpointCount: number, looksAgain = true): Program {
  return (words) => {
    const bell = doorbell(words);
    const arrivals = arrivalsOf(words, endpointCount);
    const ring = new RingConsumer(words, 0, SLOTS, TAIL);
    bell.announceSleep();
    if (looksAgain && (arrivals.marked ? arrivals.isMarked() : !ring.isEmpty())) {
      bell.cancelSleep();
      return [0];
    }
    return [1];
  };
}

/**
 * Outcomes in which the receiver sleeps, PARKED is still set, and nobody has rung. A plain look at a
 * word of the handshake may pass before the store in front of it.
 */
function lostWakeUps(programs: Program[]): number {
  const { outcomes, races } = explore(WORDS, () => {}, programs, {
    racyWords: [PARKED, TAIL, PENDING],
    outcome: (results, memory) => [...results.flat(), memory[PARKED]],
  });
  assertEquals([...races], []);
  return [...outcomes.keys()].filter((outcome) => {
    const [rung, asleep, parked] = JSON.parse(outcome) as number[];
    return asleep === 1 && rung === 0 && parked === 1;
  }).length;
}

for (const endpoints of [FEW, MANY]) {
  Deno.test(`a receiver that goes to sleep misses no message in any interleaving, of ${endpoints} endpoints`, () => {
    assertEquals(lostWakeUps([sender(endpoints), sleeper(endpoints)]), 0);
  });

  Deno.test(`the model of the handshake catches a receiver that does not look again, of ${endpoints} endpoints`, () => {
    assertGreater(lostWakeUps([sender(endpoints), sleeper(endpoints, false)]), 0);
  });
}

Deno.test("the model of the handshake catches a sender that looks plainly whether the receiver sleeps", () => {
  const plain: Program = (words) => {
    publishOne(words);
    const isParked = words[PARKED] === 1;
    return [Number(isParked && doorbell(words).ring(0))];
  };
  assertGreater(lostWakeUps([plain, sleeper(FEW)]), 0);
});

Deno.test("the model of the handshake catches a sender that rings before it publishes", () => {
  const early: Program = (words) => {
    const rung = Number(doorbell(words).ring(0));
    publishOne(words);
    return [rung];
  };
  assertGreater(lostWakeUps([early, sleeper(FEW)]), 0);
});

Deno.test("the model of the handshake catches a sender that rings before it marks its line", () => {
  const early: Program = (words) => {
    publishOne(words);
    const rung = Number(doorbell(words).ring(0));
    arrivalsOf(words, MANY).mark(SENDER);
    return [rung];
  };
  assertGreater(lostWakeUps([early, sleeper(MANY)]), 0);
});

/** Sends twice; returns nothing. */
function sendTwice(endpointCount: number, marksFirst = false): Program {
  return (words) => {
    const ring = new RingProducer(words, 0, SLOTS, TAIL);
    const arrivals = arrivalsOf(words, endpointCount);
    for (let n = 0; n < 2; n++) {
      ring.tryReserve();
      ring.commit();
      if (marksFirst) arrivals.mark(SENDER);
      ring.publish();
      if (!marksFirst) arrivals.mark(SENDER);
    }
    return [];
  };
}

/** Takes the marks and reads the ring in the line they name, twice; returns how many records it found. */
function taker(endpointCount: number): Program {
  return (words) => {
    const arrivals = arrivalsOf(words, endpointCount);
    const ring = new RingConsumer(words, 0, SLOTS, TAIL);
    let found = 0;
    for (let look = 0; look < 2; look++) {
      if (arrivals.marked && !arrivals.looksMarked()) continue;
      if (arrivals.take() === 0 || ring.looksEmpty()) continue;
      for (; ring.peek() >= 0; ring.release()) found++;
      ring.publish();
    }
    return [found];
  };
}

/** Outcomes in which a record lies in the ring and no mark says so. */
function forgottenRecords(programs: Program[]): number {
  const { outcomes, races } = explore(WORDS, () => {}, programs, {
    outcome: (results, memory) => [...results.flat(), memory[PENDING]],
    racyWords: [PENDING, TAIL],
  });
  assertEquals([...races], []);
  return [...outcomes.keys()].filter((outcome) => {
    const [found, pending] = JSON.parse(outcome) as number[];
    return found! < 2 && pending === 0;
  }).length;
}

Deno.test("a record that is not read has its line marked in every interleaving", () => {
  assertEquals(forgottenRecords([sendTwice(MANY), taker(MANY)]), 0);
});

Deno.test("the model of the marks catches a sender that marks its line before it publishes", () => {
  assertGreater(forgottenRecords([sendTwice(MANY, true), taker(MANY)]), 0);
});

Deno.test("where nothing is marked, plain looks at TAIL lead to whole records in every interleaving", () => {
  const { outcomes, races } = explore(WORDS, () => {}, [sendTwice(FEW), taker(FEW)], {
    racyWords: [TAIL],
  });
  assertEquals([...races], []);
  assertEquals(new Set(outcomes.keys()), new Set(["[[],[0]]", "[[],[1]]", "[[],[2]]"]));
});
