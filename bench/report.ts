/**
 * The one form in which comparisons are told: an object for `--json`, and a table of it to read.
 *
 * @module
 */
import { type Measurement, median, type Ratio } from "./comparison.ts";

/** The name of our own rows, in every subject. */
export const TIDEPOOL = "Tidepool";

/** One line of the report: a contestant's figure for one measure. */
export interface ReportRow {
  readonly name: string;
  readonly measure: string;
  readonly unit: string;
  /** Median over the repetitions; null when the contestant could not run. */
  readonly value: number | null;
  readonly minimum: number | null;
  readonly maximum: number | null;
  readonly repetitions: number;
  readonly reason?: string;
  readonly note?: string;
}

/** A whole comparison, ready for `JSON.stringify`. */
export interface Report {
  readonly subject: string;
  readonly machine: string;
  readonly deno: string;
  readonly date: string;
  readonly ratios: Readonly<Record<string, number | null>>;
  /** Why a ratio is null, by its key. */
  readonly reasons: Readonly<Record<string, string>>;
  /** How the figures were taken, in whole sentences. */
  readonly notes: readonly string[];
  readonly rows: readonly ReportRow[];
}

/** What a subject hands back once it has run. */
export interface Findings {
  readonly measurements: readonly Measurement[];
  readonly ratios: Readonly<Record<string, Ratio>>;
  readonly notes: readonly string[];
}

/** Where and when a comparison ran. */
export interface Circumstances {
  readonly machine: string;
  readonly deno: string;
  readonly date: string;
}

/** Puts findings into the form of a report. */
export function makeReport(
  subject: string,
  circumstances: Circumstances,
  findings: Findings,
): Report {
  const ratios: Record<string, number | null> = {};
  const reasons: Record<string, string> = {};
  for (const [key, ratio] of Object.entries(findings.ratios)) {
    ratios[key] = ratio.value;
    if (ratio.value === null) reasons[key] = ratio.reason ?? "no reason was given";
  }
  const { machine, deno, date } = circumstances;
  const rows = findings.measurements.map(toRow);
  return { subject, machine, deno, date, ratios, reasons, notes: findings.notes, rows };
}

function toRow(measurement: Measurement): ReportRow {
  const { name, measure, unit, samples, reason, note } = measurement;
  const none = samples.length === 0;
  return {
    name,
    measure,
    unit,
    value: none ? null : median(samples),
    minimum: none ? null : Math.min(...samples),
    maximum: none ? null : Math.max(...samples),
    repetitions: samples.length,
    ...(none ? { reason: reason ?? "no reason was given" } : {}),
    ...(note === undefined ? {} : { note }),
  };
}

/** Our own rows that came out empty: a peer may be missing, but we may not. */
export function ownFailures(report: Report): ReportRow[] {
  return report.rows.filter((row) => row.name === TIDEPOOL && row.value === null);
}

/** Three significant digits, with separators above a thousand: `0.0123`, `1.23`, `12,300`. */
export function formatFigure(value: number): string {
  const size = Math.abs(value);
  if (size >= 1000) {
    return Number(value.toPrecision(3)).toLocaleString("en-US", { maximumFractionDigits: 0 });
  }
  if (size > 0 && size < 1e-4) return value.toExponential(2);
  return value.toPrecision(3);
}

/** The report as lines of text: the rows, then the ratios, then the notes. */
export function formatReport(report: Report): string {
  const lines = [
    `compare ${report.subject}`,
    `${report.machine} · Deno ${report.deno} · ${report.date}`,
    "",
    ...formatRows(report.rows),
    "",
    "ratios: medians of the ratios within each repetition",
  ];
  const width = widest(Object.keys(report.ratios));
  for (const [key, value] of Object.entries(report.ratios)) {
    const text = value === null ? `none: ${report.reasons[key]}` : formatFigure(value);
    lines.push(`  ${key.padEnd(width)}  ${text}`);
  }
  if (report.notes.length > 0) lines.push("", ...report.notes.map((note) => `· ${note}`));
  return lines.join("\n");
}

/** Columns: measure (on its first row only), contestant, value and unit, least and greatest sample. */
function formatRows(rows: readonly ReportRow[]): string[] {
  const measureWidth = widest(rows.map((row) => row.measure));
  const nameWidth = widest(rows.map((row) => row.name));
  const unitWidth = widest(rows.map((row) => row.unit));
  let previous = "";
  return rows.map((row) => {
    const measure = row.measure === previous ? "" : row.measure;
    previous = row.measure;
    const cells = [measure.padEnd(measureWidth), row.name.padEnd(nameWidth)];
    if (row.value === null) {
      cells.push("none".padStart(FIGURE_WIDTH), row.reason ?? "");
    } else {
      cells.push(formatFigure(row.value).padStart(FIGURE_WIDTH), row.unit.padEnd(unitWidth));
      if (row.repetitions > 1) {
        cells.push(`${formatFigure(row.minimum!)} … ${formatFigure(row.maximum!)}`);
      }
      if (row.note !== undefined) cells.push(row.note);
    }
    return cells.join("  ").trimEnd();
  });
}

const FIGURE_WIDTH = 9;

function widest(texts: readonly string[]): number {
  return Math.max(0, ...texts.map((text) => text.length));
}
