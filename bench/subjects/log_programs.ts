/**
 * Log analytics, in the comparison of payloads: two programs count the same file of lines, each a
 * process of its own from its start to its end.
 *
 * @module
 */
import { fileURLToPath } from "node:url";
import { isDeepStrictEqual } from "node:util";
import { SeededRandom } from "../../tests/harness/seeded_random.ts";
import {
  find,
  measureInterleaved,
  type Measurement,
  type Ratio,
  ratioOf,
  type Trial,
} from "../comparison.ts";
import { countLines, type LogAnswer, type LogTotals } from "../peers/log_lines.ts";
import { TIDEPOOL } from "../report.ts";

const TRANSFER = "Workers and transfer()";
const PROGRAMS: ReadonlyMap<string, string> = new Map([
  [TIDEPOOL, "log_tidepool.ts"],
  [TRANSFER, "log_transfer.ts"],
]);

/** The file is so many lines, over and over. */
const PART_LINES = 50_000;
const SEED = 2_000_000;

/** How the report calls the two measures of a file of that length. */
class LogMeasures {
  readonly time: string;
  readonly memory: string;

  constructor(megabytes: number) {
    const what = `log of ${megabytes} MB, 2 threads`;
    this.time = `${what}: whole process`;
    this.memory = `${what}: peak RSS`;
  }
}

/** What came out of the two programs. */
export interface LogFindings {
  readonly measurements: readonly Measurement[];
  readonly timeVersusTransfer: Ratio;
}

/** Runs both programs in turns. @param megabytes how long the file is, in millions of bytes */
export async function measureLogPrograms(
  megabytes: number,
  repetitions: number,
  progress: (text: string) => void,
): Promise<LogFindings> {
  const folder = await Deno.makeTempDir();
  try {
    progress("writing the log");
    const path = `${folder}/log`;
    const expected = await writeLog(path, megabytes * 1e6);
    const measures = new LogMeasures(megabytes);
    const trials = [...PROGRAMS].flatMap(([name, script]) => {
      return programTrials(name, script, path, expected, measures);
    });
    const measurements = await measureInterleaved(trials, repetitions, (done, total, trial) => {
      progress(`sample ${done} of ${total}: ${trial.measure}, ${trial.name}`);
    });
    measurements.sort((a, b) =>
      +(a.measure === measures.memory) - +(b.measure === measures.memory)
    );
    const timeVersusTransfer = ratioOf([{
      dividend: find(measurements, TIDEPOOL, measures.time),
      divisor: find(measurements, TRANSFER, measures.time),
    }]);
    return { measurements, timeVersusTransfer };
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/** Two figures of the same run: how long it took, and what memory. */
function programTrials(
  name: string,
  script: string,
  path: string,
  expected: LogTotals,
  { time, memory }: LogMeasures,
): Trial[] {
  let latest: LogAnswer | undefined;
  return [
    {
      name,
      measure: time,
      unit: "ms",
      sample: async () => {
        latest = undefined;
        const begin = performance.now();
        const answer = await run(script, path);
        const milliseconds = performance.now() - begin;
        const { peakResidentBytes: _, ...counted } = answer;
        if (!isDeepStrictEqual(counted, { ...expected, paths: [...expected.paths] })) {
          throw new Error(`It counts ${answer.lines} lines otherwise than they were written`);
        }
        latest = answer;
        return milliseconds;
      },
    },
    {
      name,
      measure: memory,
      unit: "MiB",
      sample: () => {
        if (latest === undefined) throw new Error("It has no sample: its time says why");
        if (latest.peakResidentBytes === null) throw new Error("This system does not tell");
        return latest.peakResidentBytes / 2 ** 20;
      },
    },
  ];
}

async function run(script: string, path: string): Promise<LogAnswer> {
  const main = fileURLToPath(new URL(`../peers/${script}`, import.meta.url));
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    // Only who may do everything may read how much memory it has taken.
    args: ["run", "--no-lock", "--no-check", "--quiet", "--allow-all", main, path],
    signal: AbortSignal.timeout(20_000),
  }).output();
  const decoder = new TextDecoder();
  if (code !== 0) throw new Error(`${script} has failed: ${decoder.decode(stderr)}`);
  return JSON.parse(decoder.decode(stdout));
}

/** Writes whole parts, of that many bytes in all or a part less. @returns what is in them */
async function writeLog(path: string, byteLength: number): Promise<LogTotals> {
  const part = makePart(new SeededRandom(SEED));
  const parts = Math.max(1, Math.floor(byteLength / part.text.length));
  const bytes = new TextEncoder().encode(part.text);
  await Deno.writeFile(path, ReadableStream.from(Array.from({ length: parts }, () => bytes)));
  const { lines, failures } = part;
  return {
    lines: lines * parts,
    bytes: part.bytes * parts,
    failures: failures * parts,
    // The hash is the counting program's own; how it comes to be counted is what is compared.
    paths: countLines(bytes, bytes.length).paths.map((count) => count * parts),
  };
}

interface LogPart {
  readonly text: string;
  readonly lines: number;
  readonly bytes: number;
  readonly failures: number;
}

function makePart(random: SeededRandom): LogPart {
  const lines: string[] = [];
  let bytes = 0;
  let failures = 0;
  for (let index = 0; index < PART_LINES; index++) {
    const time = new Date(Date.UTC(2026, 0, 1) + index * 7).toISOString();
    const method = random.below(4) === 0 ? "POST" : "GET";
    const path = `/api/${random.below(2) === 0 ? "orders" : "customers"}/${random.below(100_000)}`;
    const status = [200, 200, 200, 201, 304, 404, 500, 503][random.below(8)]!;
    const length = random.below(20_000);
    lines.push(`${time} ${method} ${path} ${status} ${length}\n`);
    bytes += length;
    if (status >= 500) failures++;
  }
  return { text: lines.join(""), lines: PART_LINES, bytes, failures };
}
