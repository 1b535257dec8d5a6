/**
 * Where in the program an allocation was asked for: the stack that V8 keeps for errors, as text, and
 * parsed into frames for reports. Writing a stack out takes V8 and Deno some twenty times as long as
 * taking it, so a {@linkcode CallStack} is written out when it is first looked at.
 *
 * How many calls there are follows `Error.stackTraceLimit`, which is 10 unless the program sets it.
 * The allocator's own come on top of those, so the limit is raised by as many for the moment in which
 * the stack is taken: nothing else can run in it, and the program finds the limit as it left it.
 *
 * @module
 */

/** Calls of the allocator's own between the program's and {@linkcode CallStack}, at most. */
const OWN_CALLS = 10;

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
  readonly #limit: number;
  #text: string | undefined;

  /** Takes the stack of the caller. */
  constructor() {
    // Not a number if the program wants no stacks. Where it has frozen Error, they are shorter.
    this.#limit = Number(Error.stackTraceLimit) || 0;
    if (this.#limit <= 0) return;
    Reflect.set(Error, "stackTraceLimit", this.#limit + OWN_CALLS);
    Error.captureStackTrace(this.#holder, CallStack);
    Reflect.set(Error, "stackTraceLimit", this.#limit);
  }

  /** One line for each call, innermost first, as V8 writes them but without indentation. */
  get text(): string {
    this.#text ??= programCalls(this.#holder.stack ?? "", this.#limit);
    return this.#text;
  }

  /** The same, to follow a message: each line is a new one, and indented. */
  get indented(): string {
    return this.text.split("\n").map((line) => `\n    ${line}`).join("");
  }

  /** The calls, innermost first. */
  get frames(): CallFrame[] {
    return this.text === "" ? [] : this.text.split("\n").map(parseFrame);
  }
}

/** The lines of a stack that are calls, less the innermost ones, which are the allocator's. */
function programCalls(stack: string, limit: number): string {
  const lines = stack.split("\n").filter((line) => /^\s+at /.test(line)).map((line) => line.trim());
  // Not this room alone: malloc() has called it.
  const folder = new URL("../", import.meta.url).href;
  const first = lines.findIndex((line) => !line.includes(folder));
  // In a bundle every module may lie in one folder; then no frame can be told from another.
  return (first === -1 ? lines : lines.slice(first)).slice(0, limit).join("\n");
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
    // A call that waits is marked by a word in front of its place.
    url: position[1]!.replace(/^[a-z]+ (?=[a-z]+:)/, ""),
    lineNumber: Number(position[2]),
    columnNumber: Number(position[3]),
  };
}
