/**
 * The replay over real shards, and the program as a user runs it, in a process of its own. Its parts
 * have their tests in the folder beside this file.
 */
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { Runtime } from "@tidepool/core";
import { ReplayError } from "../../examples/replay/errors.ts";
import { planReplay, PROGRAM_WORDS } from "../../examples/replay/plan.ts";
import { replayTasks } from "../../examples/replay/replay_tasks.ts";
import { replayPlan, replayTrace } from "../../examples/replay/run.ts";
import type { HandOverMode } from "../../examples/replay/shard_replay.ts";
import { sum } from "../../examples/replay/sum.ts";
import { bundledTracePath, randomTrace, traceOf } from "../harness/trace.ts";
import { sabotageTasks } from "./replay/sabotage_tasks.ts";

const MIB = 2 ** 20;
const MAIN = `${import.meta.dirname}/../../examples/replay/main.ts`;

/** What `deno task replay` runs, with its permissions, with `words` after it. */
async function replayCommand(...words: string[]) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--no-check",
      "--no-prompt",
      "--allow-read",
      "--allow-env=COLUMNS,NO_COLOR",
      MAIN,
      ...words,
    ],
    env: { NO_COLOR: "1", COLUMNS: "100" },
  }).output();
  const decoder = new TextDecoder();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

const MODES: readonly HandOverMode[] = ["address", "foreign"];

for (const handOver of MODES) {
  Deno.test(`replayTrace() keeps three threads' blocks, handed over by ${handOver}`, async () => {
    const options = { seed: 20240607, threads: 3, operations: 6000, maxSize: 3000 };
    const where = `randomTrace(${JSON.stringify(options)})`;
    const trace = await traceOf(randomTrace(options));
    const progress: number[] = [];
    const result = await replayTrace(trace, {
      shards: 3,
      handOver,
      onProgress: (done) => progress.push(done),
    });
    assertEquals(result.leakedBlocks, 0, where);
    assertEquals(result.unexpectedBlocks, 0, where);
    assertEquals(progress.at(-1), 6000);
    assertEquals(progress, progress.toSorted((a, b) => a - b));
    const { shards } = result;
    assertEquals(sum(shards, (shard) => shard.handOvers), result.handOvers, where);
    assertEquals(sum(shards, ({ latency }) => latency.count), result.handOvers, where);
    const made = sum(shards, ({ mallocs }) => mallocs);
    assertEquals(made - sum(shards, ({ frees }) => frees), trace.liveBlocks, where);
    const sent = sum(shards, ({ remoteFreesSent }) => remoteFreesSent);
    assertEquals(sum(shards, ({ remoteFreesReceived }) => remoteFreesReceived), sent, where);
    const destroyed = sum(shards, ({ destroyedAtHome }) => destroyedAtHome);
    if (handOver === "address") {
      assert(sent > 100, `${where}: ${sent} remote frees`);
      assertEquals(destroyed, 0, where);
    } else {
      assertEquals(sent, 0, `${where}: a pointer's block is freed at home`);
      assert(destroyed > 100, `${where}: ${destroyed} pointers destroyed`);
    }
  });
}

Deno.test("replayTasks find a byte that was overwritten, and the error reaches the host", async () => {
  const trace = await traceOf("a 0 3 5000\nr 1 3 6000\n");
  const [first, second] = planReplay(trace, 2).programs;
  await using runtime = await Runtime.start({ shards: 2, memory: 4 * MIB });
  for (const shard of [0, 1]) await runtime.submitTo(shard, replayTasks.begin, "address", MIB);
  assertEquals(await runtime.submitTo(0, replayTasks.run, first!), first!.length / PROGRAM_WORDS);
  const block = runtime.walkHeap(0).find(({ byteLength, free }) => !free && byteLength > 5000);
  assert(block !== undefined);
  await runtime.submitTo(0, sabotageTasks.flipBit, block.address + 4321);
  const error = await assertRejects(() => runtime.submitTo(1, replayTasks.run, second!), Error);
  assertMatch(
    error.message,
    /^Wrong byte in block 3 on shard 1 before it was resized: offset 4321 of 5000 \(address \d+, slice 0\) holds \d+, expected \d+$/,
  );
  assertStringIncludes(error.message, `address ${block.address + 4321}`);
});

Deno.test("replayPlan() counts a block that is left over as leaked", async () => {
  const trace = await traceOf("a 0 0 100\na 0 1 100\nf 0 0\n");
  const memory = 4 * MIB;
  await using runtime = await Runtime.start({ shards: 1, memory });
  let leaked: Promise<number> | undefined;
  const result = await replayPlan(runtime, trace, planReplay(trace, 1), {
    shards: 1,
    memory,
    handOver: "address",
    onProgress: () => leaked ??= runtime.submitTo(0, sabotageTasks.leak, 10),
  });
  assert(await leaked! > 0);
  assertEquals(result.leakedBlocks, 1);
  assertEquals(result.unexpectedBlocks, 1);
});

Deno.test("replayTrace() stops every shard when one fails, also those that wait for it", async () => {
  const trace = await traceOf(
    "a 0 0 100\na 1 1 100\na 0 2 90000000\nr 1 0 200\nr 1 2 50\nf 2 2\nf 2 1\n",
  );
  await assertRejects(
    () => replayTrace(trace, { shards: 3, memory: 3 * MIB, handOver: "address" }),
    ReplayError,
    "Shard 0 has no memory for the 85.8 MiB of block 2",
  );
});

for (const handOver of MODES) {
  Deno.test(`The demo replays git-pack whole, handed over by ${handOver}`, async () => {
    const { code, stdout, stderr } = await replayCommand("--json", "--hand-over", handOver);
    assertEquals([code, stderr], [0, ""]);
    const report = JSON.parse(stdout);
    assertEquals(
      [report.trace, report.operations, report.handOvers, report.remoteFrees],
      ["git-pack", 240292, 3493, handOver === "address" ? 3493 : 0],
    );
    assertEquals([report.wrongBytes, report.leakedBlocks], [0, 0]);
    assertEquals([report.shards.length, report.liveBlocksAtEnd], [5, 4745]);
  });
}

Deno.test("The replay of sqlite ends with 0 and prints one JSON object", async () => {
  const { code, stdout, stderr } = await replayCommand(bundledTracePath("sqlite"), "--json");
  assertEquals(stderr, "");
  assertEquals(code, 0);
  const report = JSON.parse(stdout);
  assertEquals(
    [report.trace, report.operations, report.wrongBytes, report.remoteFrees, report.leakedBlocks],
    ["sqlite", 107000, 0, 0, 0],
  );
  assert(report.operationsPerSecond > 0);
  assertEquals(report.shards.length, 1);
  const [{ mallocs, frees }] = report.shards;
  assertEquals(mallocs - frees, 15);
});

Deno.test("The replay writes its table and heap maps to a pipe without control characters", async () => {
  const path = await Deno.makeTempFile({ suffix: ".trace" });
  try {
    await Deno.writeTextFile(path, "# program: tiny\na 0 0 100\na 1 1 50\nf 1 0\n");
    const { code, stdout, stderr } = await replayCommand(path, "--shards", "2");
    assertEquals(stderr, "");
    assertEquals(code, 0);
    assertStringIncludes(stdout, "tiny: 3 operations of 2 threads, replayed over 2 shards of ");
    assertStringIncludes(
      stdout,
      "0 wrong bytes\n1 block handed from shard to shard, 1 remote free",
    );
    assertStringIncludes(stdout, "\nshard 1 ░");
    assert(!stdout.includes("\r") && !stdout.includes("\x1b"));
  } finally {
    await Deno.remove(path);
  }
});

Deno.test("The replay says how it is used", async () => {
  const { code, stdout, stderr } = await replayCommand("--help");
  assertEquals([code, stderr], [0, ""]);
  assertStringIncludes(stdout, "Usage: deno task replay [TRACE] [options]");
});

const SQLITE = bundledTracePath("sqlite");
const REFUSED: readonly [what: string, words: string[], message: string][] = [
  ["a missing file", ["no/such.trace.gz"], "error: no/such.trace.gz: there is no such file\n"],
  ["a file that is no trace", [MAIN, "--json"], "this is not an allocation trace: line 1 is "],
  [
    "a trace that needs more memory",
    [SQLITE, "--memory", "256KiB", "--json"],
    "Try --memory 2MiB\n",
  ],
  [
    "a slice that is too small to be one",
    [SQLITE, "--memory", "10"],
    "error: The shards do not start: Cannot divide 10 bytes of memory",
  ],
  ["an unknown option", [SQLITE, "--sharks", "3"], "error: Unknown option '--sharks'"],
  ["no shard", ["--shards", "0"], 'error: --shards is a whole number of at least 1, received "0"'],
  ["a size that is none", ["--memory", "lots"], 'error: --memory: Cannot read memory size "lots"'],
  [
    "an unknown way to hand over",
    ["--hand-over", "post"],
    'error: --hand-over is "address" or "foreign", received "post"\nSee deno task replay --help',
  ],
  ["two traces", ["a", "b"], "error: Expected one trace, received 2: a b"],
];

for (const [what, words, message] of REFUSED) {
  Deno.test(`The replay refuses ${what} with 1 and a clear error`, async () => {
    const { code, stdout, stderr } = await replayCommand(...words);
    assertStringIncludes(stderr, message);
    assertEquals(stdout, "");
    assertEquals(code, 1);
  });
}
