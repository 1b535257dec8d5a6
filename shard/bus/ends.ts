/**
 * Who waits for a call to end on an endpoint, whichever it is.
 *
 * @module
 */

/** The ends of one endpoint's calls. */
export class Ends {
  #waiters: (() => void)[] = [];

  /** Resolves when a call ends: then there may be room for another. */
  next(): Promise<void> {
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  /** Resolves when `isSo()`, which only the end of a call can bring about. */
  async until(isSo: () => boolean): Promise<void> {
    while (!isSo()) await this.next();
  }

  /** A turn is over in which calls may have ended. */
  tell(): void {
    if (this.#waiters.length === 0) return;
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const resolve of waiters) resolve();
  }
}
