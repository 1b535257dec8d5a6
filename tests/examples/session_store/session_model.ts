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
   * It was read as `value`. From now on it is that.
   *
   * @returns Why it can't be that, if so.
   */
  read(value: string | undefined, { first, last }: Lives): string | undefined {
    const mayBeLost = last > this.#since.first;
    const mustBeLost = first > this.#since.last;
    const isRight = this.#possible.includes(value) && !mustBeLost ||
      value === undefined && mayBeLost;
    const expected = `one of ${JSON.stringify(this.#possible.map(String))}` +
      (mustBeLost ? ", lost since" : mayBeLost ? ", or lost since" : "");
    // Where it is now, it was since the later of both lives.
    if (value === undefined) this.became(value, { first, last });
    else {
      this.became(value, {
        first: Math.max(first, this.#since.first),
        last: Math.min(last, this.#since.last),
      });
    }
    return isRight
      ? undefined
      : `${value} was read in life ${first} to ${last}: expected ${expected}`;
  }
}
