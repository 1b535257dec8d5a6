/**
 * The few ANSI styles of the replay's output.
 *
 * @module
 */

/** For the name of what was replayed. */
export const BOLD = 1;
/** For headings and explanations. */
export const DIM = 2;
/** For what is drawn. */
export const CYAN = 36;

/** Puts the cursor at the start of an empty line. */
export const CLEAR_LINE = "\r\x1b[2K";

/** The text in one of the styles; unchanged where there is to be no colour. */
export function paint(text: string, style: number, color: boolean): string {
  return color ? `\x1b[${style}m${text}\x1b[0m` : text;
}
