// deno-lint-ignore-file no-console -- a command-line program
/**
 * Replays the memory of a real program over real shards, checks every byte, and draws what came of
 * it. `deno task demo` runs it on the bundled trace of `git pack-objects`.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { parseMemorySize } from "@tidepool/core";
import { ReplayError } from "./errors.ts";
import { ProgressBar } from "./progress_bar.ts";
import { jsonReport, textReport } from "./report.ts";
import { type ReplayResult, replayTrace } from "./run.ts";
import type { HandOverMode } from "./shard_replay.ts";
import { readTrace, type Trace, TraceError } from "./trace.ts";

const USAGE = `Replays a recorded allocation trace of a real program over real shards.

Usage: deno task replay [TRACE] [options]

  TRACE                  a trace file, gzipped or plain; by default the bundled trace of
                         git pack-objects (examples/replay/traces/README.md has the format)
  --shards N             how many shards; trace thread t runs on shard t mod N
                         (default: as many as the trace has threads, 8 at most)
  --memory SIZE          memory of all slices together, in bytes or as "512MiB", "4G"
                         (default: what the trace needs, with a quarter to spare)
  --hand-over address    a block that another thread frees is freed remotely (default)
  --hand-over foreign    it is first moved to that shard, as a ForeignPtr
  --json                 print one JSON object and nothing else
  --help                 print this text

Exits with 0 if every byte was right, every heap is sound and nothing leaked; otherwise with 1.`;

const DEFAULT_TRACE = "traces/git-pack.trace.gz";
const MAX_DEFAULT_SHARDS = 8;

/** The command line is wrong; the message says how. */
class UsageError extends Error {
  override readonly name = "UsageError";
}

interface Command {
  readonly path: string;
  readonly shards: number | undefined;
  readonly memory: number | undefined;
  readonly handOver: HandOverMode;
  readonly json: boolean;
  readonly help: boolean;
}

function parseCommand(words: string[]): Command {
  const { values, positionals } = parseWords(words);
  if (positionals.length > 1) {
    throw new UsageError(
      `Expected one trace, received ${positionals.length}: ${positionals.join(" ")}`,
    );
  }
  const handOver = values["hand-over"] ?? "address";
  if (handOver !== "address" && handOver !== "foreign") {
    throw new UsageError(`--hand-over is "address" or "foreign", received "${handOver}"`);
  }
  return {
    path: positionals[0] ?? `${import.meta.dirname}/${DEFAULT_TRACE}`,
    shards: values.shards === undefined ? undefined : parseShards(values.shards),
    memory: values.memory === undefined ? undefined : parseMemory(values.memory),
    handOver,
    json: values.json ?? false,
    help: values.help ?? false,
  };
}

function parseWords(words: string[]) {
  try {
    return parseArgs({
      args: words,
      allowPositionals: true,
      options: {
        shards: { type: "string" },
        memory: { type: "string" },
        "hand-over": { type: "string" },
        json: { type: "boolean" },
        help: { type: "boolean", short: "h" },
      },
    });
  } catch (cause) {
    if (!(cause instanceof TypeError)) throw cause;
    throw new UsageError(cause.message, { cause });
  }
}

function parseShards(text: string): number {
  if (!/^[1-9][0-9]{0,3}$/.test(text)) {
    throw new UsageError(`--shards is a whole number of at least 1, received "${text}"`);
  }
  return Number(text);
}

function parseMemory(text: string): number {
  try {
    return parseMemorySize(text);
  } catch (cause) {
    if (!(cause instanceof TypeError || cause instanceof RangeError)) throw cause;
    throw new UsageError(`--memory: ${cause.message}`, { cause });
  }
}

/** COLUMNS wins over the terminal's own width, as in other programs; where neither is known, 80. */
function terminalColumns(): number {
  const columns = Number(Deno.env.get("COLUMNS"));
  if (Number.isInteger(columns) && columns > 0) return columns;
  return Deno.stdout.isTerminal() ? Deno.consoleSize().columns || 80 : 80;
}

function writeToTerminal(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}

async function run(command: Command): Promise<boolean> {
  const terminal = Deno.stdout.isTerminal() && !command.json;
  const style = { columns: terminalColumns(), color: terminal && !Deno.noColor };
  const { trace, result } = await replay(command, terminal, style);
  if (command.json) {
    console.log(JSON.stringify(jsonReport(trace, command.handOver, result), null, 2));
  } else {
    console.log(textReport(trace, command.handOver, result, style));
  }
  if (result.unexpectedBlocks === 0 && result.leakedBlocks === 0) return true;
  console.error(
    `error: At the end of the program ${result.unexpectedBlocks} blocks more were live than the ` +
      `trace leaves live, and ${result.leakedBlocks} were left after all were freed`,
  );
  return false;
}

async function replay(
  { path, shards, memory, handOver }: Command,
  terminal: boolean,
  { columns, color }: { columns: number; color: boolean },
): Promise<{ trace: Trace; result: ReplayResult }> {
  using bar = terminal ? new ProgressBar(writeToTerminal, columns, color) : undefined;
  bar?.say(`Reading ${path}`);
  const trace = await readTrace(path);
  const shardCount = shards ?? Math.min(trace.threads, MAX_DEFAULT_SHARDS);
  bar?.say(`Starting ${shardCount} shards`);
  const onProgress = (done: number) => bar?.update(done, trace.operations);
  const result = await replayTrace(trace, { shards: shardCount, memory, handOver, onProgress });
  return { trace, result };
}

async function main(): Promise<number> {
  try {
    const command = parseCommand(Deno.args);
    if (command.help) {
      console.log(USAGE);
      return 0;
    }
    return await run(command) ? 0 : 1;
  } catch (error) {
    if (error instanceof UsageError) {
      console.error(`error: ${error.message}\nSee deno task replay --help`);
    } else if (error instanceof TraceError || error instanceof ReplayError) {
      console.error(`error: ${error.message}`);
    } else {
      console.error(error);
    }
    return 1;
  }
}

Deno.exitCode = await main();
