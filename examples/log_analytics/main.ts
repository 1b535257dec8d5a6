// deno-lint-ignore-file no-console -- a command-line program
/**
 * `deno task log-analytics`: counts a web server's log, on all cores.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { ProgressBar } from "../replay/progress_bar.ts";
import { formatBytes, formatCount, formatTime } from "../replay/units.ts";
import { countLog } from "./count_log.ts";
import { percentile, topGroups } from "./log_counts.ts";
import { madeUpLog } from "./made_up_log.ts";

const USAGE =
  `Counts the lines of a web server's log by path, status and hour, on several shards at once.

Usage: deno task log-analytics [FILE] [options]

  FILE         a log of the common format, which may end in seconds (default: 50 MB that are made up)
  --shards N   how many shards (default: one for each core)
  --by FIELDS  what to group by: one or more of path, status and hour (default: path,status)
  --top N      how many groups to list, those with the most bytes (default: 5)
  --help       print this text`;

const FIELDS = ["path", "status", "hour"] as const;
const MADE_UP_BYTES = 50_000_000;

async function main(commandLine: string[]): Promise<void> {
  const { values, positionals: [path] } = parseArgs({
    args: commandLine,
    allowPositionals: true,
    options: {
      shards: { type: "string", default: String(navigator.hardwareConcurrency) },
      by: { type: "string", default: "path,status" },
      top: { type: "string", default: "5" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return console.log(USAGE);
  const shards = wholeNumber("shards", values.shards, 1, 256);
  const top = wholeNumber("top", values.top, 0, 1_000_000);
  const by = values.by.split(",").map((name) => {
    const field = FIELDS.find((known) => known === name);
    if (field !== undefined) return field;
    throw new RangeError(`--by has "${name}": expected ${FIELDS.join(", ")}`);
  });
  using file = path === undefined ? undefined : await Deno.open(path);
  const byteLength = file === undefined ? MADE_UP_BYTES : (await file.stat()).size;
  const begin = performance.now();
  using bar = Deno.stderr.isTerminal()
    ? new ProgressBar(
      (text) => void Deno.stderr.writeSync(new TextEncoder().encode(text)),
      80,
      true,
    )
    : undefined;
  const log = await countLog(file ?? ReadableStream.from(madeUpLog(MADE_UP_BYTES)), {
    shards,
    onProgress: (bytes) => bar?.update(Math.min(bytes, byteLength), byteLength),
  });
  bar?.[Symbol.dispose]();
  for (const [group, { requests, bytes }] of topGroups(log, by, top)) {
    console.log(`${formatBytes(bytes).padStart(12)}  ${group}, ${formatCount(requests)} requests`);
  }
  const times = [0.5, 0.9, 0.99, 0.999].map((share) => {
    return `${share * 100} % in ${formatTime(percentile(log, share))}`;
  });
  if (log.times.some((count) => count > 0)) console.log(`answered: ${times.join(", ")}`);
  console.log(
    `${formatCount(log.lines)} lines, ${formatCount(log.strangeLines)} of them strange: ${
      formatTime(performance.now() - begin)
    } with ${shards} shards`,
  );
}

function wholeNumber(name: string, text: string, least: number, most: number): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= least && number <= most) return number;
  throw new RangeError(`--${name} is "${text}": expected a whole number from ${least} to ${most}`);
}

if (import.meta.main) {
  try {
    await main(Deno.args);
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error));
    Deno.exitCode = 1;
  }
}
