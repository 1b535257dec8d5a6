/**
 * What a value of a session may be, for the one client that it belongs to, while its shard dies and comes
 * back. The client knows in which of the shard's lives an operation may have run: from the life that the
 * shard was in when the client asked, to the life that it was in when the client had the answer.
 *
 * @module
 */

/** The lives of a shard, by their epochs, in one of which an operation ran. */
export interface Lives {
  readonly first: number;
  readonly last: number;
}

/** One value of a session. */
export class ModelValue {
  /** What it may be if the shard has not died since; `undefined` is no value. */
  #possible: (string | undefined)[] = [undefined];
  /** The lives in which it may have become that. */
  #since: Lives = { first: 0, last: 0 };

  /** An operation that has made it `value`, `undefined` if it has taken it away. */
  became(value: string | undefined, lives: Lives): void {
    this.#possible = [value];
    this.#since = lives;
  }

  /** The same, but the operation has failed, before or after it had its effect. */
  mayHaveBecome(value: string | undefined, { last }: Lives): void {
    this.#possible.push(value);
    this.#since = { ...this.#since, last };
  }

  /**
   * It was read as `value`. From now on it is that. Returns whether it was lost with its shard.
   *
   * @throws It can't be that; the message says what it can be.
   */
  read(value: string | undefined, { first, last }: Lives): boolean {
    const before = this.#since;
    const mayBeLost = last > before.first;
    const mustBeLost = first > before.last;
    const isKept = this.#possible.includes(value) && !mustBeLost;
    if (!isKept && !(value === undefined && mayBeLost)) {
      throw new Error(
        `${value} was read in a life from ${first} to ${last}: expected ${
          mustBeLost ? "nothing" : this.#possible.join(" or ")
        }, of a life from ${before.first} to ${before.last}`,
      );
    }
    // A value is in the life in which it was read, and was written in the same.
    this.became(
      value,
      value === undefined ? { first, last } : {
        first: Math.max(first, before.first),
        last: Math.min(last, before.last),
      },
    );
    return !isKept;
  }
}
