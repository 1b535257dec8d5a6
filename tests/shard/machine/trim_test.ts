/**
 * Memory goes back to the system: the kernel's own figures of a process of its own, of one without
 * `--allow-ffi`, and what another shard reads meanwhile.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { Runtime, type RuntimeOptions } from "@tidepool/core";
import { openLibc } from "../../../shard/machine/mod.ts";
import { trimTasks } from "./trim_tasks.ts";

const MIB = 2 ** 20;
const PROGRAM = new URL("./programs/trim.ts", import.meta.url);
const { whyNot } = openLibc();
const ignore = whyNot !== undefined;
const where = ignore ? ` (skipped: ${whyNot})` : "";

interface Outcome {
  readonly untouched: number;
  readonly filled: number;
  readonly freed: number;
  readonly given: number;
  readonly fallen: number;
  readonly again: number;
  readonly keptWrong: number;
  readonly refilled: number;
  readonly wrong: number;
  readonly last: number;
}

async function run(flags: readonly string[], options: RuntimeOptions): Promise<Outcome> {
  const { stdout, stderr, success } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-check",
      "--no-lock",
      "--no-prompt",
      ...flags,
      PROGRAM.href,
      JSON.stringify(options),
    ],
    cwd: new URL("../../../", import.meta.url),
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

for (const [name, options] of [["", {}], [" of a debug heap", { debugHeap: true }]] as const) {
  Deno.test({
    name:
      `mallocTrim()${name} gives free memory back, RSS falls, and it can be filled again${where}`,
    ignore,
    fn: async () => {
      const found = await run(["--allow-all"], options);
      // What lies beside a block that stays is in no whole page.
      assert(found.given >= 0.9 * found.freed && found.given < 1.1 * found.freed);
      assert(Math.abs(found.fallen - found.given) < 0.1 * found.given, JSON.stringify(found));
      assertEquals([found.keptWrong, found.wrong], [0, 0]);
      assert(found.untouched < MIB && found.again < MIB); // nothing counts that is not there
      assert(found.refilled > 60 * MIB && found.last >= 0.9 * found.refilled);
    },
  });
}

Deno.test("mallocTrim() without --allow-ffi gives nothing back, says so, and all goes on", async () => {
  const found = await run(["--allow-read", "--deny-ffi"], {});
  assertEquals([found.untouched, found.given, found.again, found.last], [0, 0, 0, 0]);
  assertEquals([found.keptWrong, found.wrong], [0, 0]);
  assert(found.refilled > 60 * MIB);
});

Deno.test({
  name: `a shard that reads while another gives the memory back sees 0 or the old bytes${where}`,
  ignore,
  fn: async () => {
    await using runtime = await Runtime.start({ shards: 2, memory: "64MiB" });
    const byteLength = 8 * MIB;
    const { address, word } = await runtime.submitTo(0, trimTasks.makeRead, byteLength);
    const reading = runtime.submitTo(1, trimTasks.read, address, byteLength, word);
    const given = await runtime.submitTo(0, trimTasks.giveAndTake, address, byteLength, word, 100);
    const { seen, passes } = await reading;
    assert(passes > 0 && given > 90 * byteLength);
    assertEquals(seen.filter((byte) => byte !== 0 && byte !== 0x5a), []);
  },
});

Deno.test({
  name: `trimAfterMs gives back what has been free for so long, on shards and the host${where}`,
  ignore,
  fn: async () => {
    const warnings: Error[] = [];
    await using runtime = await Runtime.start({
      shards: 1,
      memory: "32MiB",
      trimAfterMs: 100,
      onWarning: (warning) => warnings.push(warning),
    });
    await runtime.submitTo(0, trimTasks.fill, 8 * MIB);
    const address = await runtime.submitTo(0, trimTasks.first);
    await runtime.submitTo(0, trimTasks.free, 1000);
    const start = performance.now();
    const middle = new Uint8Array(runtime["endpoint"].buffer, address + 4 * MIB, 1);
    middle[0] = 1;
    // Nobody calls the shard: its own timer wakes it. Ends when the word has changed.
    while (middle[0] !== 0) {
      assert(performance.now() - start < 20_000, "the memory is still there");
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    assert(performance.now() - start > 95);
    await runtime.submitTo(0, trimTasks.check);
    assertEquals(await runtime.submitTo(0, trimTasks.wrongBytes), 0);
    assertEquals(warnings, []);
    assertEquals(
      runtime.placement(0).problems.filter((problem) => problem.includes("memory goes back")),
      [],
    );
  },
});

Deno.test({
  name: `trimAfterMs of memory that is locked ends with a warning, once for each endpoint${where}`,
  ignore,
  fn: async () => {
    const warnings: string[] = [];
    const warned = Promise.withResolvers<void>();
    await using runtime = await Runtime.start({
      shards: 1,
      memory: "16MiB",
      placement: { lock: true },
      trimAfterMs: 100,
      onWarning: ({ message }) => {
        warnings.push(message);
        if (warnings.length === 2) warned.resolve();
      },
    });
    if (runtime.placement(0).problems.length > 0) return; // it may lock no memory
    await runtime.submitTo(0, trimTasks.fill, MIB);
    await warned.promise;
    await runtime.submitTo(0, trimTasks.fill, MIB);
    const refused = "is given back: Cannot give memory back: madvise(MADV_DONTNEED) failed with " +
      "EINVAL: locked memory stays: leave `lock` out";
    assertEquals(
      warnings.sort(),
      [0, 1].map((endpoint) => `No more memory of endpoint ${endpoint} ${refused}`),
    );
    assertEquals(await runtime.submitTo(0, trimTasks.trim), 0);
  },
});

Deno.test("trimAfterMs without --allow-ffi changes nothing, and placement() says why", async () => {
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: [
      "eval",
      "--no-check",
      "--no-lock",
      "--ext=ts",
      `import { Runtime } from "@tidepool/core";
       Deno.permissions.revokeSync({ name: "ffi" });
       await using runtime = await Runtime.start({ shards: 1, memory: "16MiB", trimAfterMs: 100 });
       console.log(runtime.placement(0).problems.at(-1));`,
    ],
    cwd: new URL("../../../", import.meta.url),
  }).output();
  assert(success);
  assertStringIncludes(new TextDecoder().decode(stdout), "no memory goes back to the system: ");
});
