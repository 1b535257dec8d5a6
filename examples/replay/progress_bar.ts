/**
 * A line on a terminal that is drawn over again: how far the work is, what share, how fast. The
 * caller decides whether there is a terminal; nothing else is ever written here.
 *
 * @module
 */
import { CLEAR_LINE, CYAN, paint } from "./terminal_style.ts";
import { formatCount } from "./units.ts";

/** The line is drawn at most this often. */
const REDRAW_MILLISECONDS = 50;

/** A progress bar, or a line that says what is being waited for. */
export class ProgressBar implements Disposable {
  readonly #write: (text: string) => void;
  readonly #columns: number;
  readonly #color: boolean;
  readonly #now: () => number;
  #started = -1;
  #drawn = -Infinity;

  /**
   * @param write Puts text on the terminal.
   * @param columns The width of the terminal.
   * @param color Whether to colour the bar.
   * @param now The time in milliseconds.
   */
  constructor(
    write: (text: string) => void,
    columns: number,
    color: boolean,
    now: () => number = () => performance.now(),
  ) {
    this.#write = write;
    this.#columns = columns;
    this.#color = color;
    this.#now = now;
  }

  /** Says what is going on, before there is anything to count. */
  say(text: string): void {
    this.#write(CLEAR_LINE + text.slice(0, this.#columns - 1));
  }

  /** Draws how much is done, unless the line was drawn a moment ago. */
  update(done: number, total: number): void {
    const now = this.#now();
    if (this.#started < 0) this.#started = now;
    if (now - this.#drawn < REDRAW_MILLISECONDS && done < total) return;
    this.#drawn = now;
    const seconds = ((now - this.#started) / 1000).toFixed(1);
    const share = total === 0 ? 1 : done / total;
    const figures = `${Math.floor(share * 100).toString().padStart(3)}%  ` +
      `${formatCount(done).padStart(formatCount(total).length)} of ${
        formatCount(total)
      }  ${seconds} s`;
    const width = Math.max(0, Math.min(50, this.#columns - figures.length - 3));
    const bar = drawBar(share, width);
    this.#write(`${CLEAR_LINE}${paint(bar, CYAN, this.#color)} ${figures}`);
  }

  /** Takes the line away. */
  [Symbol.dispose](): void {
    this.#write(CLEAR_LINE);
  }
}

const EIGHTHS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"] as const;

/**
 * A bar of `width` columns, filled to `share` in steps of an eighth of a column.
 *
 * @param share From 0 to 1.
 * @param width Columns.
 * @returns The bar, padded with spaces.
 */
export function drawBar(share: number, width: number): string {
  const eighths = Math.round(share * width * 8);
  return ("█".repeat(eighths >>> 3) + EIGHTHS[eighths & 7]!).padEnd(width);
}
