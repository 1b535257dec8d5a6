/**
 * Log analytics, in the comparison of programs: three programs group the same log by path, status and hour,
 * each a process of its own from its start to its end.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { LogCounts } from "../../examples/log_analytics/log_counts.ts";
import { SeededRandom } from "../../tests/harness/seeded_random.ts";
import type { CompareSettings } from "../compare.ts";
import { find, measureInterleaved, ratioOf, type Trial } from "../comparison.ts";
import { type AnalyticsAnswer, digestOf } from "../programs/log_analytics_answer.ts";
import { type Findings, TIDEPOOL } from "../report.ts";

const TRANSFER = "Workers and transfer()";
const ALONE = "one thread";
const PROGRAMS: ReadonlyMap<string, string> = new Map([
  [TIDEPOOL, "log_analytics_tidepool.ts"],
  [TRANSFER, "log_analytics_transfer.ts"],
  [ALONE, "log_analytics_alone.ts"],
]);
/** What two threads take at least for what one takes to count. */
const COUNTING = "counting alone, on two cores";

/** The file is so many lines, over and over. */
const PART_LINES = 50_000;
const SEED = 18_000_000;

/** Runs the comparison. */
export async function compareLogAnalytics(settings: CompareSettings): Promise<Findings> {
  const megabytes = settings.quick ? 20 : 200;
  const whole = `log analytics, ${megabytes} MB, 2 threads: whole process`;
  const streaming = `log analytics, ${megabytes} MB, 2 threads: from the first block to the last`;
  const folder = await Deno.makeTempDir();
  try {
    settings.progress("writing the log");
    const path = `${folder}/log`;
    const digest = await writeLog(path, megabytes * 1e6);
    const answers = new Map<string, AnalyticsAnswer>();
    const trials = [...PROGRAMS].flatMap(([name, script]): Trial[] => [{
      ...{ name, measure: whole, unit: "ms" },
      sample: async () => {
        answers.delete(name);
        const begin = performance.now();
        const answer = await run(script, path);
        const milliseconds = performance.now() - begin;
        if (answer.digest !== digest) throw new Error("It counts otherwise than was written");
        answers.set(name, answer);
        return milliseconds;
      },
    }, {
      ...{ name, measure: streaming, unit: "MB/s" },
      sample: () => answers.get(name)?.streamingRate ?? NaN,
    }]);
    trials.push({
      ...{ name: COUNTING, measure: streaming, unit: "MB/s" },
      sample: () => megabytes * 1000 / (answers.get(ALONE)?.countingMs ?? NaN) * 2,
    });
    const { repetitions, progress } = settings;
    const measurements = await measureInterleaved(trials, repetitions, (done, total, trial) => {
      progress(`sample ${done} of ${total}: ${trial.measure}, ${trial.name}`);
    });
    measurements.sort((a, b) => +(a.measure === streaming) - +(b.measure === streaming));
    const times = (name: string) => find(measurements, name, whole);
    const rates = (name: string) => find(measurements, name, streaming);
    const ratio = (dividend: ReturnType<typeof find>, divisor: ReturnType<typeof find>) =>
      ratioOf([{ dividend, divisor }]);
    return {
      measurements,
      ratios: {
        log_analytics_rate_vs_transfer: ratio(times(TRANSFER), times(TIDEPOOL)),
        log_analytics_rate_vs_one_thread: ratio(times(ALONE), times(TIDEPOOL)),
        log_analytics_streaming_vs_transfer: ratio(rates(TIDEPOOL), rates(TRANSFER)),
        log_analytics_ceiling_vs_transfer: ratio(rates(COUNTING), rates(TRANSFER)),
      },
      notes: [
        `Each program is a process of its own that groups a log of ${megabytes} MB by path, status and ` +
        "hour, and its times by length. All count with the same code, in blocks of 1 MiB, and must " +
        "come to the same counts.",
        `"${COUNTING}" is what the program with one thread takes to count, without reading, twice as ` +
        "fast: whatever hands the blocks over, two threads on two cores are no faster.",
      ],
    };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function run(script: string, path: string): Promise<AnalyticsAnswer> {
  const main = fileURLToPath(new URL(`../programs/${script}`, import.meta.url));
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-lock", "--no-check", "--quiet", "--allow-read", main, path],
    signal: AbortSignal.timeout(20_000),
  }).output();
  const decoder = new TextDecoder();
  if (code !== 0) throw new Error(`${script} has failed: ${decoder.decode(stderr)}`);
  return JSON.parse(decoder.decode(stdout));
}

/** Writes whole parts, of that many bytes in all or a part less. @returns the digest of its counts */
async function writeLog(path: string, byteLength: number): Promise<string> {
  const bytes = new TextEncoder().encode(makePart(new SeededRandom(SEED)));
  const parts = Math.max(1, Math.floor(byteLength / bytes.length));
  await Deno.writeFile(path, ReadableStream.from(Array.from({ length: parts }, () => bytes)));
  const part = new LogCounts();
  part.add(bytes);
  const sum = new LogCounts();
  for (let i = 0; i < parts; i++) sum.addSummary(part.summary());
  return await digestOf(sum.summary());
}

/** A day of lines. Few paths are asked for often, and most answers are quick. */
function makePart(random: SeededRandom): string {
  return Array.from({ length: PART_LINES }, (_, index) => {
    const hour = String(Math.floor(index * 24 / PART_LINES)).padStart(2, "0");
    const path = `/api/customers/${Math.floor((random.below(1000) / 1000) ** 3 * 200)}`;
    const status = [200, 200, 200, 200, 304, 404, 500][random.below(7)]!;
    const seconds = random.below(2 ** random.below(14)) / 1000;
    return `192.0.2.${
      random.below(250)
    } - - [29/Nov/2026:${hour}:10:00 +0000] "GET ${path} HTTP/1.1" ` +
      `${status} ${random.below(20_000)} "-" "Mozilla/5.0" ${seconds.toFixed(3)}\n`;
  }).join("");
}
