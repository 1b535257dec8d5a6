/**
 * `compare startup`: what stands between a user and the first call. Starting and stopping shards
 * beside bare Workers, and the type check of a program that has the library from a registry.
 *
 * @module
 */
import { Runtime } from "@tidepool/core";
import { ConsumerProject, publishLibrary } from "../../tests/harness/consumer_project.ts";
import { Registry } from "../../tests/harness/registry.ts";
import type { CompareSettings } from "../compare.ts";
import { find, measureInterleaved, type Ratio, ratioOf, type Trial } from "../comparison.ts";
import { type Findings, TIDEPOOL } from "../report.ts";

const WORKERS = "bare Workers";
const NO_LIBRARY = "the same without the library";
const SHARD_COUNTS = [2, 8] as const;
const CHECK = "type check of a program with a counter on another thread";

/** The programs that are type-checked: a task, a thread, a call. */
const PROGRAMS: ReadonlyMap<string, string> = new Map([
  [
    TIDEPOOL,
    `import { defineTasks, makeForeign, Runtime } from "@tidepool/core";
export class Counter {
  n = 0;
  add(k: number): number {
    return this.n += k;
  }
}
export const tasks = defineTasks(import.meta.url, {
  open: () => makeForeign(new Counter()),
  add: (counter: Counter, k: number) => counter.add(k),
});
await using runtime = await Runtime.start({ shards: 2, memory: "16MiB" });
await using counter = await runtime.submitTo(1, tasks.open);
console.log(await runtime.submitTo(1, tasks.add, counter.get(), 5));`,
  ],
  [
    NO_LIBRARY,
    `export class Counter {
  n = 0;
  add(k: number): number {
    return this.n += k;
  }
}
const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
const answer = Promise.withResolvers<number>();
worker.onmessage = ({ data }: MessageEvent<number>) => answer.resolve(data);
worker.onerror = ({ message }) => answer.reject(new Error(message));
export function call(name: string, ...args: readonly number[]): Promise<number> {
  worker.postMessage({ name, args });
  return answer.promise;
}
console.log(await call("add", 5));
worker.terminate();`,
  ],
]);

const startOf = (count: number) => `start of ${count} threads, until all are ready`;
const stopOf = (count: number) => `stop of ${count} idle shards`;

/** Runs the comparison. */
export async function compareStartup(settings: CompareSettings): Promise<Findings> {
  settings.progress("publishing the library");
  await using registry = new Registry();
  const { code, stderr } = await publishLibrary(registry);
  if (code !== 0) throw new Error(`The library cannot be published: ${stderr}`);
  await using project = await ConsumerProject.create(registry, {});
  const trials = [
    ...SHARD_COUNTS.flatMap(trialsOfThreads),
    ...[...PROGRAMS].map(([name, text]) => trialOfCheck(project, name, text)),
  ];
  const measurements = await measureInterleaved(
    trials,
    settings.repetitions,
    (done, total, trial) => {
      settings.progress(`sample ${done} of ${total}: ${trial.measure}, ${trial.name}`);
    },
  );
  const versus = (measure: string, peer: string): Ratio =>
    ratioOf([{
      dividend: find(measurements, TIDEPOOL, measure),
      divisor: find(measurements, peer, measure),
    }]);
  return {
    measurements,
    ratios: {
      start2_time_vs_workers: versus(startOf(2), WORKERS),
      start8_time_vs_workers: versus(startOf(8), WORKERS),
      check_time_vs_no_library: versus(CHECK, NO_LIBRARY),
    },
    notes: [
      "Threads start in a program that has started some before: modules are compiled, and none is " +
      "type-checked. A bare Worker is ready when it has said so.",
      "The type check is a process of its own, `deno check`. The library was downloaded before, from " +
      "a registry on this machine; the program is new each time, so that it is checked each time.",
    ],
  };
}

function trialsOfThreads(count: number): Trial[] {
  const start = () => Runtime.start({ shards: count, memory: "64MiB" });
  return [
    {
      name: TIDEPOOL,
      measure: startOf(count),
      unit: "ms",
      sample: async () => {
        const begin = performance.now();
        await using _runtime = await start();
        return performance.now() - begin;
      },
    },
    { name: WORKERS, measure: startOf(count), unit: "ms", sample: () => startWorkers(count) },
    {
      name: TIDEPOOL,
      measure: stopOf(count),
      unit: "ms",
      sample: async () => {
        const runtime = await start();
        const begin = performance.now();
        await runtime.stop();
        return performance.now() - begin;
      },
    },
  ];
}

/** Milliseconds until so many Workers have said that they run. */
async function startWorkers(count: number): Promise<number> {
  const url = new URL("../peers/ready_worker.ts", import.meta.url);
  const begin = performance.now();
  const workers = Array.from({ length: count }, () => new Worker(url, { type: "module" }));
  try {
    await Promise.all(workers.map((worker) => {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      worker.onmessage = () => resolve();
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message));
      };
      return promise;
    }));
    return performance.now() - begin;
  } finally {
    for (const worker of workers) worker.terminate();
  }
}

function trialOfCheck(project: ConsumerProject, name: string, text: string): Trial {
  let sample = 0;
  return {
    name,
    measure: CHECK,
    unit: "ms",
    sample: async () => {
      await project.write("main.ts", `${text}\n// Program ${sample++}\n`);
      const begin = performance.now();
      const { code, stderr } = await project.deno("check", "main.ts");
      if (code !== 0) throw new Error(`The program is not right: ${stderr}`);
      return performance.now() - begin;
    },
  };
}
