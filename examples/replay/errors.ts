/**
 * The errors of a replay that its caller tells apart from faults of the program itself.
 *
 * @module
 */

/** The replay ended early, or could not start; the message says why. */
export class ReplayError extends Error {
  override readonly name = "ReplayError";
}

/** What an error says. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
