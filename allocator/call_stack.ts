/**
 * Where in the program an allocation was asked for: the stack that V8 keeps for errors, as text, and
 * parsed into frames for reports. Taking a stack costs about a microsecond and writing it out some
 * ten, so a {@linkcode CallStack} is written out when it is first looked at.
 *
 * How many frames there are follows `Error.stackTraceLimit`, which is 10 unless the program sets it:
 * it belongs to the program, so nothing here changes it.
 *
 * @module
 */

/** One call on a stack. */
export interface CallFrame {
  /** The name of the function, empty where it has none. */
  readonly functionName: string;
  /** The module, empty for code that belongs to none. */
  readonly url: string;
  /** Counted from 1, 0 where there is none. */
  readonly lineNumber: number;
  /** Counted from 1, 0 where there is none. */
  readonly columnNumber: number;
}

/** The calls that led to the place where it was made, without those of the allocator itself. */
export class CallStack {
  readonly #holder: { stack?: string } = {};
  #text: string | undefined;

  /** Takes the stack of the caller. */
  constructor() {
    Error.captureStackTrace(this.#holder, CallStack);
  }

  /** One line for each call, innermost first, as V8 writes them but without indentation. */
  get text(): string {
    this.#text ??= ownFramesCut(this.#holder.stack ?? "");
    return this.#text;
  }

  /** The calls, innermost first. */
  get frames(): CallFrame[] {
    return this.text === "" ? [] : this.text.split("\n").map(parseFrame);
  }
}

/** The lines of a stack that are calls, less the innermost ones that are the allocator's. */
function ownFramesCut(stack: string): string {
  const lines = stack.split("\n").filter((line) => /^\s+at /.test(line)).map((line) => line.trim());
  const folder = new URL(".", import.meta.url).href;
  const first = lines.findIndex((line) => !line.includes(folder));
  // In a bundle every module may lie in one folder; then no frame can be told from another.
  return (first === -1 ? lines : lines.slice(first)).join("\n");
}

/** Takes `at name (url:line:column)` and `at url:line:column` apart. */
function parseFrame(line: string): CallFrame {
  const call = line.replace(/^at /, "");
  const named = /^(.*?) \((.*)\)$/.exec(call);
  const functionName = named === null ? "" : named[1]!;
  const place = named === null ? call : named[2]!;
  const position = /^(.*):(\d+):(\d+)$/.exec(place);
  if (position === null) {
    const url = place === "<anonymous>" || place === "native" ? "" : place;
    return { functionName, url, lineNumber: 0, columnNumber: 0 };
  }
  return {
    functionName,
    url: position[1]!.replace(/^async /, ""),
    lineNumber: Number(position[2]),
    columnNumber: Number(position[3]),
  };
}
