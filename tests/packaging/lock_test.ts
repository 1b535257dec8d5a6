/** What a first command downloads: all that the lock file of the root names, whoever needs it. */
import { assertEquals } from "@std/assert";

Deno.test("the root's lock file names what tests import, and nothing that benchmarks or mutants alone need", async () => {
  const lock = JSON.parse(
    await Deno.readTextFile(new URL("../../deno.lock", import.meta.url)),
  );
  assertEquals(Object.keys(lock.specifiers).sort(), [
    "npm:deno-std@1.4.0", // stands in for @std/assert: see harness/std_assert
    "npm:fast-check@4.10.2",
    "npm:memcache-client@1.0.5", // clients_test.ts of the memcached example
    "npm:memjs@1.3.2",
    "npm:typescript@6.0.3", // tests/mutants plays the mutants' own code
  ]);
});
