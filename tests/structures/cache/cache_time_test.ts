/** The time of an owner on other threads, whose clocks begin elsewhere, while the wall clock is set. */
import { assert, assertEquals } from "@std/assert";
import { type Clocks, OwnersTime, ReadersTime } from "../../../structures/cache/cache_time.ts";
import { type SeededRandom, withRandom } from "../../harness/seeded_random.ts";

/** What no thread can see: the time that passes, and what the wall clock is set to. */
class World {
  time = 1e6 + 0.25;
  /** Gives how long a thread stands still before it looks at a clock. */
  stops: () => number = () => 0;
  wallIsAhead = 1.7e12 + 0.6;

  /** The clocks of a thread that began at some time. */
  clocks(began: number): Clocks {
    return {
      monotonic: () => (this.time += this.stops()) - began,
      wall: () => Math.floor((this.time += this.stops()) + this.wallIsAhead),
    };
  }
}

class Times {
  readonly world = new World();
  readonly memory = new Float64Array(1);
  readonly owner = new OwnersTime(this.memory, 0, this.world.clocks(999_000.125));

  reader(began = 1e6): ReadersTime {
    return new ReadersTime(this.memory, 0, this.world.clocks(began));
  }

  /** By how much a reader's time is ahead of the owner's. */
  lead(reader: ReadersTime): number {
    return reader.now() - (this.world.time - 999_000.125);
  }
}

function assertExact(lead: number): void {
  assert(lead >= 0 && lead <= 2, `a reader's time is ahead by ${lead} ms`);
}

Deno.test("a reader's time is the owner's, and up to 2 ms ahead, wherever its own clock began", () => {
  withRandom((random: SeededRandom) => {
    const times = new Times();
    for (let i = 0; i < 1000; i++) {
      times.world.time += random.below(1000) / 128;
      assertExact(times.lead(times.reader(random.below(10_000) / 128)));
      if (i % 10 === 0) times.owner.now();
    }
  });
});

Deno.test("a wall clock that is set changes nothing for who has looked before", () => {
  const times = new Times();
  const reader = times.reader();
  assertExact(times.lead(reader));
  for (const step of [3_600_000, -86_400_000, 5]) {
    times.world.wallIsAhead += step;
    times.world.time += 100;
    assertExact(times.lead(reader));
  }
});

Deno.test("a wall clock that was set is noticed by the owner within a second of its time, and by readers then", () => {
  const times = new Times();
  const early = times.reader();
  assertExact(times.lead(early));
  times.world.wallIsAhead += 3_600_000;
  const late = times.reader();
  // The owner was not asked since.
  assert(times.lead(late) > 3_000_000);
  times.world.time += 1001;
  times.owner.now();
  assertExact(times.lead(late));
  assertExact(times.lead(early));
  assertExact(times.lead(times.reader()));
});

Deno.test("the owner writes nothing as long as the wall clock goes as its own does", () => {
  const times = new Times();
  const before = times.memory[0];
  assert(Number.isFinite(before));
  for (let i = 0; i < 100; i++) {
    times.world.time += 1234.567;
    times.owner.now();
  }
  assertEquals(times.memory[0], before);
});

Deno.test("threads that are stopped between two looks at their clocks are not behind for it", () => {
  withRandom((random) => {
    for (let i = 0; i < 300; i++) {
      const times = new Times();
      times.world.stops = () => random.below(3) === 0 ? random.below(100_000) / 1024 : 0;
      for (let round = 0; round < 5; round++) {
        times.world.time += 1001;
        times.owner.now();
        const reader = times.reader(random.below(10_000) / 128);
        reader.now();
        times.world.stops = () => 0;
        const lead = times.lead(reader);
        // All of ten looks may have been slow.
        assert(lead >= 0 && lead < 110, `a reader's time is ahead by ${lead} ms`);
        times.world.stops = () => random.below(3) === 0 ? random.below(100_000) / 1024 : 0;
      }
    }
  });
});
