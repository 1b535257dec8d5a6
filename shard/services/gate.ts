/**
 * Gates, after `seastar::gate` (gate.hh): whoever is inside finishes before what they use goes away.
 *
 * It differs in that closing twice gives the same promise, where Seastar asserts, and that leaving an
 * empty gate throws, which Seastar does not look for.
 *
 * @module
 */

import { rejected } from "../bus/mod.ts";
import { GateClosedError } from "../calls/mod.ts";

/**
 * Counts who is inside and, once told to close, lets nobody in and waits until all have left. A
 * service closes its gate in `stop()`. It belongs to one shard: it does not travel.
 *
 * @see `seastar::gate`
 *
 * @example
 * ```ts
 * import { Gate } from "@tidepool/core";
 * import { assertEquals } from "@std/assert";
 *
 * const gate = new Gate();
 * const reply = gate.with(async () => await Promise.resolve("served"));
 * await gate.close(); // waits for the call above; nobody enters from now on
 * assertEquals(await reply, "served");
 * assertEquals(gate.tryEnter(), false);
 * ```
 */
export class Gate {
  #count = 0;
  /** Not undefined once `close()` was called. */
  #closing: PromiseWithResolvers<void> | undefined;

  /** How many are inside. O(1). */
  get count(): number {
    return this.#count;
  }

  /** Whether nobody may enter any more, though some may still be inside. O(1). */
  get isClosed(): boolean {
    return this.#closing !== undefined;
  }

  /**
   * Throws if nobody may enter: for a long loop inside, to see that it should end. O(1).
   *
   * @throws {GateClosedError} If the gate is closed or closing.
   */
  check(): void {
    if (this.#closing !== undefined) throw this.#closedError();
  }

  /** Enters if the gate is open; a `leave()` has to follow. O(1). */
  tryEnter(): boolean {
    if (this.#closing !== undefined) return false;
    this.#count++;
    return true;
  }

  /**
   * Enters; a `leave()` has to follow. O(1).
   *
   * @throws {GateClosedError} If the gate is closed or closing.
   */
  enter(): void {
    this.check();
    this.#count++;
  }

  /**
   * Leaves: the other half of `enter()`. O(1).
   *
   * @throws {RangeError} If nobody is inside.
   */
  leave(): void {
    if (this.#count === 0) {
      throw new RangeError("Cannot leave the gate: nobody is inside, expected an enter() before");
    }
    this.#count--;
    if (this.#count === 0) this.#closing?.resolve();
  }

  /**
   * Enters, and leaves when the holder is disposed of: `using _ = gate.hold()`. O(1).
   *
   * @throws {GateClosedError} If the gate is closed or closing.
   */
  hold(): GateHolder {
    return new GateHolder(this);
  }

  /**
   * Runs `run` inside the gate.
   *
   * @param run What to run; not called if the gate is closed.
   * @returns What `run` returns or resolves to.
   * @throws {GateClosedError} As a rejection: if the gate is closed or closing.
   *
   * @see `seastar::with_gate()`
   */
  async with<Result>(run: () => Result | PromiseLike<Result>): Promise<Result> {
    if (!this.tryEnter()) return await rejected(this.#closedError());
    try {
      return await run();
    } finally {
      this.leave();
    }
  }

  #closedError(): GateClosedError {
    return new GateClosedError(
      `Cannot enter the gate: it is closed, with ${this.#count} still inside`,
    );
  }

  /** Lets nobody in from now on. Resolves when all have left; every call gives the same promise. */
  close(): Promise<void> {
    if (this.#closing === undefined) {
      this.#closing = Promise.withResolvers();
      if (this.#count === 0) this.#closing.resolve();
    }
    return this.#closing.promise;
  }
}

/**
 * A place inside a gate. Disposing of it gives the place back, once.
 *
 * @see `seastar::gate::holder`
 */
export class GateHolder {
  #gate: Gate | undefined;

  /** Use `Gate.hold()`. */
  constructor(gate: Gate) {
    gate.enter();
    this.#gate = gate;
  }

  /** Leaves the gate. */
  [Symbol.dispose](): void {
    const gate = this.#gate;
    this.#gate = undefined;
    gate?.leave();
  }
}
