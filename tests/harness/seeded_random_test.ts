import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import * as fc from "fast-check";
import { checkProperty, runSeed, SeededRandom, withRandom } from "./seeded_random.ts";

const INSTRUCTION =
  /\nSeed (-?\d+): run it again with TIDEPOOL_SEED=\1 deno task test tests\/harness\/seeded_random_test\.ts$/;

/** The seed that a failure's last line says. */
function seedOf(message: string): number {
  const instruction = INSTRUCTION.exec(message);
  assert(instruction !== null, message);
  return Number(instruction[1]);
}

/** Runs `body` as a test that was told a seed runs it. */
function withSeed<Result>(seed: number, body: () => Result): Result {
  const before = Deno.env.get("TIDEPOOL_SEED");
  Deno.env.set("TIDEPOOL_SEED", String(seed));
  try {
    return body();
  } finally {
    if (before === undefined) Deno.env.delete("TIDEPOOL_SEED");
    else Deno.env.set("TIDEPOOL_SEED", before);
  }
}

Deno.test("withRandom() says the seed of a failure, and with that seed it fails alike", async () => {
  const fail = ({ seed }: SeededRandom): void => {
    throw new RangeError(`${new SeededRandom(seed).next()} is wrong`);
  };
  const first = assertThrows(() => withRandom(fail), Error);
  const again = assertThrows(() => withSeed(seedOf(first.message), () => withRandom(fail)), Error);
  assertEquals(again.message, first.message);
  assert(first.cause instanceof RangeError);

  const later = async (random: SeededRandom): Promise<void> => {
    await Promise.resolve();
    fail(random);
  };
  const rejected = await assertRejects(() => withRandom(later), Error);
  const seed = seedOf(rejected.message);
  const same = await assertRejects(() => withSeed(seed, () => withRandom(later)), Error);
  assertEquals(same.message, rejected.message);
});

Deno.test("checkProperty() says the seed of a failure, and with that seed it finds the same", () => {
  const property = fc.property(fc.nat(), (n) => n < 1000);
  const first = assertThrows(() => checkProperty(property, 1000), Error);
  const seed = seedOf(first.message);
  const again = assertThrows(() => withSeed(seed, () => checkProperty(property, 1000)), Error);
  assertEquals(again.message, first.message);
});

Deno.test("TIDEPOOL_SEED is a whole number", () => {
  assertEquals(withSeed(42, runSeed), 42);
  assertThrows(() => withSeed(NaN, runSeed), RangeError, "TIDEPOOL_SEED is no whole number: NaN");
});
