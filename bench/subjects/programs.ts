/**
 * `compare programs`: whole programs of examples/, beside the same over plain Workers.
 *
 * @module
 */
import type { CompareSettings } from "../compare.ts";
import type { Findings } from "../report.ts";
import { compareLogAnalytics } from "./log_analytics.ts";
import { compareOrderBooks } from "./order_books.ts";

/** Each measures one program. */
const PROGRAMS: readonly ((settings: CompareSettings) => Promise<Findings>)[] = [
  compareOrderBooks,
  compareLogAnalytics,
];

/** Runs the comparison, a program after the other. */
export async function comparePrograms(settings: CompareSettings): Promise<Findings> {
  const findings: Findings[] = [];
  for (const compare of PROGRAMS) findings.push(await compare(settings));
  return {
    measurements: findings.flatMap(({ measurements }) => measurements),
    ratios: Object.assign({}, ...findings.map(({ ratios }) => ratios)),
    notes: findings.flatMap(({ notes }) => notes),
  };
}
