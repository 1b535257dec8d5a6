// deno-lint-ignore-file no-console -- a command-line program
/**
 * `deno task word-count`: counts the words of files, on all cores.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { ProgressBar } from "../replay/progress_bar.ts";
import { formatBytes, formatCount, formatTime } from "../replay/units.ts";
import { countFiles, type SizedFile } from "./count_files.ts";
import { cannotCount, countWords, type WordCounts } from "./count_words.ts";

const USAGE = `Counts the words of files, on several shards at once.

Usage: deno task word-count [FILE…] [options]

  FILE…        the files (default: this project's own documents and sources)
  --shards N   how many shards (default: one for each core)
  --top N      how many words to list (default: 10)
  --check      count once more on one thread, and compare
  --help       print this text`;

async function main(commandLine: string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args: commandLine,
    allowPositionals: true,
    options: {
      shards: { type: "string", default: String(navigator.hardwareConcurrency) },
      top: { type: "string", default: "10" },
      check: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return console.log(USAGE);
  const shards = wholeNumber("shards", values.shards, 1, 256);
  const top = wholeNumber("top", values.top, 0, 1_000_000);
  const paths = positionals.length > 0 ? positionals : await ownFiles();
  const files = await Promise.all(paths.map(sizeOf));
  const totalBytes = files.reduce((sum, { byteLength }) => sum + byteLength, 0);

  const begin = performance.now();
  const counts = await countWithBar(files, shards, totalBytes);
  const milliseconds = performance.now() - begin;

  const byCount = [...counts].sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
  for (const [word, count] of byCount.slice(0, top)) {
    console.log(`${formatCount(count).padStart(9)}  ${word}`);
  }
  const words = byCount.reduce((sum, [, count]) => sum + count, 0);
  console.log(
    `${formatCount(words)} words, ${
      formatCount(counts.size)
    } different, in ${files.length} files ` +
      `(${formatBytes(totalBytes)}): ${formatTime(milliseconds)} with ${shards} shards`,
  );
  if (values.check) await check(files, counts);
}

async function countWithBar(files: SizedFile[], shards: number, totalBytes: number) {
  if (!Deno.stdout.isTerminal()) return await countFiles(files, shards);
  const write = (text: string) => void Deno.stdout.writeSync(new TextEncoder().encode(text));
  using bar = new ProgressBar(write, Deno.consoleSize().columns || 80, !Deno.noColor);
  return await countFiles(files, shards, (bytes) => bar.update(bytes, totalBytes));
}

/** The same on this thread alone; throws if it comes to something else. */
async function check(files: SizedFile[], counts: WordCounts): Promise<void> {
  const begin = performance.now();
  const expected: WordCounts = new Map();
  for (const { path } of files) await countWords(path, expected);
  const milliseconds = performance.now() - begin;
  const wrong = [...expected].filter(([word, count]) => counts.get(word) !== count);
  if (wrong.length > 0 || counts.size !== expected.size) {
    throw new Error(`The shards counted ${wrong.length} words otherwise than one thread`);
  }
  console.log(`The same on one thread: ${formatTime(milliseconds)}`);
}

/** Documents and sources of this project. */
async function ownFiles(): Promise<string[]> {
  const paths: string[] = [];
  const walk = async (folder: string) => {
    for await (const { name, isDirectory } of Deno.readDir(folder)) {
      if (name.startsWith(".") || name === "node_modules") continue;
      if (isDirectory) await walk(`${folder}/${name}`);
      else if (/\.(md|ts)$/.test(name)) paths.push(`${folder}/${name}`);
    }
  };
  await walk(`${import.meta.dirname}/../..`);
  return paths.sort();
}

/** Asks the system first, so that nothing is counted if a file is not there. */
async function sizeOf(path: string): Promise<SizedFile> {
  try {
    const { size, isDirectory } = await Deno.stat(path);
    if (isDirectory) throw new TypeError("it is a directory, expected a file");
    return { path, byteLength: size };
  } catch (cause) {
    throw cannotCount(path, cause);
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
