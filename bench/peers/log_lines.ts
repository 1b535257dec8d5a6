/**
 * Lines of a log, as a web server writes them: what is counted in them, and how a file is read in
 * blocks of whole lines. Knows nothing of threads.
 *
 * @module
 */

/** Large enough that handing one over is nothing beside counting it. */
export const BLOCK_BYTES = 2 ** 20;
/** Counting goes on in one block of a thread while another is read. */
export const BLOCKS_OF_A_THREAD = 2;
/** Threads that count. */
export const THREADS = 2;

const SPACE = 0x20;
const ZERO = 0x30;

/** What is known of some lines. */
export interface LogTotals {
  readonly lines: number;
  /** Sum of the lengths of the answers. */
  readonly bytes: number;
  /** Answers with a status from 500. */
  readonly failures: number;
  /** How many lines have a path with that hash, modulo their number. */
  readonly paths: Uint32Array;
}

/** Of no lines at all. */
export function noTotals(): LogTotals {
  return { lines: 0, bytes: 0, failures: 0, paths: new Uint32Array(256) };
}

/** Of the lines of both. */
export function sumOf(a: LogTotals, b: LogTotals): LogTotals {
  return {
    lines: a.lines + b.lines,
    bytes: a.bytes + b.bytes,
    failures: a.failures + b.failures,
    paths: a.paths.map((count, index) => count + b.paths[index]!),
  };
}

/** Counts lines of the form `TIME METHOD PATH STATUS BYTES`, each with a line feed. */
export function countLines(block: Uint8Array, byteLength: number): LogTotals {
  const paths = new Uint32Array(256);
  let lines = 0;
  let bytes = 0;
  let failures = 0;
  let at = 0;
  while (at < byteLength) {
    while (block[at++] !== SPACE); // the time
    while (block[at++] !== SPACE); // the method
    let hash = 0;
    for (let byte = block[at++]!; byte !== SPACE; byte = block[at++]!) {
      hash = (Math.imul(hash, 31) + byte) | 0;
    }
    paths[hash & 255]!++;
    if (block[at]! >= ZERO + 5) failures++;
    at += 4; // three digits and a space
    let length = 0;
    for (let byte = block[at++]!; byte >= ZERO; byte = block[at++]!) {
      length = length * 10 + byte - ZERO;
    }
    bytes += length;
    lines++;
  }
  return { lines, bytes, failures, paths };
}

/** Reads a file in blocks of whole lines, by whoever asks next. */
export class LineBlocks {
  readonly #file: Deno.FsFile;
  /** The beginning of a line whose end was not read yet. */
  #rest = new Uint8Array(0);
  #turn: Promise<unknown> = Promise.resolve();

  constructor(file: Deno.FsFile) {
    this.#file = file;
  }

  /** Fills a block. @returns how many bytes of it are lines; 0 at the end */
  fill(block: Uint8Array): Promise<number> {
    const filled = this.#turn.then(() => this.#fill(block));
    this.#turn = filled;
    return filled;
  }

  async #fill(block: Uint8Array): Promise<number> {
    block.set(this.#rest);
    let byteLength = this.#rest.length;
    while (byteLength < block.length) {
      const count = await this.#file.read(block.subarray(byteLength));
      if (count === null) break;
      byteLength += count;
    }
    const end = block.subarray(0, byteLength).lastIndexOf(0x0a) + 1;
    this.#rest = block.slice(end, byteLength);
    return end;
  }
}

/**
 * Counts a file: each lane is a block that is filled, counted and filled again.
 *
 * @param path the file
 * @param lanes each has `blocks` fill a block, and counts it; null when there are no more lines
 */
export async function countFile(
  path: string,
  lanes: readonly ((blocks: LineBlocks) => Promise<LogTotals | null>)[],
): Promise<LogTotals> {
  using file = await Deno.open(path);
  const blocks = new LineBlocks(file);
  const totals = await Promise.all(lanes.map(async (next) => {
    let sum = noTotals();
    for (let more = await next(blocks); more !== null; more = await next(blocks)) {
      sum = sumOf(sum, more);
    }
    return sum;
  }));
  return totals.reduce(sumOf);
}

/** What a program prints. */
export interface LogAnswer {
  readonly lines: number;
  readonly bytes: number;
  readonly failures: number;
  readonly paths: readonly number[];
  /** The most memory that was resident; null where the system does not tell. */
  readonly peakResidentBytes: number | null;
}

/** What was counted, as text. */
export function answerOf(totals: LogTotals): string {
  const peakResidentBytes = Deno.build.os === "linux" ? peakOfThisProcess() : null;
  const answer: LogAnswer = { ...totals, paths: [...totals.paths], peakResidentBytes };
  return JSON.stringify(answer);
}

function peakOfThisProcess(): number {
  const status = Deno.readTextFileSync("/proc/self/status");
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)![1]) * 1024;
}
