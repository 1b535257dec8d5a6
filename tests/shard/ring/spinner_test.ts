import { assert, assertEquals, assertFalse } from "@std/assert";
import { Endpoint } from "../../../shard/calls/endpoint.ts";
import { shapeFor } from "../../../shard/host/runtime_options.ts";
import { SegmentLayout } from "../../../shard/calls/segment_layout.ts";
import { PARKED_BYTES } from "../../../shard/ring/control_page.ts";
import { Spinner } from "../../../shard/ring/spinner.ts";
import { type Attended, Doorbells } from "../../../shard/ring/wait_strategy.ts";

/** A bus to which something comes after so many looks. */
function busyAfter(looks: number, { maySpin = true, awaitsReply = false } = {}): Attended {
  return {
    poll: () => 0,
    looksBusy: () => --looks < 0,
    isBusy: () => false,
    open: true,
    awaitsReply,
    maySpin: () => maySpin,
    sleeping: () => {},
  };
}

/** A moment's steps, until something is seen or the time is over; true if it was seen. */
function spin(spinner: Spinner, bus: Attended): boolean {
  for (let step = spinner.step(bus);; step = spinner.step(bus)) {
    if (step === "over") return false;
    if (step === "seen") {
      spinner.end(performance.now());
      return true;
    }
  }
}

/** Its steps, up to `count`. */
function steps(spinner: Spinner, bus: Attended, count: number): string[] {
  return Array.from({ length: count }, () => spinner.step(bus));
}

const NEVER = busyAfter(Infinity);
const LONG = 10_000_000;

/** Whether `spinner` spins before a sleep now. */
function isDue(spinner: Spinner): boolean {
  const step = spinner.step(NEVER);
  while (spinner.step(NEVER) !== "over");
  return step !== "over";
}

Deno.test("Spinner.step() sees what comes, at the first look and at the thousandth", () => {
  const spinner = new Spinner(LONG, false);
  assert(spin(spinner, busyAfter(0)));
  assert(spin(spinner, busyAfter(1000)));
});

Deno.test("Spinner.step() wants turns of microtasks at first, and of the event loop once its first microseconds are over", () => {
  assertEquals(new Set(steps(new Spinner(LONG, false), NEVER, 100)), new Set(["again"]));
  withClock(() => {
    const spinner = new Spinner(16_000 / 128, false);
    const seen: string[] = [];
    do seen.push(spinner.step(NEVER)); while (seen.at(-1) !== "over");
    const of = (step: string) => seen.filter((each) => each === step).length;
    // 16 looks at the clock, eight steps apart, then one at each step, until eight times the time is over.
    assertEquals([of("again"), of("turn"), of("over")], [16 * 8, 7 * 16, 1]);
    assertEquals(seen.indexOf("turn"), 16 * 8);
  });
});

/** Runs `work` with a clock that goes on by a 128th of a millisecond at each look. */
function withClock(work: () => void): void {
  const { now } = performance;
  let looks = 0;
  performance.now = () => ++looks / 128;
  try {
    work();
  } finally {
    performance.now = now;
  }
}

/** Has `spinner` wait for a message that comes within 12 µs, or later; true if it spun. */
function wait(spinner: Spinner, isQuick: boolean): boolean {
  if (spinner.step(NEVER) === "over") return false;
  for (let late = 0; !isQuick && late < 2; late++) performance.now();
  spinner.end(performance.now());
  return true;
}

Deno.test("a crowded Spinner spins while messages come quickly, and not while they only come", () => {
  withClock(() => {
    const spinner = new Spinner(50, true);
    for (let waits = 0; waits < 100; waits++) assert(wait(spinner, true));
    for (let waits = 0; waits < 4; waits++) assert(wait(spinner, false));
    assertFalse(spinner.pays(NEVER));
    const roomy = new Spinner(50, false);
    for (let waits = 0; waits < 100; waits++) assert(wait(roomy, false));
  });
});

Deno.test("a crowded Spinner's trials are of eight waits, six of which must be quick", () => {
  withClock(() => {
    const spinner = new Spinner(50, true);
    for (let waits = 0; waits < 4; waits++) wait(spinner, false);
    /** Waits until a trial begins, whose waits are quick or not; how many there were before it. */
    const trial = (quick: number): number => {
      let before = 0;
      while (!wait(spinner, quick > 0)) before++;
      for (let waits = 1; waits < 8; waits++) assert(wait(spinner, waits < quick));
      return before;
    };
    const trials = [0, 5, 0, 5, 0, 0, 0, 0].map(trial);
    assertEquals(trials, [7, 15, 31, 63, 127, 255, 511, 511]); // one in 8, 16, 32 … 512
    assertFalse(spinner.pays(NEVER));
    trial(6);
    assert(spinner.pays(NEVER));
    for (let waits = 0; waits < 4; waits++) wait(spinner, false);
    assertEquals(trial(0), 7, "it begins again with one wait in eight");
  });
});

Deno.test("a crowded Spinner never blocks", () => {
  const spinner = new Spinner(1, true);
  for (let miss = 0; miss < 4; miss++) spin(spinner, NEVER);
  const rung = doorbells();
  rung.ringSelf();
  assertFalse(spinner.block(NEVER, rung));
});

Deno.test("a Spinner spins seldom once four spins in a row have missed, and again after a hit", () => {
  const spinner = new Spinner(1, false);
  for (let miss = 0; miss < 4; miss++) {
    assert(spinner.pays(NEVER));
    assertFalse(spin(spinner, NEVER));
  }
  assertFalse(spinner.pays(NEVER));
  const trials: number[] = [];
  for (let wait = 1; wait <= 1000; wait++) {
    if (spinner.step(NEVER) === "over") continue;
    trials.push(wait);
    assertFalse(spin(spinner, NEVER));
  }
  assertEquals(trials, [8, 24, 56, 120, 248, 504, 760]); // one in 8, 16, 32 … 256
  hit(spinner);
  assert(spinner.pays(NEVER));
  assert(isDue(spinner));
});

/** Has `spinner` spin until it sees something in time: a microsecond is soon over. */
function hit(spinner: Spinner): void {
  while (!spinner.pays(NEVER)) spin(spinner, busyAfter(0));
}

Deno.test("a message that a spin sees after its time is over is a miss: something else had the core", () => {
  const spinner = new Spinner(1, false);
  const late = busyAfter(0);
  late.looksBusy = () => {
    for (const end = performance.now() + 0.01; performance.now() < end;);
    return true;
  };
  for (let spins = 0; spins < 4; spins++) {
    assert(spinner.pays(late));
    assert(spin(spinner, late));
  }
  assertFalse(spinner.pays(late));
});

Deno.test("a Spinner learns of waits for replies and of waits for calls apart", () => {
  const spinner = new Spinner(1, false);
  for (let miss = 0; miss < 4; miss++) spin(spinner, NEVER);
  assertFalse(spinner.pays(NEVER));
  assert(spinner.pays(busyAfter(0, { awaitsReply: true })));
});

Deno.test("a Spinner with 0 microseconds neither spins nor blocks, and where cores are short none spins", () => {
  const off = new Spinner(0, false);
  const crowded = busyAfter(0, { maySpin: false });
  const on = new Spinner(50, false);
  for (let wait = 0; wait < 20; wait++) {
    assertEquals(off.step(busyAfter(0)), "over");
    assertFalse(off.block(NEVER, doorbells()));
    assertEquals(on.step(crowded), "over");
  }
  assertFalse(off.pays(NEVER));
});

Deno.test("a spin that is ended because cores are short is no miss", () => {
  const spinner = new Spinner(LONG, false);
  for (let spins = 0; spins < 10; spins++) {
    let maySpin = true;
    const bus = busyAfter(Infinity);
    bus.maySpin = () => maySpin;
    assertEquals(spinner.step(bus), "again");
    maySpin = false;
    assertFalse(spin(spinner, bus));
  }
  assert(spinner.pays(NEVER));
});

/** Doorbells of two endpoints, of which the first is about to sleep. */
function doorbells(): Doorbells {
  const bells = new Doorbells(new Int32Array(new SharedArrayBuffer(8)), [0, 1], 0);
  bells.announceSleep();
  return bells;
}

Deno.test("a Spinner blocks where spinning does not pay, until it is rung or its time is over", () => {
  const spinner = new Spinner(1, false);
  assertFalse(spinner.block(NEVER, doorbells()), "spinning is quicker while it pays");
  for (let miss = 0; miss < 4; miss++) spin(spinner, NEVER);
  const rung = doorbells();
  rung.ringSelf();
  assert(spinner.block(NEVER, rung));
  assertFalse(spinner.block(NEVER, doorbells()));
  hit(spinner);
  assertFalse(spinner.block(NEVER, rung), "it pays again");
});

Deno.test("a Spinner blocks seldom once four blocks in a row have missed, and again after a hit", () => {
  const spinner = new Spinner(1, false);
  for (let miss = 0; miss < 4; miss++) spin(spinner, NEVER);
  let waits = 0;
  const bells = doorbells();
  const block = bells.block.bind(bells);
  bells.block = (ms) => {
    waits++;
    return block(ms);
  };
  for (let wait = 0; wait < 4 + 8 + 16; wait++) assertFalse(spinner.block(NEVER, bells));
  assertEquals(waits, 4 + 2);
  bells.ringSelf();
  while (!spinner.block(NEVER, bells));
  bells.announceSleep();
  waits = 0;
  spinner.block(NEVER, bells);
  assertEquals(waits, 1);
});

Deno.test("MessageBus.maySpin() while no more endpoints are awake than there are cores", () => {
  const cores = navigator.hardwareConcurrency;
  const shape = shapeFor({ shards: cores + 1, memory: (cores + 1) * 2 ** 20, ringSlots: 2 });
  const layout = new SegmentLayout(shape);
  const buffer = new SharedArrayBuffer(layout.byteLength);
  const setup = { buffer, shape, spinMicroseconds: 50, wireTypes: [], debug: false };
  const { bus } = new Endpoint({ ...setup, endpoint: layout.host, debugHeap: false }, () => {});
  const words = new Int32Array(buffer, 0, layout.controlByteLength >> 2);
  const park = (shard: number, parked: number) => {
    words[(layout.controlPage(shard) + PARKED_BYTES) >> 2] = parked;
  };
  for (let shard = 0; shard <= cores; shard++) park(shard, 1);
  for (let shard = 0; shard < cores - 1; shard++) {
    assert(bus.maySpin(), `${shard + 1} of ${cores} cores are taken`);
    park(shard, 0);
  }
  assert(bus.maySpin());
  park(cores, 0);
  assertFalse(bus.maySpin());
  bus.declareGone(cores, new Error("dead"), true);
  assert(bus.maySpin(), "the dead take no core");
});
