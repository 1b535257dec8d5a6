/**
 * A mutant: a source file with one small change, which a test should notice.
 *
 * @module
 */

/** What sort of place was changed. */
export type MutantKind = "operator" | "constant" | "condition" | "statement" | "atomic";

/** One change to one file. */
export interface Mutant {
  /** Path from the project's root, with slashes. */
  readonly file: string;
  readonly kind: MutantKind;
  /** Line of the change, from 1. */
  readonly line: number;
  /** Column of the change, from 1. */
  readonly column: number;
  /** The class, method or function around it; "module" outside of all. */
  readonly within: string;
  /** The source lines that it touches on one line, the change in brackets. */
  readonly change: string;
  /** Index in the text of the first character that is replaced. */
  readonly start: number;
  /** Index behind the last one. */
  readonly end: number;
  readonly replacement: string;
}

/**
 * Names a mutant by what it changes and where, not by line numbers: so the name lasts while the code
 * stays as it is, whatever is added above it, and leads nowhere once the code has changed.
 */
export function keyOf({ within, change }: Pick<Mutant, "within" | "change">): string {
  return `${within}: ${change}`;
}

/** The text of the file with the change made. */
export function mutate(text: string, { start, end, replacement }: Mutant): string {
  return text.slice(0, start) + replacement + text.slice(end);
}

/** The lines of `text` from `start` to `end`, on one line, with what becomes of that part. */
export function describeChange(text: string, start: number, end: number, becomes: string): string {
  const lineStart = text.lastIndexOf("\n", start - 1) + 1;
  const newline = text.indexOf("\n", end);
  const from = text.slice(start, end);
  const change = becomes === "" ? `[delete ${from}]` : `[${from} → ${becomes}]`;
  const lines = text.slice(lineStart, start) + change +
    text.slice(end, newline < 0 ? text.length : newline);
  return lines.replace(/\s+/g, " ").trim();
}
