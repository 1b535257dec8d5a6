/**
 * A contestant of `compare placement`: a process with one shard. It answers each line of its input, a
 * command, with a line, and ends with its input. `placed_process.ts` starts it, and never imports it.
 *
 * @module
 */
import type { Runtime, RuntimeOptions } from "@tidepool/core";
import { reasonOf } from "../comparison.ts";
import type { Caller } from "../peers/caller.ts";
import { openPlaced, startPlaced } from "../peers/tidepool_caller.ts";
import type { ReplayLimits } from "../replay/replay.ts";
import { timeCalls, timeEach } from "../subjects/callers.ts";
import { linesOf } from "./lines.ts";
import { placedTasks, type ReadKind } from "./placed_tasks.ts";

/**
 * Bytes of a slice that has room for a block: the search for one is in the next size class, which is up to
 * 1/32 longer, and beside it lies what the runtime keeps there.
 */
const sliceFor = (byteLength: number) => byteLength + byteLength / 16 + 2 ** 24;
const WHOLE_HEAP_BYTES = 2 ** 28;
const IN_FLIGHT = 64;

/** What the process is asked; each command has one answer. */
export type PlacedCommand =
  | { readonly command: "makeTable"; readonly byteLength: number }
  | { readonly command: "read"; readonly kind: ReadKind; readonly reads: number }
  | {
    readonly command: "readPrograms";
    readonly folder: string;
    readonly wanted: readonly string[];
  }
  | { readonly command: "replay"; readonly program: string; readonly limits: ReplayLimits }
  | { readonly command: "firstTouch"; readonly byteLength: number }
  | { readonly command: "calls"; readonly milliseconds: number }
  | { readonly command: "residentBytes" };

/** The result, or the text of what was thrown. */
export type PlacedAnswer = { readonly result: unknown } | { readonly failure: string };

/** A start, and what came of the memory. */
export interface FirstTouch {
  readonly startMs: number;
  readonly startedBytes: number;
  readonly touchNs: number;
}

/** Calls one at a time, and many at a time. */
export interface CallTimes {
  readonly median: number;
  readonly p99: number;
  readonly rate: number;
}

const placement: RuntimeOptions["placement"] = JSON.parse(Deno.args[0]!) ?? undefined;
let runtime: Runtime | undefined;

async function start(byteLength: number): Promise<Runtime> {
  return runtime = await startPlaced(byteLength, placement);
}

async function obey(command: PlacedCommand): Promise<unknown> {
  switch (command.command) {
    case "makeTable": {
      const { byteLength } = command;
      return await (await start(sliceFor(byteLength)))
        .submitTo(0, placedTasks.makeTable, byteLength);
    }
    case "read":
      return await runtime!.submitTo(0, placedTasks.read, command.kind, command.reads);
    case "readPrograms": {
      const { folder, wanted } = command;
      return await (await start(WHOLE_HEAP_BYTES))
        .submitTo(0, placedTasks.readPrograms, folder, wanted);
    }
    case "replay":
      return await runtime!.submitTo(0, placedTasks.replay, command.program, command.limits);
    case "firstTouch":
      return await firstTouch(command.byteLength);
    case "calls":
      return await timeBoth(await openPlaced(placement), command.milliseconds);
    case "residentBytes":
      return Deno.memoryUsage().rss;
  }
}

async function firstTouch(byteLength: number): Promise<FirstTouch> {
  const begin = performance.now();
  await start(sliceFor(byteLength));
  const startMs = performance.now() - begin;
  const startedBytes = Deno.memoryUsage().rss;
  return {
    startMs,
    startedBytes,
    touchNs: await runtime!.submitTo(0, placedTasks.touch, byteLength),
  };
}

async function timeBoth(caller: Caller, milliseconds: number): Promise<CallTimes> {
  try {
    await timeEach(caller, milliseconds / 2); // the engine has seen nothing yet
    const { median, p99 } = await timeEach(caller, milliseconds);
    const add = (caller: Caller, index: number) => caller.add(index, 1);
    return { median, p99, rate: 1 / await timeCalls(add, caller, IN_FLIGHT, milliseconds / 2) };
  } finally {
    await caller.close();
  }
}

if (import.meta.main) {
  const encoder = new TextEncoder();
  for await (const line of linesOf(Deno.stdin.readable)) {
    let answer: PlacedAnswer;
    try {
      answer = { result: await obey(JSON.parse(line)) };
    } catch (error) {
      answer = { failure: reasonOf(error) };
    }
    Deno.stdout.writeSync(encoder.encode(JSON.stringify(answer) + "\n"));
  }
  await runtime?.stop();
}
