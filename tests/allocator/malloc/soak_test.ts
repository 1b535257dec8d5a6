/** A moment of each soak; `deno task soak` runs the same for longer. */
import { assert } from "@std/assert";
import { withRandom } from "../../harness/seeded_random.ts";
import { Soak } from "./soak.ts";

Deno.test("a soak of blocks of up to 32 MiB keeps every byte", () => {
  withRandom((random) => {
    const soak = new Soak(random, {
      sliceBytes: 2 ** 26,
      meanBytes: 10_000,
      mostBytes: 2 ** 25,
      blocks: 500,
      checkEvery: 1000,
      debugHeap: false,
    });
    soak.run(20_000);
    soak.finish();
  });
});

Deno.test("a soak of small blocks in slices that are often full keeps every byte", () => {
  withRandom((random) => {
    const soak = new Soak(random, {
      sliceBytes: 2 ** 16,
      meanBytes: 300,
      mostBytes: 2 ** 15,
      blocks: 400,
      checkEvery: 500,
      debugHeap: false,
    });
    soak.run(50_000);
    assert(soak.failures > 100, `only ${soak.failures} requests found no room`);
    soak.finish();
  });
});

Deno.test("a soak of debug heaps keeps every byte", () => {
  withRandom((random) => {
    const soak = new Soak(random, {
      sliceBytes: 2 ** 20,
      meanBytes: 300,
      mostBytes: 2 ** 17,
      blocks: 500,
      checkEvery: 2000,
      debugHeap: true,
    });
    soak.run(10_000);
    soak.finish();
  });
});
