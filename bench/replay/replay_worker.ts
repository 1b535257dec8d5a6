/**
 * Worker entry: one contestant of the allocator comparison in an engine of its own.
 *
 * It answers each command with one message. Loaded by URL from `replay_host.ts`, never imported.
 *
 * @module
 */
import { instantiateAssemblyScriptTlsf, WASM_PAGE_BYTES } from "../peers/assemblyscript_tlsf.ts";
import { gcArrays } from "../peers/gc_arrays.ts";
import { openThingMalloc } from "../peers/thing_malloc.ts";
import { instantiateWasmTlsf } from "../peers/wasm_tlsf.ts";
import type { SingleOperationTimes } from "./latency.ts";
import type { Program } from "./program.ts";
import {
  type HandleTable,
  OutOfMemoryError,
  type ReplayAllocator,
  type ReplayLimits,
  timeFreshReplay,
  timePart,
  timeReplay,
} from "./replay.ts";
import { bisect, completesWith } from "./space.ts";

/** What the host asks for; each command has exactly one answer. */
export type ReplayCommand =
  | { readonly command: "start"; readonly contestant: ReplayContestant; readonly heapBytes: number }
  | { readonly command: "time"; readonly program: Program; readonly limits: ReplayLimits }
  | { readonly command: "part"; readonly program: Program; readonly wantedMs: number }
  | { readonly command: "fresh"; readonly program: Program }
  | { readonly command: "space"; readonly program: Program }
  | { readonly command: "latency"; readonly program: Program; readonly replays: number }
  | { readonly command: "free"; readonly side: FreeSide; readonly batches: number };

/** Who frees: the owner, the other side on the same thread, or another thread. */
export type FreeSide = "local" | "remote" | "thread";

/** The contestants that run in this process. */
export type ReplayContestant =
  | { readonly kind: "tidepool" | "thing" | "arrays" }
  | { readonly kind: "assemblyscript" | "wasm-tlsf"; readonly binary: Uint8Array<ArrayBuffer> };

/** The answer to a command: its result, or the text of what was thrown. */
export type ReplayAnswer =
  | { readonly result: number | SingleOperationTimes | null }
  | { readonly failure: string };

/** What the current contestant can do. */
interface Bench {
  time(program: Program, limits: ReplayLimits): Promise<number>;
  part?(program: Program, wantedMs: number): Promise<number>;
  fresh?(program: Program): number;
  space?(program: Program): number;
  latency?(program: Program, replays: number): SingleOperationTimes;
  free?(side: FreeSide, batches: number): number | Promise<number>;
}

let bench: Bench | undefined;

self.onmessage = async (event: MessageEvent<ReplayCommand>) => {
  let answer: ReplayAnswer;
  try {
    answer = { result: await obey(event.data) };
  } catch (error) {
    answer = { failure: error instanceof Error ? error.message : String(error) };
  }
  self.postMessage(answer);
};

async function obey(command: ReplayCommand): Promise<number | SingleOperationTimes | null> {
  if (command.command === "start") {
    bench = await open(command.contestant, command.heapBytes);
    return null;
  }
  if (bench === undefined) throw new Error(`No contestant was started before "${command.command}"`);
  switch (command.command) {
    case "time":
      return await bench.time(command.program, command.limits);
    case "part":
      return await bench.part?.(command.program, command.wantedMs) ?? null;
    case "fresh":
      return bench.fresh?.(command.program) ?? null;
    case "space":
      return bench.space?.(command.program) ?? null;
    case "latency":
      return bench.latency?.(command.program, command.replays) ?? null;
    case "free":
      return await bench.free?.(command.side, command.batches) ?? null;
  }
}

function open(contestant: ReplayContestant, heapBytes: number): Bench | Promise<Bench> {
  switch (contestant.kind) {
    case "tidepool":
      return openTidepool(heapBytes);
    case "assemblyscript":
      return openAssemblyScript(contestant.binary);
    case "wasm-tlsf":
      return openWasmTlsf(contestant.binary);
    case "thing":
      return openThing(heapBytes);
    case "arrays":
      return { time: timeWith(() => gcArrays, arrays) };
  }
}

async function openTidepool(heapBytes: number): Promise<Bench> {
  // Imported here alone, so that the peers' workers do not load it.
  const { TidepoolSegment } = await import("../peers/tidepool_allocator.ts");
  const { RemoteFreeBench } = await import("./remote_free.ts");
  const { Handover } = await import("./handover.ts");
  const { timeSingleOperations } = await import("./latency.ts");
  const segment = new TidepoolSegment(heapBytes);
  const isOutOfMemory = (error: unknown) => error instanceof OutOfMemoryError;
  let remote: InstanceType<typeof RemoteFreeBench> | undefined;
  return {
    time: timeWith(() => segment.open(heapBytes), numbers),
    fresh(program) {
      const allocator = new TidepoolSegment(heapBytes).open(heapBytes);
      return timeFreshReplay(allocator, program, numbers(program.blocks));
    },
    space(program) {
      const handles = numbers(program.blocks);
      const step = Math.max(64, Math.floor(program.peakLiveBytes / 8_192 / 64) * 64);
      return bisect(program.peakLiveBytes, program.peakLiveBytes * 1.25, step, (sliceBytes) => {
        return completesWith(() => segment.open(sliceBytes), program, handles, isOutOfMemory);
      });
    },
    latency(program, replays) {
      const handles = numbers(program.blocks);
      return timeSingleOperations(() => segment.open(heapBytes), program, handles, replays);
    },
    async free(side, batches) {
      if (side === "thread") {
        using handover = await Handover.start();
        handover.time(Math.ceil(batches / 4)); // the consumer's engine has seen nothing yet
        return handover.time(batches);
      }
      remote ??= new RemoteFreeBench();
      return side === "local" ? remote.timeLocal(batches) : remote.timeRemote(batches);
    },
  };
}

function openAssemblyScript(binary: Uint8Array<ArrayBuffer>): Bench {
  // A growth of memory that is refused ends in an `unreachable` instruction.
  const isOutOfMemory = (error: unknown) => error instanceof WebAssembly.RuntimeError;
  return {
    time: timeWith(() => instantiateAssemblyScriptTlsf(binary), numbers),
    fresh(program) {
      const allocator = instantiateAssemblyScriptTlsf(binary);
      return timeFreshReplay(allocator, program, numbers(program.blocks));
    },
    space(program) {
      const handles = numbers(program.blocks);
      const { peakLiveBytes } = program;
      return bisect(peakLiveBytes, peakLiveBytes * 1.25, WASM_PAGE_BYTES, (byteLength) => {
        const pages = byteLength / WASM_PAGE_BYTES;
        const openLimited = () => instantiateAssemblyScriptTlsf(binary, pages);
        return completesWith(openLimited, program, handles, isOutOfMemory);
      });
    },
  };
}

function openThing(heapBytes: number): Bench {
  return {
    time: timeWith(() => openThingMalloc(heapBytes), numbers),
    async part(program, wantedMs) {
      const pool = await openThingMalloc(heapBytes);
      return timePart(pool, program, numbers(program.blocks), wantedMs);
    },
  };
}

function openWasmTlsf(binary: Uint8Array<ArrayBuffer>): Bench {
  return {
    time: timeWith(() => instantiateWasmTlsf(binary), numbers),
    fresh(program) {
      return timeFreshReplay(instantiateWasmTlsf(binary), program, numbers(program.blocks));
    },
  };
}

/** Replays on one lasting allocator; after a failure the next replay gets a new one. */
function timeWith<Handle>(
  openAllocator: () => ReplayAllocator<Handle> | Promise<ReplayAllocator<Handle>>,
  makeHandles: (blocks: number) => HandleTable<Handle>,
): (program: Program, limits: ReplayLimits) => Promise<number> {
  let allocator: ReplayAllocator<Handle> | undefined;
  return async (program, limits) => {
    allocator ??= await openAllocator();
    try {
      return timeReplay(allocator, program, makeHandles(program.blocks), limits);
    } catch (error) {
      allocator = undefined;
      throw error;
    }
  };
}

function numbers(blocks: number): HandleTable<number> {
  return new Float64Array(blocks);
}

function arrays(blocks: number): HandleTable<Uint8Array> {
  return new Array<Uint8Array | 0>(blocks).fill(0);
}
