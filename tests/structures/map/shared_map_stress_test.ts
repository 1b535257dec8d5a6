/**
 * Shared maps with real Workers: one shard changes them, two read. TIDEPOOL_READS says how many values are
 * read, a million unless given, and a tenth as many changes are made; `deno task soak:structures` does it for
 * minutes.
 */
import { assert, assertEquals } from "@std/assert";
import { withRandom } from "../../harness/seeded_random.ts";
import { stress } from "./stress.ts";

const READS = Number(Deno.env.get("TIDEPOOL_READS") ?? 1_000_000);

Deno.test("readers meet no torn value, none that goes back, and all that lasts, whatever the owner does", () =>
  withRandom(async ({ seed }) => {
    const report = await stress({ seed, reads: READS, writes: READS / 10, readers: 2, keys: 3000 });
    const { torn, backwards, missed, wrong, leaked, ...done } = report;
    assertEquals({ torn, backwards, missed, wrong, leaked }, {
      torn: 0,
      backwards: 0,
      missed: 0,
      wrong: 0,
      leaked: 0,
    });
    assert(done.reads >= READS && done.writes >= READS / 10, JSON.stringify(done));
    assert(done.found > done.reads / 4 && done.renewals > 0, JSON.stringify(done));
  }));
