/**
 * `compare cells`: what one thread reads of another, by SeqCell, SharedVector and SharedQueue, beside calls,
 * postMessage, and a seqlock by hand.
 *
 * @module
 */
import { Runtime } from "@tidepool/core";
import type { CompareSettings } from "../compare.ts";
import {
  bestOf,
  find,
  measureInterleaved,
  type Measurement,
  ratioOf,
  type Trial,
} from "../comparison.ts";
import { cellBench, Four, Pipe, Row, type Writer } from "../peers/cell_tasks.ts";
import { HandSeqlock } from "../peers/hand_seqlock.ts";
import type { Findings } from "../report.ts";
import { POST_MESSAGE } from "./callers.ts";

const CALL = "a call";
const SEQLOCK = "a seqlock by hand";
const VIEW = "SeqCell, view()";
const READ = "SeqCell, read()";
const UPDATE = "SeqCell, update()";

const QUIET = "four numbers of a shard, nothing new";
const BUSY = "four numbers of a shard that writes them all the time";
const WRITE = "four numbers written, no reader";
const QUEUED = "numbers to another thread";
const LIST_LENGTH = 64;
const LENGTH = 100_000;
const ELEMENTS = `${LENGTH.toLocaleString("en")} numbers of a shard`;

const PUSH = "SharedQueue, push() and for await";
const PUSH_MANY = `SharedQueue, pushMany() of ${LIST_LENGTH}`;
const CALLS = "calls, pipeline()";
const LIST_CALLS = `calls of lists of ${LIST_LENGTH}, pipeline()`;
const POST_LISTS = `${POST_MESSAGE} of lists of ${LIST_LENGTH}`;

/** Runs the comparison. */
export async function compareCells(settings: CompareSettings): Promise<Findings> {
  await using runtime = await Runtime.start({ shards: 1, memory: "64MiB" });
  const worker = await startWorker();
  try {
    const measurements = await measureInterleaved(
      [
        ...await readTrials(runtime, settings.quick ? 2_000 : 1_000_000, settings.quick ? 2 : 100),
        ...await vectorTrials(runtime, settings.quick ? 10 : 1_000),
        ...queueTrials(runtime, worker, settings.quick ? 1_024 : 131_072),
      ],
      settings.repetitions,
      (done, total, { name, measure }) => {
        settings.progress(`sample ${done} of ${total}: ${measure}, ${name}`);
      },
    );
    return {
      measurements,
      ratios: ratiosOf(measurements),
      notes: [
        "The host reads, or pushes; the shard writes, or pops. The struct is of four doubles.",
        "The seqlock by hand is not right by JavaScript's memory model: docs/memory_ordering.md.",
        "A sum tells that everything has arrived, and arrived whole.",
      ],
    };
  } finally {
    worker.terminate();
  }
}

/** Time of one of `count` turns of a loop, in nanoseconds. */
function timeOf(count: number, loop: () => void): number {
  const begin = performance.now();
  loop();
  return (performance.now() - begin) * 1e6 / count;
}

async function readTrials(runtime: Runtime, reads: number, writingMs: number): Promise<Trial[]> {
  const [cellAddress, seqlockAddress] = await runtime.submitTo(0, cellBench.openCell);
  const cell = Four.reader(runtime, cellAddress);
  const seqlock = new HandSeqlock(runtime["endpoint"].buffer, seqlockAddress);
  /** By way, `count` reads, each checked: all four numbers are the same, if they are of one write. */
  const ways: Record<string, (count: number) => void> = {
    [VIEW]: (count) => {
      for (let i = 0; i < count; i++) {
        const { a, b, c, d } = cell.view();
        if (a + b + c + d !== 4 * a) throw new Error("A read of the cell was torn");
      }
    },
    [READ]: (count) => {
      for (let i = 0; i < count; i++) {
        const { a, b, c, d } = cell.read();
        if (a + b + c + d !== 4 * a) throw new Error("A read of the cell was torn");
      }
    },
    [SEQLOCK]: (count) => {
      for (let i = 0; i < count; i++) {
        if (seqlock.sum() % 4 !== 0) throw new Error("A read of the seqlock was torn");
      }
    },
  };
  const trials: Trial[] = Object.entries(ways).map(([name, read]) => ({
    name,
    measure: QUIET,
    unit: "ns/read",
    sample: () => timeOf(reads, () => read(reads)),
  }));
  const calls = reads / 200;
  trials.push({
    name: CALL,
    measure: QUIET,
    unit: "ns/read",
    sample: async () => {
      const begin = performance.now();
      for (let i = 0; i < calls; i++) await runtime.submitTo(0, cellBench.readFour);
      return (performance.now() - begin) * 1e6 / calls;
    },
  });
  for (const [name, read] of Object.entries(ways)) {
    const writer: Writer = name === SEQLOCK ? "seqlock" : "SeqCell";
    trials.push({
      name,
      measure: BUSY,
      unit: "ns/read",
      sample: async () => {
        const writing = runtime.submitTo(0, cellBench.write, writer, writingMs);
        read(1_000); // until the shard has begun
        const nanoseconds = timeForMs(writingMs / 2, read);
        await writing;
        return nanoseconds;
      },
    });
  }
  for (const [name, writer] of [[UPDATE, "SeqCell"], [SEQLOCK, "seqlock"]] as const) {
    trials.push({
      name,
      measure: WRITE,
      unit: "ns/write",
      sample: () => runtime.submitTo(0, cellBench.write, writer, writingMs),
    });
  }
  return trials;
}

/** Time of one read, of as many as there are in so many milliseconds. */
function timeForMs(milliseconds: number, read: (count: number) => void): number {
  let reads = 0;
  const begin = performance.now();
  do {
    read(1_000);
    reads += 1_000;
  } while (performance.now() - begin < milliseconds);
  return (performance.now() - begin) * 1e6 / reads;
}

async function vectorTrials(runtime: Runtime, calls: number): Promise<Trial[]> {
  const vector = Row.reader(runtime, await runtime.submitTo(0, cellBench.openRow, LENGTH));
  const expected = LENGTH * (LENGTH - 1) / 2;
  const trial = (name: string, count: number, sumUp: () => number | Promise<number>): Trial => ({
    name,
    measure: ELEMENTS,
    unit: "ns/element",
    sample: async () => {
      const begin = performance.now();
      const sum = await sumUp();
      const nanoseconds = (performance.now() - begin) * 1e6 / count;
      const wanted = count === LENGTH ? expected : count * (count - 1) / 2;
      if (sum !== wanted) throw new Error(`The sum is ${sum}, expected ${wanted}`);
      return nanoseconds;
    },
  });
  return [
    trial("SharedVector, pieces()", LENGTH, () => {
      let sum = 0;
      for (const piece of vector.pieces()) for (let i = 0; i < piece.length; i++) sum += piece[i]!;
      return sum;
    }),
    trial("SharedVector, get()", LENGTH, () => {
      let sum = 0;
      const { length } = vector;
      for (let i = 0; i < length; i++) sum += vector.get(i);
      return sum;
    }),
    trial("a call for all", LENGTH, async () => {
      let sum = 0;
      for (const value of await runtime.submitTo(0, cellBench.wholeRow)) sum += value;
      return sum;
    }),
    trial("a call for each", calls, async () => {
      let sum = 0;
      for (let i = 0; i < calls; i++) sum += await runtime.submitTo(0, cellBench.elementOfRow, i);
      return sum;
    }),
  ];
}

function queueTrials(runtime: Runtime, worker: Worker, count: number): Trial[] {
  const values = Array.from({ length: count }, (_, i) => i);
  const lists = Array.from({ length: count / LIST_LENGTH }, (_, i) => {
    return values.slice(i * LIST_LENGTH, (i + 1) * LIST_LENGTH);
  });
  const expected = count * (count - 1) / 2;
  const trial = (name: string, send: () => Promise<number>): Trial => ({
    name,
    measure: QUEUED,
    unit: "numbers/s",
    sample: async () => {
      const begin = performance.now();
      const sum = await send();
      if (sum !== expected) throw new Error(`The sum is ${sum}, expected ${expected}`);
      return count / (performance.now() - begin) * 1e3;
    },
  });
  return [
    trial(PUSH, async () => {
      using queue = Pipe.make(runtime);
      const sum = runtime.submitTo(0, cellBench.drainPipe, queue.address, "one");
      using pipe = Pipe.producer(runtime, queue.address);
      for (const value of values) await pipe.push(value);
      await pipe.close();
      return await sum;
    }),
    trial(PUSH_MANY, async () => {
      using queue = Pipe.make(runtime);
      const sum = runtime.submitTo(0, cellBench.drainPipe, queue.address, "many");
      using pipe = Pipe.producer(runtime, queue.address);
      for (const list of lists) await pipe.pushMany(list);
      await pipe.close();
      return await sum;
    }),
    trial(CALLS, async () => {
      for await (const _ of runtime.pipeline(0, values, cellBench.take));
      return await runtime.submitTo(0, cellBench.taken);
    }),
    trial(LIST_CALLS, async () => {
      for await (const _ of runtime.pipeline(0, lists, cellBench.takeMany));
      return await runtime.submitTo(0, cellBench.taken);
    }),
    trial(POST_MESSAGE, () => {
      for (const value of values) worker.postMessage(value);
      return sumOf(worker);
    }),
    trial(POST_LISTS, () => {
      for (const list of lists) worker.postMessage(list);
      return sumOf(worker);
    }),
  ];
}

async function startWorker(): Promise<Worker> {
  const worker = new Worker(new URL("../peers/summing_worker.ts", import.meta.url), {
    type: "module",
  });
  await new Promise((resolve) => worker.onmessage = resolve);
  return worker;
}

function sumOf(worker: Worker): Promise<number> {
  return new Promise((resolve) => {
    worker.onmessage = ({ data }: MessageEvent<number>) => resolve(data);
    worker.postMessage(null);
  });
}

function ratiosOf(measurements: readonly Measurement[]): Findings["ratios"] {
  const of = (name: string, measure: string) => find(measurements, name, measure);
  const versus = (measure: string, dividend: string, divisor: string) =>
    ratioOf([{ dividend: of(dividend, measure), divisor: of(divisor, measure) }]);
  const posted = [POST_MESSAGE, POST_LISTS].map((name) => of(name, QUEUED));
  return {
    view_time_vs_seqlock: versus(QUIET, VIEW, SEQLOCK),
    view_time_vs_call: versus(QUIET, VIEW, CALL),
    view_while_written_time_vs_seqlock: versus(BUSY, VIEW, SEQLOCK),
    update_time_vs_seqlock: versus(WRITE, UPDATE, SEQLOCK),
    vector_pieces_time_vs_call: versus(ELEMENTS, "SharedVector, pieces()", "a call for all"),
    vector_get_time_vs_call: versus(ELEMENTS, "SharedVector, get()", "a call for each"),
    queue_rate_vs_postmessage: versus(QUEUED, PUSH, POST_MESSAGE),
    queue_rate_vs_calls: versus(QUEUED, PUSH, CALLS),
    queue_lists_rate_vs_best_postmessage: ratioOf([{
      dividend: of(PUSH_MANY, QUEUED),
      divisor: bestOf(posted, "highest"),
    }]),
    queue_lists_rate_vs_calls: versus(QUEUED, PUSH_MANY, LIST_CALLS),
  };
}
