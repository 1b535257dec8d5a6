// deno-lint-ignore-file no-console -- a command-line program
/**
 * `deno task log-analytics`: counts a web server's log, on all cores.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { formatBytes, formatCount, formatTime } from "../replay/units.ts";
import { countLog } from "./count_log.ts";
import type { LogSummary } from "./log_counts.ts";
import { madeUpLog } from "./made_up_log.ts";

const USAGE = `Counts the lines of a web server's log by status and path, on several shards at once.

Usage: deno task log-analytics [FILE] [options]

  FILE         a log of the common format (default: 50 MB that are made up)
  --shards N   how many shards (default: one for each core)
  --top N      how many paths to list, those with the most bytes (default: 5)
  --help       print this text`;

const MADE_UP_BYTES = 50_000_000;

async function main(commandLine: string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: commandLine,
    allowPositionals: true,
    options: {
      shards: { type: "string", default: String(navigator.hardwareConcurrency) },
      top: { type: "string", default: "5" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return console.log(USAGE);
  const shards = wholeNumber("shards", values.shards, 1, 256);
  const top = wholeNumber("top", values.top, 0, 1_000_000);
  const [path] = positionals;
  using file = path === undefined ? undefined : await Deno.open(path);
  const begin = performance.now();
  const summary = await countLog(file ?? madeUpLog(MADE_UP_BYTES), shards);
  report(summary, top);
  console.log(
    `${formatCount(summary.lines)} lines, ${formatCount(summary.strangeLines)} of them strange: ${
      formatTime(performance.now() - begin)
    } with ${shards} shards`,
  );
}

function report({ statuses, paths }: LogSummary, top: number): void {
  for (const [status, count] of [...statuses].sort(([a], [b]) => a - b)) {
    console.log(`${formatCount(count).padStart(12)}  status ${status}`);
  }
  const byBytes = [...paths].sort(([, a], [, b]) => b.bytes - a.bytes);
  for (const [path, { requests, bytes }] of byBytes.slice(0, top)) {
    console.log(`${formatBytes(bytes).padStart(12)}  ${path}, ${formatCount(requests)} requests`);
  }
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
