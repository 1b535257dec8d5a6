/**
 * Mutants that no test can kill, with the reason: `equivalent.json`. An entry names a change by the
 * lines that it touches, so it names nothing any more once these have changed: then it is stale.
 *
 * @module
 */
import { keyOf, type Mutant } from "./mutant.ts";

/** Where a project keeps them, from its root. */
export const EQUIVALENT_FILE = "mutants/equivalent.json";

/** Some mutants of one file that are equivalent for one reason. */
export interface EquivalentMutants {
  readonly file: string;
  readonly reason: string;
  /** Each as a report prints it: where, a colon, and the change in brackets. */
  readonly mutants: readonly string[];
}

/**
 * Reads a project's list; an empty one if it has none.
 *
 * @throws {TypeError} If it is not a list of entries.
 */
export async function readEquivalent(root: string): Promise<EquivalentMutants[]> {
  let text: string;
  try {
    text = await Deno.readTextFile(`${root}/${EQUIVALENT_FILE}`);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return [];
    throw error;
  }
  const entries: unknown = JSON.parse(text);
  if (!Array.isArray(entries) || !entries.every(isEntry)) {
    throw new TypeError(
      `Cannot use ${EQUIVALENT_FILE}: expected a list of { file, reason, mutants }, the reason a text that is not empty`,
    );
  }
  return entries;
}

function isEntry(entry: Partial<EquivalentMutants> | null): boolean {
  return typeof entry?.file === "string" && typeof entry.reason === "string" &&
    entry.reason.trim() !== "" && Array.isArray(entry.mutants) &&
    entry.mutants.every((mutant) => typeof mutant === "string");
}

/** The reasons why mutants of `file` are equivalent, by key. */
export function reasonsFor(
  file: string,
  entries: readonly EquivalentMutants[],
): Map<string, string> {
  return new Map(
    entries.filter((entry) => entry.file === file)
      .flatMap(({ mutants, reason }) => mutants.map((key) => [key, reason] as const)),
  );
}

/** Keys of `reasons` that name none of the file's mutants. */
export function staleKeys(
  reasons: ReadonlyMap<string, string>,
  mutants: readonly Mutant[],
): string[] {
  const keys = new Set(mutants.map(keyOf));
  return [...reasons.keys()].filter((key) => !keys.has(key));
}
