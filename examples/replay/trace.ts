/**
 * Reads an allocation trace: every `malloc`, `calloc`, `realloc`, aligned allocation and `free` of a
 * real program, in order, as text, gzipped or plain. `traces/README.md` describes the format.
 *
 * The file is read as a stream and checked line by line: an operation on a block that is not live, a
 * second life of a block's number, or a file that ends before the number of operations it announces
 * is an error that names the line, so that a replay never starts on half a trace.
 *
 * @module
 */

/** The kinds of operation, as they stand in word 0 of an operation. */
export const MALLOC = 0;
/** As {@linkcode MALLOC}, and the block starts as zeros. */
export const CALLOC = 1;
/** As {@linkcode MALLOC}, at a multiple of the alignment in word 4. */
export const MEMALIGN = 2;
/** The block keeps its number, and belongs to the operation's thread from here on. */
export const REALLOC = 3;
/** The thread need not be the one that allocated the block. */
export const FREE = 4;

/** Words of one operation in {@linkcode Trace.words}: kind, thread, block, size, alignment. */
export const TRACE_WORDS = 5;

/** An allocation trace that passed every check. */
export interface Trace {
  /** The program that was recorded, or the file's name where the trace does not say. */
  readonly program: string;
  /** `TRACE_WORDS` words for each operation, in the order of the trace. */
  readonly words: Uint32Array;
  /** The number of operations. */
  readonly operations: number;
  /** One more than the highest thread number. */
  readonly threads: number;
  /** The most bytes that were live at once, as the program asked for them. */
  readonly peakLiveBytes: number;
  /** The number of operations after which that many bytes were live for the first time. */
  readonly peakOperations: number;
  /** The blocks that the program never freed. */
  readonly liveBlocks: number;
  /** The bytes of the blocks that the program never freed. */
  readonly liveBytes: number;
}

/** The file cannot be read, or is not an allocation trace; the message names the file and the line. */
export class TraceError extends Error {
  override readonly name = "TraceError";
}

const MAX_WORD = 2 ** 32 - 1;
/** No line of a trace is this long; a file without line ends would otherwise be buffered whole. */
const MAX_LINE_CHARACTERS = 4096;
const FREED = -1;
const EXPECTED = '"a T I S", "c T I S", "m T I S A", "r T I S" or "f T I"';

/**
 * Reads the trace in the file at `path`.
 *
 * @param path A file, gzipped or plain: gzip is recognised by its first two bytes.
 * @returns The trace.
 * @throws {TraceError} The file is missing, unreadable, damaged, or no trace.
 */
export async function readTrace(path: string): Promise<Trace> {
  try {
    using file = await Deno.open(path);
    return await parseTrace(await inflate(file), fileName(path));
  } catch (error) {
    if (error instanceof TraceError) throw new TraceError(`${path}: ${error.message}`);
    throw new TraceError(`${path}: ${reasonOf(error)}`, { cause: error });
  }
}

/**
 * Reads a trace from a stream of its text.
 *
 * @param text UTF-8, already decompressed, in chunks of any size.
 * @param name Stands in for the program's name where the trace has none.
 * @returns The trace.
 * @throws {TraceError} The text is no trace; the message names the line.
 */
export async function parseTrace(
  text: AsyncIterable<Uint8Array<ArrayBuffer>>,
  name: string,
): Promise<Trace> {
  const parser = new TraceParser(name);
  const decoder = new TextDecoder("utf-8", { fatal: true });
  let rest = "";
  try {
    for await (const chunk of text) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) parser.line(line);
      if (rest.length > MAX_LINE_CHARACTERS) parser.line(rest);
    }
    parser.line(rest + decoder.decode());
  } catch (error) {
    if (error instanceof TraceError) throw error;
    // A damaged archive is noticed where the inflater gives up, which is after the last whole line.
    const where = parser.lines === 0 ? "" : ` (after line ${parser.lines})`;
    throw new TraceError(`${reasonOf(error)}${where}`, { cause: error });
  }
  return parser.finish();
}

/** Checks each line against the lives of the blocks so far, and packs it into words. */
class TraceParser {
  lines = 0;
  #words = new Uint32Array(TRACE_WORDS * 4096);
  #operations = 0;
  #announced = -1;
  #program: string;
  #threads = 0;
  /** The size of each block ever seen, or FREED. */
  readonly #sizes = new Map<number, number>();
  #liveBlocks = 0;
  #liveBytes = 0;
  #peakLiveBytes = 0;
  #peakOperations = 0;

  constructor(name: string) {
    this.#program = name;
  }

  line(text: string): void {
    this.lines++;
    const line = text.endsWith("\r") ? text.slice(0, -1) : text;
    if (line === "") return;
    if (line.startsWith("#")) return this.#comment(line);
    if (line.length > MAX_LINE_CHARACTERS) this.#reject(line);
    const fields = line.split(" ");
    const [letter] = fields;
    const thread = this.#number(fields[1], line);
    const block = this.#number(fields[2], line);
    const size = letter === "f" ? 0 : this.#number(fields[3], line);
    const alignment = letter === "m" ? this.#number(fields[4], line) : 0;
    if (fields.length !== (letter === "f" ? 3 : letter === "m" ? 5 : 4)) this.#reject(line);
    switch (letter) {
      case "a":
        return this.#allocate(MALLOC, thread, block, size, 0);
      case "c":
        return this.#allocate(CALLOC, thread, block, size, 0);
      case "m":
        if (alignment === 0 || (alignment & (alignment - 1)) !== 0) {
          this.#fail(`aligns block ${block} to ${alignment}, which is not a power of two`);
        }
        return this.#allocate(MEMALIGN, thread, block, size, alignment);
      case "r":
        this.#push(REALLOC, thread, block, size, 0);
        return this.#resize(block, this.#liveSize(block, "resizes"), size);
      case "f":
        this.#push(FREE, thread, block, 0, 0);
        this.#resize(block, this.#liveSize(block, "frees"), FREED);
        return;
      default:
        this.#reject(line);
    }
  }

  finish(): Trace {
    if (this.#operations === 0) {
      throw new TraceError(
        "this is not an allocation trace: it holds no operation. " +
          `Expected lines such as ${EXPECTED}`,
      );
    }
    if (this.#announced >= 0 && this.#announced !== this.#operations) {
      throw new TraceError(
        `the trace announces ${this.#announced} operations and holds ${this.#operations}: ` +
          "the file was cut short or edited",
      );
    }
    return {
      program: this.#program,
      words: this.#words.slice(0, this.#operations * TRACE_WORDS),
      operations: this.#operations,
      threads: this.#threads,
      peakLiveBytes: this.#peakLiveBytes,
      peakOperations: this.#peakOperations,
      liveBlocks: this.#liveBlocks,
      liveBytes: this.#liveBytes,
    };
  }

  #comment(line: string): void {
    const [, key, value = ""] = /^# ?(malloc-trace|program:|ops:) +(\S.*)$/.exec(line) ?? [];
    if (key === "malloc-trace" && value.trim() !== "1") {
      this.#fail(`says that this is format ${value.trim()}; only format 1 is known`);
    }
    if (key === "program:") this.#program = value.trim();
    if (key === "ops:") this.#announced = Number.parseInt(value, 10);
  }

  #allocate(kind: number, thread: number, block: number, size: number, alignment: number): void {
    const known = this.#sizes.get(block);
    if (known !== undefined) {
      this.#fail(
        `allocates block ${block} ${known === FREED ? "again after it was freed" : "twice"}; ` +
          "each block has a number of its own",
      );
    }
    this.#push(kind, thread, block, size, alignment);
    this.#liveBlocks++;
    this.#resize(block, 0, size);
  }

  #resize(block: number, before: number, after: number): void {
    this.#sizes.set(block, after);
    if (after === FREED) this.#liveBlocks--;
    this.#liveBytes += Math.max(after, 0) - before;
    if (this.#liveBytes <= this.#peakLiveBytes) return;
    this.#peakLiveBytes = this.#liveBytes;
    this.#peakOperations = this.#operations;
  }

  #liveSize(block: number, verb: string): number {
    const size = this.#sizes.get(block);
    if (size === undefined) this.#fail(`${verb} block ${block}, which was never allocated`);
    if (size === FREED) this.#fail(`${verb} block ${block}, which was freed before`);
    return size;
  }

  #push(kind: number, thread: number, block: number, size: number, alignment: number): void {
    const at = this.#operations++ * TRACE_WORDS;
    if (at === this.#words.length) {
      const grown = new Uint32Array(2 * at);
      grown.set(this.#words);
      this.#words = grown;
    }
    const words = this.#words;
    words[at] = kind;
    words[at + 1] = thread;
    words[at + 2] = block;
    words[at + 3] = size;
    words[at + 4] = alignment;
    this.#threads = Math.max(this.#threads, thread + 1);
  }

  #number(field: string | undefined, line: string): number {
    if (field === undefined || field === "" || field.length > 10) this.#reject(line);
    let value = 0;
    for (let at = 0; at < field.length; at++) {
      const digit = field.charCodeAt(at) - 48;
      if (digit < 0 || digit > 9) this.#reject(line);
      value = value * 10 + digit;
    }
    if (value > MAX_WORD) this.#fail(`holds ${value}; no number of a trace exceeds ${MAX_WORD}`);
    return value;
  }

  #reject(line: string): never {
    const shown = JSON.stringify(line.length > 40 ? `${line.slice(0, 40)}…` : line);
    const what = this.#operations === 0 ? "this is not an allocation trace: " : "";
    throw new TraceError(
      `${what}line ${this.lines} is ${shown}, which is no operation. Expected ${EXPECTED}`,
    );
  }

  #fail(reason: string): never {
    throw new TraceError(`line ${this.lines} ${reason}`);
  }
}

/** The bytes of the file, decompressed where its first two bytes say that it is gzipped. */
async function inflate(file: Deno.FsFile): Promise<ReadableStream<Uint8Array<ArrayBuffer>>> {
  const start = new Uint8Array(2);
  await file.read(start);
  await file.seek(0, Deno.SeekMode.Start);
  const gzipped = start[0] === 0x1f && start[1] === 0x8b;
  return gzipped ? file.readable.pipeThrough(new DecompressionStream("gzip")) : file.readable;
}

function fileName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1).replace(/(\.trace)?(\.gz)?$/, "");
}

function reasonOf(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "there is no such file";
  if (error instanceof Deno.errors.IsADirectory) return "this is a folder, not a trace file";
  if (error instanceof Deno.errors.PermissionDenied) return "the file may not be read";
  const message = error instanceof Error ? error.message : String(error);
  if (/gzip|deflate/.test(message)) return `the gzip data is damaged or ends early: ${message}`;
  if (/encoded data (is|was) not valid/.test(message)) {
    return "this is not an allocation trace: it is not UTF-8 text";
  }
  return message;
}
