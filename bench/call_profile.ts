// deno-lint-ignore-file no-console -- a command-line program
/**
 * What a call costs, without the waiting: both ends of the bus on one thread, polled in turn, so that
 * processor time and memory are those of the call and of nothing else.
 *
 * Run it with `deno task profile`; docs/performance.md explains what it prints.
 */
import inspector from "node:inspector";
import { cpuUsage } from "node:process";
import { Endpoint } from "../shard/calls/endpoint.ts";
import { shapeFor } from "../shard/host/runtime_options.ts";
import { SegmentLayout } from "../shard/calls/segment_layout.ts";
import { findTask, type Task } from "../shard/calls/task.ts";
import { median } from "./comparison.ts";
import { arithmetic } from "./peers/tidepool_tasks.ts";

const IN_FLIGHT = 64;
/** Enough for the compiler to have done its best. */
const WARM_UP_CALLS = 400_000;
const TIMED_CALLS = 200_000;
/** So few that they fit the young generation: no collection comes between two looks at the heap. */
const WEIGHED_CALLS = 2_048;
const ROUNDS = 9;
/** The profiler remembers one allocation in so many bytes. */
const SAMPLE_BYTES = 256;

type Call = (index: number) => Promise<unknown>;

/** Both ends of a bus, and what makes them poll. */
class BothEnds {
  readonly #caller: Endpoint;
  readonly #callee: Endpoint;

  constructor() {
    const shape = shapeFor({ shards: 1, memory: "64MiB" });
    const layout = new SegmentLayout(shape);
    const buffer = new SharedArrayBuffer(layout.byteLength);
    const end = (endpoint: number) => {
      const setup = { buffer, shape, endpoint, spinMicroseconds: 0, wireTypes: [], debug: false };
      return new Endpoint({ ...setup, debugHeap: false }, () => {});
    };
    this.#callee = end(0);
    this.#caller = end(layout.host);
  }

  submitTo(task: Task<never, unknown>, args: readonly unknown[]): Promise<unknown> {
    return this.#caller.submitTo(0, task, args);
  }

  /** Polls both ends in turn until `work` is done. */
  async pump(work: Promise<unknown>): Promise<void> {
    let done = false;
    work.finally(() => done = true);
    while (!done) {
      this.#callee.bus.poll();
      this.#caller.bus.poll();
      await undefined;
      await undefined; // behind the callers, who were queued meanwhile, and their flush
    }
  }
}

/** As many calls, IN_FLIGHT of them at any time. */
async function run(calls: number, call: Call): Promise<void> {
  let left = calls;
  const loop = async () => {
    while (left > 0) await call(left--);
  };
  await ends.pump(Promise.all(Array.from({ length: IN_FLIGHT }, loop)));
}

async function nanosecondsOf(call: Call): Promise<number> {
  const before = cpuUsage();
  await run(TIMED_CALLS, call);
  const { user, system } = cpuUsage(before);
  return (user + system) * 1e3 / TIMED_CALLS;
}

async function bytesOf(call: Call): Promise<number> {
  const before = Deno.memoryUsage().heapUsed;
  await run(WEIGHED_CALLS, call);
  return (Deno.memoryUsage().heapUsed - before) / WEIGHED_CALLS;
}

async function medianOf(measure: () => Promise<number>): Promise<number> {
  const samples: number[] = [];
  for (let round = 0; round < ROUNDS; round++) samples.push(await measure());
  return median(samples);
}

interface Allocations {
  readonly callFrame: { readonly functionName: string; readonly url: string };
  readonly selfSize: number;
  readonly children: readonly Allocations[];
}

/** Bytes that each function allocates in a call, the most first. */
async function allocationsOf(call: Call): Promise<[string, number][]> {
  const session = new inspector.Session();
  session.connect();
  const post = (method: string, parameters?: object) => {
    return new Promise<{ profile: { head: Allocations } }>((resolve, reject) => {
      session.post(method, parameters, (error: Error | null, result?: object) => {
        if (error === null) resolve(result as { profile: { head: Allocations } });
        else reject(error);
      });
    });
  };
  await post("HeapProfiler.startSampling", {
    samplingInterval: SAMPLE_BYTES,
    includeObjectsCollectedByMajorGC: true,
    includeObjectsCollectedByMinorGC: true,
  });
  await run(TIMED_CALLS, call);
  const { profile } = await post("HeapProfiler.stopSampling");
  session.disconnect();
  const bytes = new Map<string, number>();
  const add = ({ callFrame, selfSize, children }: Allocations): void => {
    const name = `${callFrame.functionName || "(loop)"} ${callFrame.url.split("/").at(-1)}`;
    bytes.set(name, (bytes.get(name) ?? 0) + selfSize / TIMED_CALLS);
    children.forEach(add);
  };
  add(profile.head);
  return [...bytes].filter(([, size]) => size >= 1).sort((a, b) => b[1] - a[1]);
}

const ends = new BothEnds();
await findTask(arithmetic.add.module, arithmetic.add.key); // polls alone do not wait for the module
const kibibyte = new Uint8Array(1024);
const limited = arithmetic.add.with({ timeoutMs: 60_000, signal: new AbortController().signal });
/** What no library can do without: a promise that somebody else resolves. */
const waiting: ((value: number) => void)[] = [];
const resolveAll = (): void => waiting.splice(0).forEach((resolve, index) => resolve(index));
const calls: ReadonlyMap<string, Call> = new Map<string, Call>([
  ["a promise, resolved in a microtask", () =>
    new Promise<number>((resolve) => {
      if (waiting.push(resolve) === 1) queueMicrotask(resolveAll);
    })],
  ["add(a, b)", (index) => ends.submitTo(arithmetic.add, [index, 1])],
  ["add(a, b), timeoutMs and signal", (index) => ends.submitTo(limited, [index, 1])],
  ["echo of 1 KiB", () => ends.submitTo(arithmetic.echo, [kibibyte])],
]);
console.log("both ends together, a call          processor    memory");
for (const [name, call] of calls) {
  await run(WARM_UP_CALLS, call);
  const nanoseconds = await medianOf(() => nanosecondsOf(call));
  const bytes = await medianOf(() => bytesOf(call));
  console.log(
    `${name.padEnd(34)} ${nanoseconds.toFixed(0).padStart(8)} ns ${
      bytes.toFixed(0).padStart(6)
    } bytes`,
  );
}
console.log("\nadd(a, b), bytes a call by the function that allocates them");
for (const [name, size] of await allocationsOf(calls.get("add(a, b)")!)) {
  console.log(`${size.toFixed(0).padStart(6)}  ${name}`);
}
