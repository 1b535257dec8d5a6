/**
 * What a campaign has found, as an object and as text.
 *
 * @module
 */
import type { Outcome } from "./campaign.ts";
import { keyOf, type Mutant } from "./mutant.ts";

/** One mutant in a report. */
export interface ReportedMutant {
  readonly line: number;
  readonly column: number;
  readonly kind: string;
  /** Where and what, as `equivalent.json` names it. */
  readonly mutant: string;
  readonly status: Outcome["status"] | "equivalent";
  /** The test file that has noticed. */
  readonly test?: string;
  /** Why no test can notice. */
  readonly reason?: string;
  readonly milliseconds?: number;
}

/** How many mutants of a file ended in which way. */
export interface Counts {
  readonly killed: number;
  readonly timedOut: number;
  readonly survived: number;
  readonly equivalent: number;
}

/** What was found in one file. */
export interface FileReport extends Counts {
  readonly file: string;
  readonly tests: readonly string[];
  /** Noticed, of those that are not equivalent, in percent; null if there are none. */
  readonly score: number | null;
  readonly mutants: readonly ReportedMutant[];
  /** Entries of `equivalent.json` that name no mutant any more. */
  readonly stale: readonly string[];
}

/** What was found in all. */
export interface Report {
  /** Of the sample and of the random tests. */
  readonly seed: number;
  readonly files: readonly FileReport[];
}

/** A mutant that was run. */
export function reportOutcome(mutant: Mutant, outcome: Outcome): ReportedMutant {
  const { status, test, milliseconds } = outcome;
  return {
    ...placeOf(mutant),
    status,
    ...(test === undefined ? {} : { test }),
    milliseconds: Math.round(milliseconds),
  };
}

/** A mutant that was not run, as none can notice. */
export function reportEquivalent(mutant: Mutant, reason: string): ReportedMutant {
  return { ...placeOf(mutant), status: "equivalent", reason };
}

/** Where a mutant lies, and what it is. */
export function placeOf(
  mutant: Mutant,
): Pick<ReportedMutant, "line" | "column" | "kind" | "mutant"> {
  const { line, column, kind } = mutant;
  return { line, column, kind, mutant: keyOf(mutant) };
}

/** Counts, and the score that they make. */
export function makeFileReport(
  file: string,
  tests: readonly string[],
  mutants: readonly ReportedMutant[],
  stale: readonly string[],
): FileReport {
  const count = (status: ReportedMutant["status"]) =>
    mutants.filter((mutant) => mutant.status === status).length;
  const killed = count("killed");
  const timedOut = count("timed out");
  const survived = count("survived");
  const run = killed + timedOut + survived;
  const score = run === 0 ? null : Math.round(1000 * (killed + timedOut) / run) / 10;
  const equivalent = count("equivalent");
  return { file, tests, killed, timedOut, survived, equivalent, score, mutants, stale };
}

/** Whether there is nothing to do: none has survived, and no entry is stale. */
export function isClean({ files }: Report): boolean {
  return files.every(({ survived, stale }) => survived === 0 && stale.length === 0);
}

/** The report as text: survivors first, a line of figures for each file last. */
export function formatReport({ seed, files }: Report): string {
  const lines: string[] = [];
  for (const { file, mutants, stale } of files) {
    for (const { status, line, column, mutant } of mutants) {
      if (status === "survived") lines.push(`${file}:${line}:${column}  ${mutant}`);
    }
    for (const key of stale) lines.push(`${file}: stale in equivalent.json: ${key}`);
  }
  if (lines.length > 0) lines.unshift("Survived: a test is missing, or the code is dead.", "");
  if (lines.length > 0) lines.push("");
  for (const { file, killed, timedOut, survived, equivalent, score } of files) {
    const parts = [
      `${killed} killed`,
      `${timedOut} killed by time-out`,
      `${survived} survived`,
      `${equivalent} equivalent`,
    ];
    lines.push(`${file}: ${parts.join(", ")}; score ${score === null ? "none" : `${score} %`}`);
  }
  return [...lines, `Seed ${seed}`].join("\n");
}
